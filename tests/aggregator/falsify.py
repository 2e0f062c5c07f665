"""A header that lies: it closes rounds with whatever a test makes of the right outcome."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from aggregator.recompute import Recomputed, recompute
from aggregator.strategies.fedavg import FedAvg
from aggregator.strategies.strategy import Contribution
from fl_node.chain.timeline import read_timeline
from fl_node.cid import Cid
from fl_node.report import Observed, Report
from fl_node.rounds import global_metadata
from fl_node.weights import Weights
from tests.small_federation import INITIAL, SmallFederation

OBSERVED = Observed("0x" + "0" * 40, {}, {}, {}, {})


@dataclass(frozen=True)
class Forgery:
    """What a header puts: a global's bytes, and its report's bytes or none at all."""

    weights: bytes
    report: bytes | None


Lie = Callable[[Recomputed, Mapping[int, Weights]], Forgery]


def close_falsely(federation: SmallFederation, lie: Lie) -> None:
    """Close the open round, with no admission, by what the lie makes of the truth."""
    view = federation.view("header")
    _, timeline = read_timeline(view.ledger)
    log = timeline.open_round
    updates = {node: view.weights(each.weights) for node, each in log.updates.items()}
    forged = lie(recompute(view, timeline, log, updates), updates)
    weights = federation.store.put([forged.weights])
    report = None if forged.report is None else federation.store.put([forged.report])
    view.ledger.set_global_weight(log.number, weights, report, timeline.history)


def truth(outcome: Recomputed, _updates: Mapping[int, Weights]) -> Forgery:
    return honest_about(outcome, outcome.weights)


def honest_about(outcome: Recomputed, weights: Weights) -> Forgery:
    """A report that fits the global that is put, whatever that is."""
    return reported(outcome, weights, weights=weights.cid())


def reported(outcome: Recomputed, put: Weights, **changes: object) -> Forgery:
    report = Report(replace(outcome.recomputable, **changes), OBSERVED)
    return Forgery(put.encode(), report.encode())


def averaged(updates: Mapping[int, Weights], counts: Mapping[int, int]) -> Weights:
    """FedAvg of some updates by some counts."""
    base = next(iter(updates.values()))
    contributions = [Contribution(node, count, updates[node]) for node, count in counts.items()]
    average = FedAvg().aggregate(base, None, contributions).weights
    return Weights(average.tensors, global_metadata())


def one_bit_off(outcome: Recomputed, _updates: Mapping[int, Weights]) -> Forgery:
    tensors = dict(outcome.weights.tensors)
    kernel = tensors["dense/kernel"].copy()
    kernel.view(np.uint32)[0, 0] ^= 1
    tensors["dense/kernel"] = kernel
    return honest_about(outcome, Weights(tensors, global_metadata()))


def other_bytes(content: bytes) -> Lie:
    """A global that is no global, under a report that fits it."""

    def lie(outcome: Recomputed, _updates: Mapping[int, Weights]) -> Forgery:
        report = replace(outcome.recomputable, weights=Cid.of_bytes(content))
        return Forgery(content, Report(report, OBSERVED).encode())

    return lie


def none_at_all(outcome: Recomputed, _updates: Mapping[int, Weights]) -> Forgery:
    return Forgery(outcome.weights.encode(), None)


def puts_the_base(outcome: Recomputed, _updates: Mapping[int, Weights]) -> Forgery:
    return honest_about(outcome, Weights(INITIAL, global_metadata()))
