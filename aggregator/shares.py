"""What parallel split learning averages: by the rule and the counting of a federation's rounds."""

from collections.abc import Sequence

from aggregator.strategies.fedavg import FedAvg
from aggregator.strategies.strategy import Contribution, counted
from fl_node.plan import Plan
from fl_node.split.averages import Share
from fl_node.weights import Weights


def average_shares(plan: Plan, base: Weights, shares: Sequence[Share]) -> Weights:
    """Average what nodes trained, to the bit as in a federation.

    :param plan: says how much a node's samples count
    :param base: what all of them started from
    :raises StrategyError: when these make no average
    """
    updates = [Contribution(s.node, counted(s.samples, plan), s.weights) for s in shares]
    return FedAvg().aggregate(base, None, updates).weights
