"""An audit without weights: whether each round's report says what the chain says."""

from collections.abc import Callable

from aggregator.audit import Audit, Finding, RejectionVerdict, RoundAudit
from aggregator.strategies.strategy import counted
from fl_node.chain.ledger import Ledger
from fl_node.chain.timeline import Closing, RoundLog, Timeline, timeline_of
from fl_node.errors import ReportError, StoreError
from fl_node.federation import MAX_PLAN_BYTES
from fl_node.plan import Plan
from fl_node.report import Admitted, Recomputable, Rejected, Report
from fl_node.store.store import Store

UNCHECKED = "unchecked"


def audit_light(plan: Plan, ledger: Ledger, store: Store, progress: Callable[[int], None]) -> Audit:
    """Compare every closed round's report with the chain; nothing is recomputed.

    :param progress: told the number of each round that is done
    :raises LedgerError: when the events do not fit each other
    """
    timeline = timeline_of(ledger.events())
    findings = []
    if plan.initial != timeline.initial:
        detail = f"the plan names {plan.initial}, the federation began with {timeline.initial}"
        findings.append(Finding(0, None, "initial", detail))
    rounds = []
    for log in timeline.rounds.values():
        if log.closing is not None:
            rounds.append(_round(plan, timeline, store, log, log.closing))
            progress(log.number)
    findings += [finding for each in rounds for finding in each.findings]
    acts = tuple(f"{act.kind} at block {act.block}" for act in timeline.owner_acts)
    return Audit(tuple(rounds), tuple(findings), acts)


def _round(
    plan: Plan, timeline: Timeline, store: Store, log: RoundLog, closing: Closing
) -> RoundAudit:
    wrong = _wrong_report(plan, timeline, store, log, closing)
    findings = () if wrong is None else (Finding(log.number, None, "wrong-report", wrong),)
    rejections = tuple(
        RejectionVerdict(each, UNCHECKED, "no weights were looked at") for each in log.rejections
    )
    disputes = tuple(
        word.node for each in log.closings for word in each.attestations if not word.agrees
    )
    return RoundAudit(log.number, findings, rejections, disputes)


def _wrong_report(
    plan: Plan, timeline: Timeline, store: Store, log: RoundLog, closing: Closing
) -> str | None:
    if closing.model.report is None:
        return "the round was closed without a report"
    try:
        content = store.read(
            closing.model.report,
            max_bytes=MAX_PLAN_BYTES,
            timeout_seconds=plan.fetch_timeout_seconds,
        )
        found = Report.decode(content).recomputable
    except (StoreError, ReportError) as error:
        return str(error)
    expected = _expected(plan, timeline, log, closing, found)
    for name in Recomputable.__dataclass_fields__:
        mine, theirs = getattr(expected, name), getattr(found, name)
        if mine != theirs:
            return f"{name} should be {mine}, the report says {theirs}"
    return None


def _expected(
    plan: Plan, timeline: Timeline, log: RoundLog, closing: Closing, found: Recomputable
) -> Recomputable:
    """Give what follows from the chain; duplicates and state, which do not, as they were found."""
    base = timeline.model(log.number - 1)
    admitted = (
        Admitted(each.node, each.base, each.weights, each.samples, counted(each.samples, plan))
        for each in log.updates.values()
    )
    rejected = (
        Rejected(each.update.node, each.update.weights, each.reason) for each in log.rejections
    )
    return Recomputable(
        round=log.number,
        base=base.number,
        base_weights=base.weights,
        strategy=plan.strategy,
        admitted=tuple(admitted),
        rejected=tuple(rejected),
        missing=tuple(log.missing),
        duplicates=found.duplicates,
        state=found.state,
        weights=closing.model.weights,
    )
