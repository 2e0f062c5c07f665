"""What happened in a federation, folded from the contract's events into rounds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any
from weakref import WeakKeyDictionary

from fl_node.chain.folding import folded
from fl_node.chain.ledger import Ledger, LedgerEvent, Snapshot
from fl_node.cid import Cid
from fl_node.errors import LedgerError
from fl_node.rounds import Global, Reason, Rejection, Terms, Update

_READ_ATTEMPTS = 20
_ATTESTATION = "Attested"


@dataclass(frozen=True)
class Attestation:
    """A node's word on a global; it agrees or it is a public dispute.

    :ivar opening: the one that it was given in; it counts in no other
    """

    node: int
    round: int
    weights: Cid
    agrees: bool
    opening: int


@dataclass(frozen=True)
class Closing:
    """A global put on the chain: who closed, when, over which history, and what nodes say to it."""

    model: Global
    by: str
    timestamp: int
    seen_history: bytes
    attestations: tuple[Attestation, ...] = ()


@dataclass(frozen=True)
class RoundLog:
    """One round: who was expected, what stands, what was rejected, how it was closed.

    :ivar opened_at: from when its deadline is counted: of the block that opened it last, or that
        brought the last attestation that the global before needed
    :ivar members: nodes that were registered when the round opened, with their accounts
    :ivar updates: node to the update that stands
    :ivar arrived: node to the time of the block that brought its newest update
    :ivar submitted: every update ever sent, in order
    :ivar closings: none while the round is open; more than one after a replacement
    """

    number: int
    terms: Terms
    members: Mapping[int, str]
    opened_at: int
    updates: Mapping[int, Update] = field(default_factory=dict)
    arrived: Mapping[int, int] = field(default_factory=dict)
    submitted: tuple[Update, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    closings: tuple[Closing, ...] = ()

    @property
    def closing(self) -> Closing | None:
        """The closing that counts: the last one."""
        return self.closings[-1] if self.closings else None

    @property
    def attestations(self) -> tuple[Attestation, ...]:
        """What nodes say to the closing that counts."""
        return self.closing.attestations if self.closing else ()

    @property
    def deadline(self) -> int:
        """From when on the quorum is enough, in seconds since 1970."""
        return self.opened_at + self.terms.round_seconds

    @property
    def missing(self) -> list[int]:
        """Members without an update that stands or was rejected."""
        rejected = {rejection.update.node for rejection in self.rejections}
        return sorted(set(self.members) - set(self.updates) - rejected)


@dataclass(frozen=True)
class Timeline:
    """A federation from its creation to its newest event.

    :ivar rounds: closed rounds and the open one, by number, from 1
    :ivar members: node to account, as registered now
    :ivar owner_acts: everything that the owner did after the creation
    :ivar opening: counts every opening of a round (after a close, a replacement, a reopening)
    :ivar history: the running digest after the last event
    """

    plan: Cid
    initial: Cid
    owner: str
    header: str
    terms: Terms
    pending_terms: Terms
    history: bytes
    members: Mapping[int, str] = field(default_factory=dict)
    rounds: Mapping[int, RoundLog] = field(default_factory=dict)
    owner_acts: tuple[LedgerEvent, ...] = ()
    open_number: int = 0
    opening: int = 0

    @property
    def complete(self) -> bool:
        """Whether the last round is closed."""
        return self.open_number > self.terms.rounds

    @property
    def open_round(self) -> RoundLog | None:
        """The round that takes updates; None before the start."""
        return self.rounds.get(self.open_number)

    def node_of(self, account: str | None) -> int | None:
        """Look up the node that an account is registered for; None when there is none."""
        return next((node for node, member in self.members.items() if member == account), None)

    def model(self, number: int) -> Global:
        """Look up a global by its number.

        :raises LedgerError: when there is none yet
        """
        if number == 0:
            return Global(0, self.initial, None)
        log = self.rounds.get(number)
        if log is None or log.closing is None:
            raise LedgerError(
                f"global {number} was asked for, the latest is {self.open_number - 1}"
            )
        return log.closing.model


def timeline_of(events: Iterable[LedgerEvent]) -> Timeline:
    """Fold a federation's events, from its creation on.

    :raises LedgerError: when they do not begin with the creation, or do not fit each other
    """
    stream = iter(events)
    first = next(stream, None)
    if first is None or first.kind != "FederationCreated":
        raise LedgerError("the chain has no federation at this address: check it and the chain")
    timeline = _created(first.values)
    for event in stream:
        timeline = _followed(timeline, event)
    return timeline


def _followed(timeline: Timeline, event: LedgerEvent) -> Timeline:
    timeline = folded(_FOLDS, timeline, event)
    if event.kind == _ATTESTATION:  # it only repeats the digest
        return timeline
    return replace(timeline, history=event.values["history"])


def read_timeline(ledger: Ledger) -> tuple[Snapshot, Timeline]:
    """Read state and events that belong together, and fold these.

    :raises LedgerError: when the chain moves faster than it can be read
    """
    snapshot, events = read_events(ledger)
    known = _folded.get(ledger)
    if known is not None and events[: len(known.events)] == known.events:
        timeline = reduce(_followed, events[len(known.events) :], known.timeline)
    else:  # for the first time, or after the chain's newest blocks were replaced
        timeline = timeline_of(events)
    _folded[ledger] = _Folded(events, timeline)
    return snapshot, timeline


@dataclass(frozen=True)
class _Folded:
    """How far a ledger's events were folded: a step does not begin at the creation again."""

    events: Sequence[LedgerEvent]
    timeline: Timeline


