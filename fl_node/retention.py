"""Which bytes of a federation a node's own store may forget, where its owner wants it to."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from fl_node.chain.timeline import RoundLog, Timeline
from fl_node.cid import Cid
from fl_node.errors import ReportError
from fl_node.report import Report
from fl_node.store.store import Store

_MAX_REPORT_BYTES = 3 * 1024 * 1024
_READ_SECONDS = 10.0


def superseded_rounds(timeline: Timeline, keep_rounds: int) -> list[RoundLog]:
    """List the closed rounds before the last ``keep_rounds`` closed ones; 0 keeps all."""
    closed = [log for _, log in sorted(timeline.rounds.items()) if log.closing]
    return closed[:-keep_rounds] if keep_rounds else []


def superseded(
    timeline: Timeline, keep_rounds: int, states: Mapping[int, Cid] | None = None
) -> frozenset[Cid]:
    """Name the updates, globals and strategy states that only superseded rounds need.

    Plan, initial weights and all reports stay. So does what a round that is kept, or open, starts
    from: the global and the state before it, and every base that its updates have or may have.

    :param states: round to the strategy's state after it, as far as known
    """
    states = states or {}
    old = {log.number for log in superseded_rounds(timeline, keep_rounds)}
    kept = [log for number, log in timeline.rounds.items() if number not in old]
    candidates = {cid for number in old for cid in _written(timeline.rounds[number], states)}
    return frozenset(candidates - set(_needed(timeline, kept, states)))


class Retention:
    """Keeps a node's store to the rounds that its owner wants kept; a resident role holds one.

    :ivar keep_rounds: how many closed rounds keep their bytes; 0 means all
    """

    def __init__(self, store: Store, keep_rounds: int, say: Callable[[str], None]) -> None:
        """Prepare; nothing is dropped yet.

        :param say: takes what the owner should know, once
        """
        self._store = store
        self.keep_rounds = keep_rounds
        self._say = say
        self._said = False
        self._states: dict[Cid, Cid | None] = {}  # by their reports, of superseded rounds
        self._dropped: set[Cid] = set()

    def apply(self, timeline: Timeline) -> list[Cid]:
        """Drop what is superseded by now and was not dropped yet; tell what.

        :raises StoreError: when the store cannot; another call goes on where this one ended
        """
        old = superseded_rounds(timeline, self.keep_rounds)
        if not old:
            return []
        states = self._known_states(timeline, old)
        due = sorted(superseded(timeline, self.keep_rounds, states) - self._dropped)
        if due and not self._said:
            self._said = True
            self._say(_notice(self.keep_rounds))
        for cid in due:
            self._store.drop(cid)
            self._dropped.add(cid)
        return due

    def _known_states(self, timeline: Timeline, old: list[RoundLog]) -> dict[int, Cid]:
        reports = {
            number: log.closing.model.report
            for number, log in timeline.rounds.items()
            if log.closing and log.closing.model.report
        }
        for report in (reports[log.number] for log in old if log.number in reports):
            if report not in self._states:
                self._states[report] = self._reported_state(report)
        found = {
            number: self._states[report] if report in self._states else self._reported_state(report)
            for number, report in reports.items()
        }
        return {number: state for number, state in found.items() if state}

    def _reported_state(self, report: Cid) -> Cid | None:
        """Read the state's name where this store has the report; nobody else is asked for it."""
        if not self._store.holds(report):
            return None
        try:
            content = self._store.read(
                report, max_bytes=_MAX_REPORT_BYTES, timeout_seconds=_READ_SECONDS
            )
            return Report.decode(content).recomputable.state
        except ReportError:
            return None  # the closer's lie, which an audit finds


def _notice(keep_rounds: int) -> str:
    return (
        f"this node keeps the bytes of the last {keep_rounds} closed rounds (keep_rounds): "
        "an audit of earlier ones needs the store of a member that keeps all"
    )


def _written(log: RoundLog, states: Mapping[int, Cid]) -> Iterator[Cid]:
    yield from (update.weights for update in log.submitted)
    yield from (closing.model.weights for closing in log.closings)
    if log.number in states:
        yield states[log.number]


def _needed(
    timeline: Timeline, kept: Iterable[RoundLog], states: Mapping[int, Cid]
) -> Iterator[Cid]:
    yield from (timeline.plan, timeline.initial)
    for log in timeline.rounds.values():
        yield from (closing.model.report for closing in log.closings if closing.model.report)
    for log in kept:
        yield from _written(log, states)
        if log.number - 1 in states:
            yield states[log.number - 1]
        yield from (timeline.model(base).weights for base in _bases(timeline, log))


def _bases(timeline: Timeline, log: RoundLog) -> set[int]:
    """Number the globals that a round's updates were trained from, or may be while it is open."""
    bases = {log.number - 1} | {update.base for update in log.submitted}
    if log.closing:
        return bases
    staleness = max(timeline.terms.max_staleness, timeline.pending_terms.max_staleness)
    return bases | set(range(max(0, log.number - 1 - staleness), log.number))
