"""Recompute a federation from its chain and its store, and say where they do not agree."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial

from aggregator.admission import Refusal
from aggregator.recompute import judge, recompute, side_by_side
from fl_node.chain.history import HistoryBreak, first_break
from fl_node.chain.timeline import Closing, RoundLog, Timeline, read_events, timeline_of
from fl_node.errors import (
    ReportError,
    StoreError,
    StrategyError,
    WeightsError,
)
from fl_node.federation import Federation
from fl_node.report import Recomputable, Report
from fl_node.rounds import Reason, Rejection, Update
from fl_node.weights import Weights

REPRODUCED = "reproduced"
CONTRADICTED = "contradicted"
UNVERIFIABLE = "unverifiable"
ERASED = "bytes-erased"
_LABEL = Reason.UNAVAILABLE.label


@dataclass(frozen=True)
class Finding:
    """Something that does not hold.

    :ivar round: 0 when it is about the federation as a whole
    :ivar node: None when it is about the closer's work
    :ivar reason: one word for programs
    :ivar detail: one line for people
    """

    round: int
    node: int | None
    reason: str
    detail: str


@dataclass(frozen=True)
class RejectionVerdict:
    """What an audit makes of a rejection: reproduced, contradicted or unverifiable, and why."""

    rejection: Rejection
    verdict: str
    found: str


@dataclass(frozen=True)
class RoundAudit:
    """One closed round, recomputed."""

    number: int
    findings: tuple[Finding, ...]
    rejections: tuple[RejectionVerdict, ...]
    disputes: tuple[int, ...]


@dataclass(frozen=True)
class Audit:
    """A whole federation, recomputed.

    :ivar owner_acts: what the owner did, one line each; trusted for membership and liveness only
    """

    rounds: tuple[RoundAudit, ...]
    findings: tuple[Finding, ...]
    owner_acts: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.findings

    @property
    def first_bad(self) -> Finding | None:
        """The finding of the earliest round."""
        return self.findings[0] if self.findings else None


def audit(federation: Federation, progress: Callable[[int], None]) -> Audit:
    """Recompute every closed round; goes on after a finding and lists all.

    Where the events stop being the contract's own, the rounds closed before are recomputed.

    :param progress: told the number of each round that is done
    :raises LedgerError: when the chain cannot be read, or lacks its newest events
    """
    ledger = federation.ledger
    _, events = read_events(ledger)
    broken = first_break(events, ledger.chain_id, ledger.federation)
    if broken is not None and broken.index == 0:
        return Audit((), (_broken_history(broken),), ())
    timeline = timeline_of(events[: broken.index] if broken else events)
    rounds = tuple(_audited(federation, timeline, progress))
    findings = [_broken_history(broken)] if broken else []
    findings += _about_the_whole(federation, timeline)
    findings += [finding for each in rounds for finding in each.findings]
    acts = tuple(f"{act.kind} at block {act.block}" for act in timeline.owner_acts)
    return Audit(rounds, tuple(findings), acts)


def _audited(
    federation: Federation, timeline: Timeline, progress: Callable[[int], None]
) -> Iterator[RoundAudit]:
    for log in timeline.rounds.values():
        if log.closing is not None:
            yield _audit_round(federation, timeline, log, log.closing)
            progress(log.number)


def _broken_history(broken: HistoryBreak) -> Finding:
    detail = f"event {broken.index} ({broken.kind}) does not follow from those before it"
    return Finding(0, None, "history", detail)


def _about_the_whole(federation: Federation, timeline: Timeline) -> list[Finding]:
    plan = federation.plan
    named = (("plan", plan.cid, timeline.plan), ("initial", plan.initial, timeline.initial))
    return [
        Finding(0, None, what, f"this audit was given {given}, the federation began with {wanted}")
        for what, given, wanted in named
        if given != wanted
    ]


def _audit_round(
    federation: Federation, timeline: Timeline, log: RoundLog, closing: Closing
) -> RoundAudit:
    verdicts = _all_judged(federation, timeline, log.updates.values())
    bad = {node: each for node, each in verdicts.items() if not isinstance(each, Weights)}
    admitted = {node: each for node, each in verdicts.items() if isinstance(each, Weights)}
    findings = [_wrongly_admitted(log.updates[node], bad[node]) for node in sorted(bad)]
    if not bad:
        findings += _about_closing(federation, timeline, log, closing, admitted)
    rejections = tuple(_rejection(federation, timeline, each) for each in log.rejections)
    findings += [
        _wrongly_rejected(log, each) for each in rejections if each.verdict == CONTRADICTED
    ]
    disputes = tuple(
        word.node for each in log.closings for word in each.attestations if not word.agrees
    )
    return RoundAudit(log.number, tuple(findings), rejections, disputes)


@dataclass(frozen=True)
class _Unchecked:
    """Why nothing can be said about an update: a word for programs, a line for people."""

    reason: str
    detail: str


_Verdict = Weights | Refusal | _Unchecked


def _all_judged(
    federation: Federation, timeline: Timeline, updates: Iterable[Update]
) -> dict[int, _Verdict]:
    """Judge a round's updates: most of it is waiting, for bytes or for hashes."""
    judged = side_by_side(partial(_judged, federation, timeline), updates)
    return {update.node: verdict for update, verdict in judged}


