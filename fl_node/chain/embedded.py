"""A whole chain in this process: py-evm by London's rules, a block for every transaction."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from eth.vm.forks import LondonVM
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_tester import EthereumTester, PyEVMBackend
from eth_utils import ValidationError, keccak, to_canonical_address
from web3 import EthereumTesterProvider, Web3
from web3.types import TxParams, TxReceipt, Wei

from fl_node.chain.body import Body
from fl_node.chain.connection import Connection
from fl_node.chain.header import Header
from fl_node.chain.journal import Journal
from fl_node.errors import LedgerError

# A chain by London's rules has a difficulty; nobody works for it here.
DIFFICULTY = 131_072
_TIP_WEI = Wei(10**9)
FUNDED = {"balance": 10**24, "nonce": 0, "code": b"", "storage": {}}


def embedded_account(role: str) -> LocalAccount:
    """Give a role's account on embedded chains: a well-known key, since nobody else is there."""
    account: LocalAccount = Account.from_key(keccak(text=f"flnode embedded chain, {role}"))
    return account


class EmbeddedChain(Connection):
    """A chain that lives in this process, and in a journal of its transactions if it has one.

    It takes raw transactions that were signed elsewhere; its time moves by `set_time` or, without,
    by its clock. The journal replayed gives the same blocks, hash for hash.

    :ivar web3: JSON-RPC to it
    :ivar settled_depth: 1, since nobody else makes blocks
    """

    settled_depth = 1

    def __init__(
        self,
        funded: Iterable[str],
        genesis_seconds: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Start at block 0 with balances for these accounts; reads are made as the first of them.

        :param genesis_seconds: block 0's timestamp, in seconds since 1970
        :param clock: gives seconds since 1970
        """
        accounts = list(funded)
        self._clock = clock
        self._journal: Journal | None = None
        self._next_seconds: int | None = None
        self._backend = PyEVMBackend(
            genesis_parameters=PyEVMBackend.generate_genesis_params(
                {"timestamp": genesis_seconds, "difficulty": DIFFICULTY}
            ),
            genesis_state={to_canonical_address(account): FUNDED for account in accounts},
            vm_configuration=((0, LondonVM),),
        )
        self._apply = self._backend.send_raw_transaction
        self._backend.send_raw_transaction = self._send_raw_transaction
        self.web3 = Web3(EthereumTesterProvider(EthereumTester(backend=self._backend)))
        self.web3.eth.default_account = Web3.to_checksum_address(accounts[0])

    @classmethod
    def create(
        cls, journal: Path, funded: Iterable[str], clock: Callable[[], float] = time.time
    ) -> "EmbeddedChain":
        """Start a chain that keeps a journal, from which `load` gives it back.

        :raises LedgerError: when the journal is there already, or cannot be written
        """
        accounts, genesis_seconds = list(funded), int(clock())
        first = {"funded": accounts, "genesis_seconds": genesis_seconds}
        chain = cls(accounts, genesis_seconds, clock)
        chain._journal = Journal.create(journal, first)
        return chain

    @classmethod
    def load(cls, journal: Path, clock: Callable[[], float] = time.time) -> "EmbeddedChain":
        """Replay a journal; a last line that a crash cut off never happened.

        :raises LedgerError: when the file is missing, damaged or no journal
        """
        written, entries = Journal.read(journal)
        try:
            chain = cls(entries[0]["funded"], entries[0]["genesis_seconds"], clock)
            for entry in entries[1:]:
                chain.set_time(entry["seconds"])
                chain.web3.eth.send_raw_transaction(entry["raw"])
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise LedgerError(f"{journal} is no embedded chain's journal: {error!r}") from error
        chain._journal = written
        return chain

    @property
    def chain_id(self) -> int:
        """Give the id that transactions are signed for."""
        return int(self._backend.chain.chain_id)

    def now(self) -> float:
        """Give the next block's timestamp, in seconds since 1970."""
        if self._next_seconds is not None:
            return self._next_seconds
        return max(int(self._clock()), self._newest_seconds() + 1)

    def set_time(self, seconds: int) -> None:
        """Give the next block this timestamp, in seconds since 1970; "pending" calls see it too.

        :raises LedgerError: when it is not after the newest block's
        """
        newest = self._newest_seconds()
        if seconds <= newest:
            raise LedgerError(
                f"asked for a block at {seconds} s, found the newest one at {newest} s; "
                "try a later time"
            )
        self._next_seconds = seconds
        self._set_header(timestamp=seconds)

    def tip(self) -> Wei:
        """Offer the usual; nobody collects it here."""
        return _TIP_WEI

    def refusal(self, _call: TxParams) -> bytes | None:
        """Find nothing: mining is as cheap as trying."""
        return None

    def revert_data(self, receipt: TxReceipt) -> bytes:
        """Run a mined transaction that failed once more, on the state it met, at its time."""
        chain = self._backend.chain
        block = chain.get_canonical_block_by_number(receipt["blockNumber"])
        parent = chain.get_canonical_block_header_by_number(receipt["blockNumber"] - 1)
        state = chain.get_vm(block.header.copy(state_root=parent.state_root)).state
        mined = block.transactions[receipt["transactionIndex"]]
        computation = state.apply_transaction(mined)
        return bytes(computation.output)

    def header(self, number: int) -> Header:
        """Give a block's header."""
        header = self._backend.chain.get_canonical_block_header_by_number(number)
        return Header(tuple(header.serialize(header)))

    def body(self, number: int) -> Body:
        """Give a block's transactions and receipts."""
        chain = self._backend.chain
        block = chain.get_canonical_block_by_number(number)
        receipts = block.get_receipts(chain.chaindb)
        return Body(
            tuple(each.encode() for each in block.transactions),
            tuple(each.encode() for each in receipts),
        )

    def _send_raw_transaction(self, raw: bytes) -> bytes:
        chain, seconds = self._backend.chain, int(self.now())
        self._set_header(timestamp=seconds)
        before = chain.header
        try:
            transaction_hash: bytes = self._apply(raw)
            self._write({"raw": "0x" + raw.hex(), "seconds": seconds})
        except ValidationError as error:
            raise LedgerError(f"the embedded chain refused a transaction: {error}") from error
        except LedgerError:
            chain.header = before  # what is not in the journal never happened
            raise
        self._next_seconds = None
        return transaction_hash

    def _write(self, entry: dict[str, object]) -> None:
        if self._journal is not None:
            self._journal.append(entry)

    def _newest_seconds(self) -> int:
        return int(self._backend.chain.get_canonical_head().timestamp)

    def _set_header(self, timestamp: int) -> None:
        chain = self._backend.chain
        chain.header = chain.header.copy(timestamp=timestamp)
