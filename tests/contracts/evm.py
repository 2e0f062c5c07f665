"""A bare EVM by London's rules: calls without blocks, signatures or fees, at any second."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth.chains.base import MiningChain
from eth.db.atomic import AtomicDB
from eth.vm.chain_context import ChainContext
from eth.vm.forks import LondonVM
from eth_typing import Address
from eth_utils import to_canonical_address

CHAIN_ID = 1337
GAS_LIMIT = 10_000_000
_GENESIS: dict[str, Any] = {"difficulty": 131_072, "gas_limit": 30_000_000, "timestamp": 0}


@dataclass(frozen=True)
class Outcome:
    """What a call gave: its output, or what it reverted with; and its logs, topics first."""

    reverted: bool
    output: bytes
    logs: Sequence[tuple[Sequence[int], bytes]]


class Evm:
    """Contracts and their storage; `EmbeddedChain` runs the same machine in real transactions."""

    def __init__(self) -> None:
        chain_class = MiningChain.configure(
            vm_configuration=((0, LondonVM),), chain_id=CHAIN_ID, __name__="BareChain"
        )
        self._vm = chain_class.from_genesis(AtomicDB(), _GENESIS, {}).get_vm()
        self._contracts = 0

    def create(self, sender: str, code: bytes, seconds: int) -> tuple[str, Outcome]:
        """Run a constructor, and keep the code that it returns at a new address."""
        self._contracts += 1
        address = Address((0xC0DE << 32 | self._contracts).to_bytes(20, "big"))
        outcome = self._execute(to_canonical_address(sender), address, b"", code, seconds)
        if not outcome.reverted:
            self._vm.state.set_code(address, outcome.output)
        return "0x" + address.hex(), outcome

    def call(self, sender: str, contract: str, data: bytes, seconds: int) -> Outcome:
        """Call a contract; a revert undoes what it did."""
        address = to_canonical_address(contract)
        code = self._vm.state.get_code(address)
        return self._execute(to_canonical_address(sender), address, data, code, seconds)

    def _execute(
        self, sender: Address, to: Address, data: bytes, code: bytes, seconds: int
    ) -> Outcome:
        state, vm = self._vm.state, self._vm
        header = vm.get_header().copy(timestamp=seconds)
        state.execution_context = vm.create_execution_context(header, (), ChainContext(CHAIN_ID))
        snapshot = state.snapshot()
        done = vm.execute_bytecode(sender, 0, GAS_LIMIT, to, sender, 0, data, code)
        if done.is_error:
            state.revert(snapshot)
        else:
            state.commit(snapshot)
        logs = [(topics, data) for _, topics, data in done.get_log_entries()]
        return Outcome(done.is_error, done.output, logs)
