"""A global comes to the chain: averaged, measured, reported, stored, recorded."""

import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from aggregator.recompute import Recomputed, recompute
from fl_node.canonical import finite_or_null
from fl_node.chain.timeline import RoundLog, Timeline
from fl_node.federation import Federation
from fl_node.report import Observed, Report
from fl_node.rounds import Global
from fl_node.weights import Weights

_VERSIONED = ("flnode", "numpy", "tensorflow", "web3")

Evaluate = Callable[[Weights], Mapping[str, float]]


def publish(
    federation: Federation,
    evaluate: Evaluate,
    timeline: Timeline,
    log: RoundLog,
    admitted: Mapping[int, Weights],
) -> tuple[Global, Report]:
    """Aggregate a round's admitted updates and put its global, over the history that was read.

    :raises RevertedError: when the contract refuses, or something happened meanwhile
    :raises StrategyError: when the updates make no global
    """
    started = time.monotonic()
    outcome = recompute(federation, timeline, log, admitted)
    aggregated = time.monotonic()
    metrics = evaluate(outcome.weights)
    seconds = {"aggregation": aggregated - started, "evaluation": time.monotonic() - aggregated}
    report = Report(outcome.recomputable, _observed(federation, admitted, metrics, seconds))
    model = _put(federation, outcome, report)
    federation.ledger.set_global_weight(model.number, model.weights, model.report, timeline.history)
    return model, report


def _put(federation: Federation, outcome: Recomputed, report: Report) -> Global:
    if outcome.state is not None:
        federation.store.put(outcome.state.pieces())
    weights = federation.store.put(outcome.weights.pieces())
    written = federation.store.put([report.encode()])
    return Global(outcome.recomputable.round, weights, written)


def _observed(
    federation: Federation,
    admitted: Mapping[int, Weights],
    metrics: Mapping[str, float],
    seconds: Mapping[str, float],
) -> Observed:
    local: dict[int, Mapping[str, Any]] = {
        node: weights.metadata["metrics"] for node, weights in sorted(admitted.items())
    }
    return Observed(
        closer=str(federation.ledger.account),
        metrics=finite_or_null(metrics),
        local_metrics=local,
        seconds={name: round(value, 3) for name, value in seconds.items()},
        versions={name: version(name) for name in _VERSIONED}
        | {"python": platform.python_version()},
    )
