"""What a contract's ledger does, and what a federation's does, whatever chain it lives on."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fl_node.cid import Cid
from fl_node.errors import UnreachableError
from fl_node.rounds import Global, Member, Reason, RoundState, Terms, Update

_SETTLING_SECONDS = 0.2


@dataclass(frozen=True)
class LedgerEvent:
    """One event of the contract.

    :ivar kind: its name, such as ``LocalWeightSet``
    :ivar values: its fields by name in the contract's order; ``bytes32`` fields as bytes
    :ivar block: number of its block
    :ivar timestamp: of its block, in seconds since 1970
    """

    kind: str
    values: Mapping[str, Any]
    block: int
    timestamp: int


@dataclass(frozen=True)
class Snapshot:
    """Everything that the contract holds about now, read at one block.

    :ivar latest: before the owner has put global 0, what it will be
    :ivar history: the running digest of all that happened; writes name the one they saw
    """

    round: RoundState
    terms: Terms
    latest: Global
    history: bytes
    header: str


class ContractLedger(ABC):
    """Some contract, seen by one account (or none, for reading only).

    Writes return once the transaction is in a block, and raise
    :class:`~fl_node.errors.RevertedError` when the contract refuses them.
    """

    chain_id: int
    account: str | None

    @abstractmethod
    def plan(self) -> Cid:
        """Name the plan: what is trained and by which rules."""

    @abstractmethod
    def owner(self) -> str:
        """Give the account that deployed the contract."""

    @abstractmethod
    def events(self) -> Sequence[LedgerEvent]:
        """Give all events of the contract since its creation, in order."""

    @abstractmethod
    def head(self) -> bytes:
        """Name the newest block: nothing has happened while it is the same, but time passing."""

    @abstractmethod
    def now(self) -> float:
        """Give the time by which deadlines are judged, in seconds since 1970."""

    @abstractmethod
    def settle(self) -> bool:
        """See that own writes stay on the chain, sending again what a re-ordering took out.

        :returns: whether all are so deep that none can be taken out any more
        """

    def wait_settled(self, seconds: float = 60) -> None:
        """Wait until own writes stay on the chain, as whoever ends or restarts a node must.

        :raises UnreachableError: when they do not in time; they may still
        """
        deadline = time.monotonic() + seconds
        while not self.settle():
            if time.monotonic() > deadline:
                raise UnreachableError(
                    f"what was written is not settled within {seconds:.0f} s: see that most of the "
                    "chain's sealers run and are connected, then try again"
                )
            time.sleep(_SETTLING_SECONDS)


class Ledger(ContractLedger):
    """A federation's contract."""

    federation: str

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """Read what the contract holds now."""

    @abstractmethod
    def member(self, node: int) -> Member | None:
        """Look up a registered node; None when there is none of this number."""

    @abstractmethod
    def local_weight(self, node: int) -> Update | None:
        """Give the node's update that stands in the open round, if there is one."""

    @abstractmethod
    def set_local_weight(self, update: Update) -> None:
        """Record an update for the open round."""

    @abstractmethod
    def reject_local_weight(
        self, node: int, update_round: int, weights: Cid, reason: Reason
    ) -> None:
        """Take an inadmissible update out of the open round."""

    @abstractmethod
    def set_global_weight(
        self, number: int, weights: Cid, report: Cid | None, history: bytes
    ) -> None:
        """Close a round with its global, over exactly the history that was read."""

    @abstractmethod
    def attest(self, node: int, number: int, weights: Cid, history: bytes) -> None:
        """State which weights this node computed for a global.

        It may return before a block has it: `settle` sees to the rest, and `events` show it. While
        an earlier word is on its way, nothing is said.
        """

    @abstractmethod
    def register_nodes(self, accounts: Mapping[int, str]) -> None:
        """Admit nodes, given by number, with their accounts; they count from the next opening."""

    def register_node(self, node: int, account: str) -> None:
        """Admit one node."""
        self.register_nodes({node: account})

    @abstractmethod
    def replace_node(self, node: int, account: str) -> None:
        """Give a node another account, at once."""

    @abstractmethod
    def remove_node(self, node: int) -> None:
        """Remove a node and withdraw its update from the open round."""

    @abstractmethod
    def set_header(self, account: str) -> None:
        """Make another account the header, at once."""

    @abstractmethod
    def set_terms(self, terms: Terms) -> None:
        """Change the terms from the next opening on."""

    @abstractmethod
    def extend(self, rounds: int) -> None:
        """Raise the number of the last round."""

    @abstractmethod
    def reopen(self, number: int) -> None:
        """Restart the open round, or one whose global is not final, from the same base."""