_folded: WeakKeyDictionary[Ledger, _Folded] = WeakKeyDictionary()


def read_events(ledger: Ledger) -> tuple[Snapshot, Sequence[LedgerEvent]]:
    """Read state and events that belong together.

    :raises LedgerError: when the chain moves faster than it can be read
    """
    for _ in range(_READ_ATTEMPTS):
        events = ledger.events()
        snapshot = ledger.snapshot()
        if snapshot.history == _newest_digest(events):
            return snapshot, events
    raise LedgerError("the chain's events and its state do not agree: is the node still syncing?")


def _newest_digest(events: Sequence[LedgerEvent]) -> bytes:
    folded = (event for event in reversed(events) if event.kind != _ATTESTATION)
    return next((bytes(event.values["history"]) for event in folded), b"")


def _created(values: Mapping[str, Any]) -> Timeline:
    terms = Terms(*values["terms"])
    return Timeline(
        plan=Cid(values["plan"]),
        initial=Cid(values["initial"]),
        owner=values["owner"],
        header=values["header"],
        terms=terms,
        pending_terms=terms,
        history=values["history"],
    )


def _opened(timeline: Timeline, number: int, timestamp: int) -> Timeline:
    log = RoundLog(number, timeline.pending_terms, dict(timeline.members), timestamp)
    return replace(
        timeline,
        open_number=number,
        opening=timeline.opening + 1,
        terms=timeline.pending_terms,
        rounds={**timeline.rounds, number: log},
    )


def _with_round(timeline: Timeline, number: int, log: RoundLog) -> Timeline:
    return replace(timeline, rounds={**timeline.rounds, number: log})


def _local_weight_set(timeline: Timeline, event: LedgerEvent) -> Timeline:
    values = event.values
    update = Update(
        node=values["nodeId"],
        round=values["round"],
        base=values["base"],
        weights=Cid(values["weights"]),
        samples=values["samples"],
        attempt=values["attempt"],
    )
    log = timeline.rounds[update.round]
    log = replace(
        log,
        updates={**log.updates, update.node: update},
        arrived={**log.arrived, update.node: event.timestamp},
        submitted=(*log.submitted, update),
    )
    return _with_round(timeline, update.round, log)


def _local_weight_rejected(timeline: Timeline, event: LedgerEvent) -> Timeline:
    values = event.values
    log, node = timeline.rounds[values["round"]], values["nodeId"]
    rejection = Rejection(log.updates[node], Reason(values["reason"]), values["by"])
    log = replace(_withdrawn(log, node), rejections=(*log.rejections, rejection))
    return _with_round(timeline, log.number, log)


def _global_weight_set(timeline: Timeline, event: LedgerEvent) -> Timeline:
    values = event.values
    number = values["round"]
    if number:
        report = Cid(values["report"]) if any(values["report"]) else None
        model = Global(number, Cid(values["weights"]), report)
        closing = Closing(model, values["by"], event.timestamp, timeline.history)
        log = timeline.rounds[number]
        timeline = _with_round(timeline, number, replace(log, closings=(*log.closings, closing)))
    return _opened(timeline, number + 1, event.timestamp)


