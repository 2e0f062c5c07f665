"""The header's step: read the ledger, reject what is inadmissible, close the round that is due."""

from dataclasses import dataclass, field
from functools import partial

from aggregator.admission import Refusal
from aggregator.publish import Evaluate, publish
from aggregator.recompute import judge, side_by_side
from fl_node.chain.ledger import Snapshot
from fl_node.chain.timeline import RoundLog, Timeline, read_timeline
from fl_node.errors import RevertedError
from fl_node.federation import Federation
from fl_node.late import Late, late_nodes
from fl_node.report import Report
from fl_node.rounds import Global, Update
from fl_node.weights import Weights

# Something happened since the ledger was read: read it again.
_MOVED_ON = frozenset(
    {
        "GraceRunning",
        "NotClosable",
        "NotHeaderOrNode",
        "NotStanding",
        "OtherWeights",
        "StaleHistory",
        "WrongRound",
    }
)


@dataclass(frozen=True)
class Closer:
    """Whoever closes rounds: the header, or after the grace any node.

    :ivar evaluate: scores a global, for the report; the result is a claim that audits do not redo
    """

    federation: Federation
    evaluate: Evaluate
    _admitted: dict[Update, Weights] = field(default_factory=dict)


@dataclass(frozen=True)
class Rejected:
    """An update that this step took out of the round, and what was found."""

    update: Update
    refusal: Refusal


@dataclass(frozen=True)
class Closed:
    """A round that this step closed.

    :ivar late: nodes whose updates are in, although they came late
    """

    model: Global
    report: Report
    rejected: tuple[Rejected, ...]
    late: tuple[Late, ...]


@dataclass(frozen=True)
class NotDue:
    """A round that cannot be closed yet.

    :ivar missing: nodes without an update in the round
    :ivar deadline: from when on the quorum is enough, in seconds since 1970
    """

    round: int
    received: int
    missing: tuple[int, ...]
    deadline: int
    rejected: tuple[Rejected, ...]


@dataclass(frozen=True)
class AllClosed:
    """The last round is closed."""

    rounds: int


Closing = Closed | NotDue | AllClosed


def close(closer: Closer) -> Closing:
    """Do the one thing that is due for the header.

    Every update that stands is admitted or rejected on the chain as soon as it is seen, so that its
    node can send another while the round is open.

    :raises RevertedError: when the contract refuses for another reason than news on the chain
    """
    rejected: list[Rejected] = []
    while True:
        snapshot, timeline = read_timeline(closer.federation.ledger)
        if timeline.complete:
            return AllClosed(timeline.terms.rounds)
        log = timeline.open_round
        if log is None:
            return NotDue(0, 0, tuple(sorted(timeline.members)), 0, ())
        if not _acts(closer, snapshot, timeline):
            return _not_due(snapshot, log, rejected)
        try:
            if _reject_inadmissible(closer, timeline, log, rejected):
                continue
            if _closable_since(closer, snapshot) is None:
                return _not_due(snapshot, log, rejected)
            return _close(closer, timeline, log, rejected)
        except RevertedError as error:
            if error.name not in _MOVED_ON:
                raise


def _reject_inadmissible(
    closer: Closer, timeline: Timeline, log: RoundLog, rejected: list[Rejected]
) -> bool:
    """Add to what is rejected, and tell whether there was any: even if a later call reverts."""
    before = len(rejected)
    new = [update for update in log.updates.values() if update not in closer._admitted]
    for update, verdict in side_by_side(partial(judge, closer.federation, timeline), new):
        if isinstance(verdict, Refusal):
            closer.federation.ledger.reject_local_weight(
                update.node, update.round, update.weights, verdict.reason
            )
            rejected.append(Rejected(update, verdict))
        else:
            closer._admitted[update] = verdict
    return len(rejected) > before


def _acts(closer: Closer, snapshot: Snapshot, timeline: Timeline) -> bool:
    """Tell whether it is on this account to reject and close: the header's, later any node's."""
    since = _closable_since(closer, snapshot)
    ledger, grace = closer.federation.ledger, snapshot.terms.grace_seconds
    if ledger.account == snapshot.header:
        return True
    is_node = ledger.account in timeline.members.values()
    return is_node and since is not None and ledger.now() >= since + grace


def _closable_since(closer: Closer, snapshot: Snapshot) -> int | None:
    return snapshot.round.closable_since(snapshot.terms, closer.federation.ledger.now())


def _not_due(snapshot: Snapshot, log: RoundLog, rejected: list[Rejected]) -> NotDue:
    return NotDue(
        round=log.number,
        received=len(log.updates),
        missing=tuple(sorted(set(log.members) - set(log.updates))),
        deadline=snapshot.round.deadline(snapshot.terms),
        rejected=tuple(rejected),
    )


def _close(closer: Closer, timeline: Timeline, log: RoundLog, rejected: list[Rejected]) -> Closed:
    admitted = {node: closer._admitted[update] for node, update in log.updates.items()}
    model, report = publish(closer.federation, closer.evaluate, timeline, log, admitted)
    closer._admitted.clear()
    return Closed(model, report, tuple(rejected), late_nodes(timeline, log))
