"""The strategies by name; a new one adds its file and a line here."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from aggregator.strategies.fedavg import FedAvg
from aggregator.strategies.strategy import Strategy
from fl_node.errors import StrategyError
from fl_node.plan import Plan

Maker = Callable[[Mapping[str, str]], Strategy]


def strategy_for(plan: Plan) -> Strategy:
    """Make the strategy that a plan names, with the plan's parameters.

    :raises StrategyError: for an unknown name or parameter
    """
    if plan.strategy not in STRATEGIES:
        known = ", ".join(sorted(STRATEGIES))
        raise StrategyError(f"strategy {plan.strategy!r} is unknown: take one of {known}")
    return STRATEGIES[plan.strategy](plan.strategy_parameters)


def _fedavg(parameters: Mapping[str, str]) -> Strategy:
    _refuse_unknown("fedavg", parameters, frozenset())
    return FedAvg()


def _refuse_unknown(strategy: str, parameters: Mapping[str, str], known: frozenset[str]) -> None:
    unknown = sorted(set(parameters) - known)
    if unknown:
        allowed = ", ".join(sorted(known)) or "none"
        raise StrategyError(f"strategy {strategy} has no parameters {unknown}: it takes {allowed}")


STRATEGIES: Mapping[str, Maker] = MappingProxyType({"fedavg": _fedavg})