def _attested(timeline: Timeline, event: LedgerEvent) -> Timeline:
    values = event.values
    word = Attestation(
        node=values["nodeId"],
        round=values["round"],
        weights=Cid(values["weights"]),
        agrees=values["agrees"],
        opening=timeline.opening,
    )
    log = timeline.rounds[word.round]
    *earlier, last = log.closings
    last = replace(last, attestations=(*last.attestations, word))
    timeline = _with_round(timeline, word.round, replace(log, closings=(*earlier, last)))
    opened = timeline.open_round
    agreeing = [each for each in last.attestations if (each.agrees, each.opening) == _counts(word)]
    if opened is None or not word.agrees or len(agreeing) != timeline.terms.finality:
        return timeline
    opened = replace(opened, opened_at=event.timestamp)  # it takes updates from now on
    return _with_round(timeline, opened.number, opened)


def _counts(word: Attestation) -> tuple[bool, int]:
    return True, word.opening


def _node_registered(timeline: Timeline, event: LedgerEvent) -> Timeline:
    members = {**timeline.members, event.values["nodeId"]: event.values["account"]}
    return _owner_act(replace(timeline, members=members), event)


def _node_replaced(timeline: Timeline, event: LedgerEvent) -> Timeline:
    return _node_registered(_with_withdrawal(timeline, event.values["nodeId"]), event)


def _node_removed(timeline: Timeline, event: LedgerEvent) -> Timeline:
    node = event.values["nodeId"]
    members = {number: account for number, account in timeline.members.items() if number != node}
    timeline = replace(_with_withdrawal(timeline, node), members=members)
    return _owner_act(timeline, event)


def _header_set(timeline: Timeline, event: LedgerEvent) -> Timeline:
    return _owner_act(replace(timeline, header=event.values["header"]), event)


def _terms_set(timeline: Timeline, event: LedgerEvent) -> Timeline:
    terms = Terms(*event.values["terms"])
    started = timeline.open_number > 0
    now = timeline.terms if started else terms
    return _owner_act(replace(timeline, terms=now, pending_terms=terms), event)


def _extended(timeline: Timeline, event: LedgerEvent) -> Timeline:
    was_complete = timeline.complete
    rounds = event.values["rounds"]
    timeline = replace(
        timeline,
        terms=replace(timeline.terms, rounds=rounds),
        pending_terms=replace(timeline.pending_terms, rounds=rounds),
    )
    if was_complete:
        opening = timeline.opening  # the same, so that attestations go on counting
        timeline = _opened(timeline, timeline.open_number, event.timestamp)
        timeline = replace(timeline, opening=opening)
    return _owner_act(timeline, event)


def _reopened(timeline: Timeline, event: LedgerEvent) -> Timeline:
    number = event.values["round"]
    rounds = {known: log for known, log in timeline.rounds.items() if known < number}
    timeline = _opened(replace(timeline, rounds=rounds), number, event.timestamp)
    return _owner_act(timeline, event)


def _owner_act(timeline: Timeline, event: LedgerEvent) -> Timeline:
    return replace(timeline, owner_acts=(*timeline.owner_acts, event))


def _with_withdrawal(timeline: Timeline, node: int) -> Timeline:
    log = timeline.open_round
    return timeline if log is None else _with_round(timeline, log.number, _withdrawn(log, node))


def _withdrawn(log: RoundLog, node: int) -> RoundLog:
    return replace(log, updates={n: update for n, update in log.updates.items() if n != node})


_FOLDS: Mapping[str, Callable[[Timeline, LedgerEvent], Timeline]] = {
    "LocalWeightSet": _local_weight_set,
    "LocalWeightRejected": _local_weight_rejected,
    "GlobalWeightSet": _global_weight_set,
    _ATTESTATION: _attested,
    "NodeRegistered": _node_registered,
    "NodeReplaced": _node_replaced,
    "NodeRemoved": _node_removed,
    "HeaderSet": _header_set,
    "TermsSet": _terms_set,
    "Extended": _extended,
    "Reopened": _reopened,
}
