"""What every registered strategy does."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.strategies.registry import STRATEGIES, strategy_for
from aggregator.strategies.strategy import Contribution, Strategy
from fl_node.errors import StrategyError
from fl_node.rounds import global_metadata
from fl_node.weights import Weights
from tests.vectors.golden import golden_plan

PARAMETERS: dict[str, dict[str, str]] = {
    "fedavg": {},
}


def plan_of(name: str):
    return replace(golden_plan(), strategy=name, strategy_parameters=PARAMETERS[name])


@pytest.fixture(params=sorted(STRATEGIES))
def strategy(request) -> Strategy:
    return strategy_for(plan_of(request.param))


def weights_of(seed: int, size: int = 1000) -> Weights:
    random = np.random.default_rng(seed)
    floats = {name: random.standard_normal(size, "f4") for name in ("kernel", "bias")}
    return Weights(floats | {"steps": np.array(seed), "mask": np.array([seed % 2 == 0])})


BASE = weights_of(0)
UPDATES = [Contribution(node, 10 * node, weights_of(node)) for node in (3, 1, 11, 2)]


def test_every_strategy_has_parameters_to_be_tested_with():
    assert PARAMETERS.keys() == STRATEGIES.keys()


@given(order=st.permutations(UPDATES))
@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_the_order_of_arrival_does_not_matter(name, order):
    strategy = strategy_for(plan_of(name))
    expected = strategy.aggregate(BASE, None, UPDATES)
    found = strategy.aggregate(BASE, None, order)
    assert found.weights.encode() == expected.weights.encode()
    assert (found.state is None) == (expected.state is None)
    assert not found.state or found.state.encode() == expected.state.encode()


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_two_strategies_made_from_one_plan_give_the_same_bytes(name):
    one, other = strategy_for(plan_of(name)), strategy_for(plan_of(name))
    expected = one.aggregate(BASE, None, UPDATES).weights.encode()
    assert other.aggregate(BASE, None, UPDATES).weights.encode() == expected


def test_the_global_has_the_base_structure_and_its_integers_and_says_nothing_else(strategy):
    found = strategy.aggregate(BASE, None, UPDATES).weights
    assert found.specs == BASE.specs
    assert found.tensors["steps"] == BASE.tensors["steps"]
    assert found.tensors["mask"] == BASE.tensors["mask"]
    assert found.metadata == global_metadata()


def test_updates_equal_to_the_base_leave_it(strategy):
    still = [Contribution(node, 10 * node, BASE) for node in (1, 2, 3)]
    assert strategy.aggregate(BASE, None, still).weights.same_tensors(BASE)


def test_inputs_are_not_changed(strategy):
    before = [update.weights.encode() for update in UPDATES]
    strategy.aggregate(BASE, None, UPDATES)
    assert [update.weights.encode() for update in UPDATES] == before


def test_the_global_owns_its_floats(strategy):
    found = strategy.aggregate(BASE, None, UPDATES).weights.tensors["kernel"]
    sources = [BASE, *(update.weights for update in UPDATES)]
    assert not any(np.shares_memory(found, source.tensors["kernel"]) for source in sources)


@pytest.mark.parametrize(
    ("updates", "complaint"),
    [
        ([], "one update each of one node or more"),
        ([UPDATES[0], UPDATES[1], UPDATES[0]], r"one update each .*\[1, 3, 3\]"),
        ([UPDATES[0], Contribution(5, 1, weights_of(5, size=999))], "node 5 has not the base's"),
        ([Contribution(6, 1, Weights({}))], "node 6 has not the base's"),
    ],
)
def test_updates_that_make_no_global_are_refused(strategy, updates, complaint):
    with pytest.raises(StrategyError, match=complaint):
        strategy.aggregate(BASE, None, updates)


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_an_unknown_parameter_is_refused(name):
    plan = replace(plan_of(name), strategy_parameters=PARAMETERS[name] | {"magic": "1"})
    with pytest.raises(StrategyError, match=rf"{name} has no parameters \['magic'\]: it takes"):
        strategy_for(plan)


def test_an_unknown_strategy_is_refused_with_the_known_ones():
    with pytest.raises(StrategyError, match=r"'fedavgg' is unknown: take one of .*fedavg"):
        strategy_for(replace(golden_plan(), strategy="fedavgg"))