def _judged(federation: Federation, timeline: Timeline, update: Update) -> _Verdict:
    try:
        verdict = judge(federation, timeline, update)
    except (StoreError, WeightsError) as error:  # its base, mostly
        return _Unchecked(_LABEL, f"trained from global {update.base}: {error}")
    if isinstance(verdict, Refusal) and verdict.reason == Reason.UNAVAILABLE:
        return _Unchecked(ERASED, f"nobody serves it any more: {verdict.found}")
    return verdict


def _wrongly_admitted(update: Update, verdict: Refusal | _Unchecked) -> Finding:
    if isinstance(verdict, _Unchecked):
        reason, blame, found = verdict.reason, "cannot be checked", verdict.detail
    else:
        damaged = verdict.reason == Reason.DIGEST_MISMATCH  # the auditor's store, not the update
        blame = "cannot be checked" if damaged else "averaged all the same"
        reason, found = verdict.reason.label, verdict.found
    return Finding(update.round, update.node, reason, f"{blame}: {found}")


def _wrongly_rejected(log: RoundLog, verdict: RejectionVerdict) -> Finding:
    rejection = verdict.rejection
    by = _who(log, rejection.by)
    detail = f"rejected as {rejection.reason.label}: {verdict.found}; by {by}"
    return Finding(rejection.update.round, rejection.update.node, "contradicted-rejection", detail)


def _who(log: RoundLog, account: str) -> str:
    """Name who acted in a round: a node in the header's place, or the header."""
    numbers = [node for node, member in log.members.items() if member == account]
    return f"node {numbers[0]} ({account})" if numbers else f"the header ({account})"


def _about_closing(
    federation: Federation,
    timeline: Timeline,
    log: RoundLog,
    closing: Closing,
    admitted: Mapping[int, Weights],
) -> list[Finding]:
    try:
        expected = recompute(federation, timeline, log, admitted).recomputable
    except (StoreError, WeightsError, StrategyError, ReportError) as error:
        return [Finding(log.number, None, "not-recomputable", str(error))]
    findings = []
    if expected.weights != closing.model.weights:
        detail = (
            f"expected global {expected.weights}, the chain has {closing.model.weights}, "
            f"closed by {_who(log, closing.by)}"
        )
        findings.append(Finding(log.number, None, "wrong-global", detail))
    wrong = _wrong_report(federation, closing, expected)
    if wrong is not None:
        detail = f"{wrong}; closed by {_who(log, closing.by)}"
        findings.append(Finding(log.number, None, "wrong-report", detail))
    return findings


def _wrong_report(federation: Federation, closing: Closing, expected: Recomputable) -> str | None:
    if closing.model.report is None:
        return "the round was closed without a report"
    try:
        found = Report.decode(federation.small(closing.model.report)).recomputable
    except (StoreError, ReportError) as error:
        return str(error)
    for each in fields(Recomputable):
        mine, theirs = getattr(expected, each.name), getattr(found, each.name)
        if mine != theirs:
            return f"{each.name} should be {mine}, the report says {theirs}"
    return None


def _rejection(
    federation: Federation, timeline: Timeline, rejection: Rejection
) -> RejectionVerdict:
    if rejection.reason == Reason.UNAVAILABLE:  # what could not be had then says nothing now
        return RejectionVerdict(rejection, UNVERIFIABLE, "only the closer can say")
    verdict = _judged(federation, timeline, rejection.update)
    if isinstance(verdict, _Unchecked):
        return RejectionVerdict(rejection, UNVERIFIABLE, verdict.detail)
    if isinstance(verdict, Weights):
        return RejectionVerdict(rejection, CONTRADICTED, "it passes every check")
    if verdict.reason == rejection.reason:
        return RejectionVerdict(rejection, REPRODUCED, verdict.found)
    if verdict.reason == Reason.DIGEST_MISMATCH:
        return RejectionVerdict(rejection, UNVERIFIABLE, verdict.found)
    return RejectionVerdict(rejection, CONTRADICTED, f"it is {verdict.reason.label} instead")
