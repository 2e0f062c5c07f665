"""What a federation's chain and reports say of its rounds, for people and programs."""

from dataclasses import dataclass

from fl_node.chain.timeline import RoundLog, Timeline, read_timeline
from fl_node.cid import Cid
from fl_node.errors import ReportError, StoreError
from fl_node.federation import Federation
from fl_node.late import Late, late_nodes
from fl_node.report import Report


@dataclass(frozen=True)
class RoundStatus:
    """One round: who is in, late, rejected, missing, and what its nodes say to its global.

    :ivar model: its global; None while it is open
    :ivar late: some of those that are in, and some that are missing
    :ivar duplicates: pairs of nodes whose tensors are equal, as its report says
    :ivar agreeing: nodes that recomputed the global and got the same
    :ivar disputing: nodes that got another
    :ivar accuracy: as its closer measured it; None without such a metric
    :ivar loss: as its closer measured it; None where it measured nothing
    :ivar unreadable: why the report could not be read; None if it could
    """

    number: int
    model: Cid | None
    included: tuple[int, ...]
    late: tuple[Late, ...]
    rejected: tuple[tuple[int, str], ...]
    missing: tuple[int, ...]
    duplicates: tuple[tuple[int, int], ...]
    agreeing: tuple[int, ...]
    disputing: tuple[int, ...]
    accuracy: float | None
    loss: float | None
    unreadable: str | None


@dataclass(frozen=True)
class Status:
    """A federation now.

    :ivar open_number: the open round; past ``rounds_total`` when the federation is complete
    :ivar closable: whether the open round waits to be closed
    """

    federation: str
    chain_id: int
    plan: Cid
    name: str
    open_number: int
    rounds_total: int
    complete: bool
    closable: bool
    deadline: int
    latest: Cid
    latest_number: int
    rounds: tuple[RoundStatus, ...]
    nodes: tuple[tuple[int, str], ...]


def status_of(federation: Federation) -> Status:
    """Read a federation's status.

    :raises LedgerError: when the chain cannot be read
    """
    snapshot, timeline = read_timeline(federation.ledger)
    since = snapshot.round.closable_since(snapshot.terms, federation.ledger.now())
    return Status(
        federation=federation.ledger.federation,
        chain_id=federation.ledger.chain_id,
        plan=timeline.plan,
        name=federation.plan.name,
        open_number=snapshot.round.number,
        rounds_total=snapshot.terms.rounds,
        complete=timeline.complete,
        closable=since is not None and not timeline.complete,
        deadline=snapshot.round.deadline(snapshot.terms),
        latest=snapshot.latest.weights,
        latest_number=snapshot.latest.number,
        rounds=tuple(_round(federation, timeline, log) for log in _shown(timeline)),
        nodes=tuple(sorted(timeline.members.items())),
    )


def _shown(timeline: Timeline) -> list[RoundLog]:
    total = timeline.terms.rounds
    return [log for number, log in sorted(timeline.rounds.items()) if number <= total]


def _round(federation: Federation, timeline: Timeline, log: RoundLog) -> RoundStatus:
    report, unreadable = _report(federation, log)
    metrics = report.observed.metrics if report else {}
    return RoundStatus(
        number=log.number,
        model=log.closing.model.weights if log.closing else None,
        included=tuple(sorted(log.updates)),
        late=late_nodes(timeline, log),
        rejected=tuple((each.update.node, each.reason.label) for each in log.rejections),
        missing=tuple(log.missing),
        duplicates=report.recomputable.duplicates if report else (),
        agreeing=tuple(sorted(word.node for word in log.attestations if word.agrees)),
        disputing=tuple(sorted(word.node for word in log.attestations if not word.agrees)),
        accuracy=metrics.get("accuracy"),
        loss=metrics.get("loss"),
        unreadable=unreadable,
    )


def _report(federation: Federation, log: RoundLog) -> tuple[Report | None, str | None]:
    if log.closing is None:
        return None, None
    if log.closing.model.report is None:
        return None, "the round was closed without a report"
    try:
        return Report.decode(federation.small(log.closing.model.report)), None
    except (StoreError, ReportError) as error:
        return None, str(error)
