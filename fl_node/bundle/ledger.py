"""A federation's contract as a bundle proves it: for reading only."""

from collections.abc import Mapping, Sequence
from typing import NoReturn

from fl_node.bundle.evidence import Evidence
from fl_node.chain.ledger import Ledger, LedgerEvent, Snapshot
from fl_node.chain.timeline import RoundLog, Timeline, timeline_of
from fl_node.cid import Cid
from fl_node.errors import LedgerError
from fl_node.rounds import Global, Member, Reason, RoundState, Terms, Update


class BundleLedger(Ledger):
    """What the events say; what the contract keeps beside them is not there."""

    account = None

    def __init__(self, federation: str, chain_id: int, evidence: Evidence) -> None:
        """Look at proven events.

        :raises LedgerError: when they do not fit each other
        """
        self.federation, self.chain_id = federation, chain_id
        self._evidence = evidence
        self._timeline = timeline_of(evidence.events)

    def plan(self) -> Cid:
        """Name the federation's plan."""
        return self._timeline.plan

    def owner(self) -> str:
        """Give the account that deployed the federation."""
        return self._timeline.owner

    def snapshot(self) -> Snapshot:
        """Say what the contract held at the last block; when it became closable is not known."""
        timeline = self._timeline
        number = timeline.open_number
        latest = timeline.model(number - 1) if number else Global(0, timeline.initial, None)
        return Snapshot(
            round=_state(timeline),
            terms=timeline.terms,
            latest=latest,
            history=timeline.history,
            header=timeline.header,
        )

    def member(self, node: int) -> Member | None:
        """Refuse: since when a node may send updates is not in the events."""
        raise LedgerError(f"node {node} was asked of a bundle, which has events only: see status")

    def local_weight(self, node: int) -> Update | None:
        """Give the node's update that stands in the open round."""
        log = self._timeline.open_round
        return log.updates.get(node) if log else None

    def events(self) -> Sequence[LedgerEvent]:
        """Give all events since the creation."""
        return self._evidence.events

    def head(self) -> bytes:
        """Give the last block's hash."""
        return self._evidence.head[1]

    def now(self) -> float:
        """Give the time of the last event: there is no other clock here."""
        return self._evidence.events[-1].timestamp

    def settle(self) -> bool:
        """Have nothing to settle."""
        return True

    def set_local_weight(self, update: Update) -> None:
        """Refuse."""
        _refuse(f"an update of node {update.node}")

    def reject_local_weight(
        self, node: int, update_round: int, weights: Cid, reason: Reason
    ) -> None:
        """Refuse."""
        _refuse(f"the rejection of {weights} ({node}, {update_round}, {reason.label})")

    def set_global_weight(
        self, number: int, weights: Cid, report: Cid | None, history: bytes
    ) -> None:
        """Refuse."""
        _refuse(f"global {number} ({weights}, {report}, {history.hex()})")

    def attest(self, node: int, number: int, weights: Cid, history: bytes) -> None:
        """Refuse."""
        _refuse(f"node {node}'s word on global {number} ({weights}, {history.hex()})")

    def register_nodes(self, accounts: Mapping[int, str]) -> None:
        """Refuse."""
        _refuse(f"the nodes {list(accounts)}")

    def replace_node(self, node: int, account: str) -> None:
        """Refuse."""
        _refuse(f"{account} for node {node}")

    def remove_node(self, node: int) -> None:
        """Refuse."""
        _refuse(f"the removal of node {node}")

    def set_header(self, account: str) -> None:
        """Refuse."""
        _refuse(f"{account} as the header")

    def set_terms(self, terms: Terms) -> None:
        """Refuse."""
        _refuse(f"{terms}")

    def extend(self, rounds: int) -> None:
        """Refuse."""
        _refuse(f"{rounds} rounds")

    def reopen(self, number: int) -> None:
        """Refuse."""
        _refuse(f"round {number} once more")


def _refuse(what: str) -> NoReturn:
    raise LedgerError(f"{what} was sent to a bundle, which is only read: use the chain")


def _state(timeline: Timeline) -> RoundState:
    log = timeline.open_round or RoundLog(0, timeline.terms, {}, 0)
    before = timeline.rounds.get(timeline.open_number - 1)
    attested = {
        word.node
        for word in (before.attestations if before else ())
        if word.agrees and word.opening == timeline.opening
    }
    return RoundState(
        number=timeline.open_number,
        opening=timeline.opening,
        members=len(log.members),
        received=len(log.updates),
        attested=len(attested),
        opened_at=log.opened_at,
        closable_at=0,
        final=len(attested) >= timeline.terms.finality,
    )
