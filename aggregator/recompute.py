"""What a round's global must be: one function for closing, attesting and auditing."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from aggregator.admission import Refusal, admit, duplicates
from aggregator.strategies.registry import strategy_for
from aggregator.strategies.strategy import Contribution, counted
from fl_node.chain.timeline import RoundLog, Timeline
from fl_node.errors import (
    ReportError,
    StoreError,
    StrategyError,
    UnavailableError,
    WeightsError,
)
from fl_node.federation import Federation
from fl_node.report import Admitted, Recomputable, Rejected, Report
from fl_node.rounds import Global, Reason, Update, global_metadata, state_metadata
from fl_node.weights import Weights

# No report is asked for their state, so that a false one cannot stop the rounds after it.
_STATELESS = frozenset({"fedavg"})
_FETCHED_AT_ONCE = 4
_Verdict = TypeVar("_Verdict")


@dataclass(frozen=True)
class Recomputed:
    """A round's outcome, before anything is stored or sent.

    :ivar weights: the global as it is stored, metadata included
    :ivar state: the strategy's state as it is stored; None if it keeps none
    :ivar recomputable: the part of the report that follows from chain and store
    """

    weights: Weights
    state: Weights | None
    recomputable: Recomputable


def judge(federation: Federation, timeline: Timeline, update: Update) -> Weights | Refusal:
    """Admit or refuse one update that stands, or stood, in a round.

    :raises StoreError: when its base cannot be had
    :raises WeightsError: when its base is no global of this federation
    """
    base = timeline.model(update.base)
    return admit(
        update,
        store=federation.store,
        plan=federation.plan,
        initial=federation.initial,
        base=_global(federation, base),
        base_cid=base.weights,
        chain_id=federation.ledger.chain_id,
        federation=federation.ledger.federation,
    )


def side_by_side(
    judge_one: Callable[[Update], _Verdict], updates: Iterable[Update]
) -> list[tuple[Update, _Verdict]]:
    """Judge updates a few at once: who serves slowly keeps nobody else waiting."""
    listed = list(updates)
    with ThreadPoolExecutor(_FETCHED_AT_ONCE) as pool:
        return list(zip(listed, pool.map(judge_one, listed), strict=True))


def recompute(
    federation: Federation,
    timeline: Timeline,
    log: RoundLog,
    admitted: Mapping[int, Weights],
) -> Recomputed:
    """Aggregate the admitted updates of a round.

    :param admitted: node to weights, for every update that stands in the round
    :raises StrategyError: when they make no global
    :raises StoreError: when the base, or what the strategy's state follows from, cannot be had
    :raises WeightsError: when the base is no global of this federation
    """
    base = timeline.model(log.number - 1)
    contributions = [
        Contribution(node, counted(log.updates[node].samples, federation.plan), weights)
        for node, weights in sorted(admitted.items())
    ]
    aggregate = strategy_for(federation.plan).aggregate(
        _global(federation, base), _state_before(federation, timeline, log), contributions
    )
    weights = Weights(aggregate.weights.tensors, global_metadata())
    state = aggregate.state and Weights(aggregate.state.tensors, state_metadata())
    recomputable = Recomputable(
        round=log.number,
        base=base.number,
        base_weights=base.weights,
        strategy=federation.plan.strategy,
        admitted=tuple(_admitted(log.updates[each.node], each.weight) for each in contributions),
        rejected=tuple(
            Rejected(each.update.node, each.update.weights, each.reason) for each in log.rejections
        ),
        missing=tuple(log.missing),
        duplicates=tuple(duplicates(admitted)),
        state=state.cid() if state else None,
        weights=weights.cid(),
    )
    return Recomputed(weights, state, recomputable)


def judge_all(federation: Federation, timeline: Timeline, log: RoundLog) -> dict[int, Weights]:
    """Judge the updates that stand in a round; give their weights by node if all are admissible.

    :raises StrategyError: when one is not: no honest closer had it in
    :raises StoreError: when a base, or an update, cannot be had
    :raises WeightsError: when a base is no global of this federation
    """
    admitted: dict[int, Weights] = {}
    judged = side_by_side(partial(judge, federation, timeline), log.updates.values())
    for update, verdict in judged:
        if isinstance(verdict, Refusal):
            kind = UnavailableError if verdict.reason == Reason.UNAVAILABLE else StrategyError
            raise kind(
                f"round {log.number} cannot be recomputed: the update of node {update.node} is "
                f"{verdict.reason.label}, {verdict.found}; see flnode audit"
            )
        admitted[update.node] = verdict
    return admitted


def recompute_recorded(federation: Federation, timeline: Timeline, log: RoundLog) -> Recomputed:
    """Judge the updates that stand in a round, and aggregate them; raises as `judge_all`."""
    return recompute(federation, timeline, log, judge_all(federation, timeline, log))


def _admitted(update: Update, weight: int) -> Admitted:
    return Admitted(update.node, update.base, update.weights, update.samples, weight)


def _global(federation: Federation, model: Global) -> Weights:
    weights = federation.weights(model.weights)
    if weights.specs != federation.initial.specs:
        raise WeightsError(
            f"global {model.number} has not the tensors of global 0: see flnode audit"
        )
    return weights


def _state_before(federation: Federation, timeline: Timeline, log: RoundLog) -> Weights | None:
    previous = timeline.rounds.get(log.number - 1)
    if previous is None or federation.plan.strategy in _STATELESS:
        return None
    try:
        return _reported_state(federation, timeline.model(previous.number))
    except (StoreError, ReportError, WeightsError):
        return _recomputed_state(federation, timeline, previous)


def _reported_state(federation: Federation, model: Global) -> Weights | None:
    if model.report is None:
        raise ReportError(f"round {model.number} was closed without a report")
    cid = Report.decode(federation.small(model.report)).recomputable.state
    return federation.weights(cid) if cid else None


def _recomputed_state(
    federation: Federation, timeline: Timeline, previous: RoundLog
) -> Weights | None:
    """Do without a report that is lost or false: nobody stops the rounds after it by that."""
    return recompute_recorded(federation, timeline, previous).state
