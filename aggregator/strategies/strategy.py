"""What an aggregation rule is: (base, state, updates) -> (global, state)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from fl_node.errors import StrategyError
from fl_node.plan import Plan
from fl_node.weights import Weights

MAX_WEIGHT = 2**53  # the largest count up to which every whole number is a float64


@dataclass(frozen=True)
class Contribution:
    """What one admitted update brings to a round.

    :ivar node: the node's number
    :ivar weight: how much the update counts, see :func:`counted`
    :ivar weights: float32, integer and boolean tensors as the base has them; admission has seen
        that they are finite
    """

    node: int
    weight: int
    weights: Weights

    def __post_init__(self) -> None:
        """Refuse a weight that float64 does not hold exactly.

        :raises StrategyError: unless it is a whole number from 0 to 2**53
        """
        if not 0 <= self.weight <= MAX_WEIGHT:
            raise StrategyError(
                f"node {self.node} should count from 0 to 2**53, found {self.weight}: "
                "bound max_samples in the plan"
            )


@dataclass(frozen=True)
class Aggregate:
    """What a strategy gives: the next global, and its state if it keeps one."""

    weights: Weights
    state: Weights | None


class Strategy(ABC):
    """One aggregation rule; a function of its arguments down to the last bit."""

    @abstractmethod
    def aggregate(
        self, base: Weights, state: Weights | None, updates: Sequence[Contribution]
    ) -> Aggregate:
        """Make the next global.

        :param base: the latest global, from which the round started
        :param state: what this strategy gave for the round before; None in round 1
        :param updates: in any order, at most one of each node, all with the base's structure
        :raises StrategyError: when these make no global
        """


def counted(samples: int, plan: Plan) -> int:
    """Give how much an update of so many samples counts: these, or 1 where all count the same."""
    return samples if plan.weighting == "samples" else 1


def in_order(base: Weights, updates: Sequence[Contribution]) -> list[Contribution]:
    """Sort updates by node, which is the order in which a strategy must take them.

    :raises StrategyError: for no updates, two of one node, or another structure than the base's
    """
    ordered = sorted(updates, key=lambda update: update.node)
    nodes = [update.node for update in ordered]
    if not nodes or len(set(nodes)) != len(nodes):
        raise StrategyError(f"one update each of one node or more was expected, found {nodes}")
    for update in ordered:
        if update.weights.specs != base.specs:
            raise StrategyError(f"the update of node {update.node} has not the base's structure")
    return ordered
