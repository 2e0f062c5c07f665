"""One contract of split learning on a bare EVM, spoken to in its own words."""

from functools import cache
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import keccak

from fl_node.chain.epoch_signature import record_values, sign_epoch
from fl_node.chain.epochs import EpochRecord
from fl_node.chain.interface import split_session
from fl_node.cid import Cid
from tests.contracts.evm import CHAIN_ID, Evm
from tests.contracts.spoken import START, Event, Spoken

OWNER, STRANGER = (f"0x{number:040x}" for number in (0xA1, 0xA3))
NOBODY = "0x" + "00" * 20
PLAN = b"P" * 32
TERMS = {"epochs": 3, "deadlineSeconds": 100}
KEY, CERTIFICATE, ENDPOINT = b"K" * 32, b"certificate", b"node.example:7000"
CHECKPOINT = b"C" * 32


@cache
def signer(role: str) -> LocalAccount:
    """Give a role's account, with its key."""
    account: LocalAccount = Account.from_key(keccak(text=f"split sandbox, {role}"))
    return account


def address(role: str) -> str:
    """Give a role's address as the EVM's interface gives it."""
    return signer(role).address.lower()


PROVIDER = address("provider")


def digest(text: str) -> bytes:
    """Give a digest that can be told from others in a failure's output."""
    return text.encode().ljust(32, b".")


def record(node: int, epoch: int, text: str = "root", **changes: Any) -> EpochRecord:
    """Give a record of an epoch of 7 steps."""
    fields: dict[str, Any] = {
        "node": node,
        "epoch": epoch,
        "steps": 7,
        "root": digest(text),
        "records": Cid(digest("records")),
        "node_checkpoint": digest("node's"),
        "provider_checkpoint": digest("provider's"),
    }
    return EpochRecord(**(fields | changes))


class SplitSandbox(Spoken):
    """A contract and a clock; who registers keeps the role "node 1", "node 2", ….

    :ivar evm: may hold more contracts
    """

    def __init__(self, evm: Evm | None = None, now: int = START, **terms: int) -> None:
        super().__init__(split_session(), evm, now)
        self.created = self.create(OWNER, [PLAN, PROVIDER, tuple((TERMS | terms).values())])

    def start(self, nodes: int = 1) -> "SplitSandbox":
        """Register nodes 1, 2, …."""
        for number in range(1, nodes + 1):
            self.act(OWNER, "registerNode", number, address(f"node {number}"))
        return self

    def announce(self, node: int, **changes: Any) -> Event:
        """Announce a party for an hour; 0 is the provider."""
        fields = {"key": KEY, "certificate": CERTIFICATE, "endpoint": ENDPOINT}
        given = fields | {"expires": self.now + 3600} | changes
        by = self.look("session", node)["account"] if node else self.look("provider")
        return self.act(by, "announce", node, *given.values())

    def sign(self, role: str, epoch: EpochRecord) -> bytes:
        """Sign an epoch's record for this contract as some role."""
        return sign_epoch(signer(role), epoch, CHAIN_ID, self.address)

    def record(
        self, node: int, node_role: str = "", provider_role: str = "provider", **changes: Any
    ) -> Event:
        """Record the node's next epoch, signed by these roles."""
        epoch = changes.pop("epoch", self.look("session", node)["epochs"] + 1)
        given = record(node, epoch, **changes)
        return self.record_signed(given, node_role or f"node {node}", provider_role)

    def record_signed(self, given: EpochRecord, node_role: str, provider_role: str) -> Event:
        """Record an epoch, signed by these roles."""
        signatures = self.sign(node_role, given), self.sign(provider_role, given)
        return self.act(STRANGER, "recordEpoch", record_values(given), *signatures)

    def record_alone(self, node: int, by: str, difference: int = 0, **changes: Any) -> Event:
        """Record the node's next epoch as some role alone."""
        epoch = changes.pop("epoch", self.look("session", node)["epochs"] + 1)
        values = (node, epoch, 7, digest("root"), digest("records"), CHECKPOINT, difference)
        return self.act(address(by), "recordAlone", *values)

    def hand_on(self, from_node: int, to_node: int, epoch: int = 1, by: str = "") -> Event:
        """Hand a node's part on, as its own account if no other role is named; 0 is to all."""
        role = by or f"node {from_node}"
        return self.act(address(role), "handOn", from_node, to_node, epoch, digest("weights"))
