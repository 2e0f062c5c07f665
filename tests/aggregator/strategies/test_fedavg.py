"""FedAvg gives the bits that the specification gives."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.strategies.fedavg import FedAvg
from aggregator.strategies.strategy import Contribution, counted
from fl_node.errors import StrategyError
from fl_node.weights import Weights
from tests.aggregator.strategies import paper
from tests.vectors import read_vectors
from tests.vectors.golden import golden_plan

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
COUNTS = st.integers(1, 60_000) | st.integers(1, 2**53)


@st.composite
def updates(draw: st.DrawFn, most: int = 6) -> list[paper.Update]:
    size = draw(st.integers(1, 5))
    nodes = draw(st.lists(st.integers(1, 1000), min_size=1, max_size=most, unique=True))
    row = st.lists(FLOATS, min_size=size, max_size=size)
    return [(node, draw(COUNTS), draw(row)) for node in nodes]


def averaged(updates: list[paper.Update], strategy: FedAvg | None = None) -> np.ndarray:
    contributions = [
        Contribution(node, weight, Weights({"a": np.array(values, "<f4")}))
        for node, weight, values in updates
    ]
    base = contributions[0].weights
    result = (strategy or FedAvg()).aggregate(base, None, contributions)
    return result.weights.tensors["a"]


def bits(values: np.ndarray) -> list[str]:
    return values.astype(">f4").tobytes().hex(" ", 4).split()


def from_bits(values: list[str]) -> list[float]:
    return np.frombuffer(bytes.fromhex("".join(values)), ">f4").tolist()


@pytest.mark.parametrize("vector", read_vectors("fedavg.json"), ids=lambda vector: vector["name"])
def test_the_vectors_come_out_to_the_bit(vector):
    rows = [(u["node"], u["weight"], from_bits(u["values"])) for u in vector["updates"]]
    assert bits(averaged(rows)) == vector["expected"]
    assert bits(paper.fedavg(rows)) == vector["expected"]


@settings(max_examples=300)
@given(updates())
def test_it_gives_the_bits_of_the_paper(updates):
    assert bits(averaged(updates)) == bits(paper.fedavg(updates))


@given(updates(), st.randoms())
def test_the_order_of_arrival_does_not_matter(updates, random):
    shuffled = list(updates)
    random.shuffle(shuffled)
    assert bits(averaged(shuffled)) == bits(averaged(updates))


@given(st.lists(FLOATS, min_size=1, max_size=9), st.lists(COUNTS, min_size=1, max_size=9))
def test_equal_updates_give_themselves_but_for_the_sign_of_zero(values, counts):
    same = [(node, count, values) for node, count in enumerate(counts, start=1)]
    assert bits(averaged(same)) == bits(np.array(values, "<f4") + np.float32(0.0))


@given(updates(), st.integers(0, 40))
def test_counts_times_a_power_of_two_change_nothing(updates, power):
    small = [(node, weight % 8192 + 1, values) for node, weight, values in updates]
    large = [(node, weight * 2**power, values) for node, weight, values in small]
    assert bits(averaged(large)) == bits(averaged(small))


@given(updates())
def test_an_average_stays_within_its_updates(updates):
    values = np.array([values for _, _, values in updates], "<f4")
    found = averaged(updates)
    assert (values.min(axis=0) <= found).all()
    assert (found <= values.max(axis=0)).all()


@given(updates(), FLOATS)
def test_an_update_that_counts_nothing_changes_nothing(updates, value):
    idle = (1001, 0, [value] * len(updates[0][2]))
    assert bits(averaged([*updates, idle])) == bits(averaged(updates))


SHAPES = {"kernel": (37, 41), "bias": (41,), "scalar": (), "empty": (0, 3), "long": (5_000,)}


def random_weights(seed: int) -> Weights:
    random = np.random.default_rng(seed)
    floats = {name: random.standard_normal(shape, "f4") for name, shape in SHAPES.items()}
    return Weights(floats | {"steps": np.array([seed]), "mask": np.array([seed % 2 == 0])})


def random_contributions(number: int) -> list[Contribution]:
    return [Contribution(node, 100 + node, random_weights(node)) for node in range(1, number + 1)]


SIX = random_contributions(6)


@pytest.mark.parametrize(("threads", "block"), [(1, 16_384), (2, 100), (7, 33), (2, 1)])
def test_threads_and_blocks_do_not_matter(threads, block):
    expected = FedAvg().aggregate(random_weights(0), None, SIX).weights
    found = FedAvg(threads, block).aggregate(random_weights(0), None, SIX).weights
    assert found.encode() == expected.encode()


def test_every_tensor_is_averaged_and_keeps_its_shape():
    found = FedAvg().aggregate(random_weights(0), None, SIX).weights
    assert found.specs == random_weights(0).specs
    weights = [update.weight for update in SIX]
    for name in SHAPES:
        stacked = np.stack([update.weights.tensors[name] for update in SIX]).astype("f8")
        assert np.allclose(found.tensors[name], np.average(stacked, axis=0, weights=weights))


def test_the_memory_is_the_result_and_blocks_however_many_updates():
    base = Weights({"a": np.zeros((1000, 1000), "f4"), "b": np.zeros(500, "f4")})
    for number in (2, 40):
        updates = [Contribution(node, node, base) for node in range(1, number + 1)]
        tracemalloc.start()
        FedAvg().aggregate(base, None, updates)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak_bytes <= 1.3 * base.nbytes


@pytest.mark.parametrize("weight", [-1, 2**53 + 1])
def test_a_weight_that_float64_does_not_hold_is_refused(weight):
    with pytest.raises(StrategyError, match=f"node 3 .*found {weight}"):
        Contribution(3, weight, random_weights(0))


def test_weights_that_sum_to_nothing_are_refused():
    idle = [Contribution(node, 0, random_weights(0)) for node in (1, 2)]
    with pytest.raises(StrategyError, match="2 updates count 0 in sum"):
        FedAvg().aggregate(random_weights(0), None, idle)


def test_a_state_is_refused():
    with pytest.raises(StrategyError, match="keeps no state"):
        FedAvg().aggregate(random_weights(0), random_weights(0), SIX)


def test_an_update_counts_its_samples_or_one_as_the_plan_says():
    assert counted(30_000, golden_plan()) == 30_000
    assert counted(30_000, replace(golden_plan(), weighting="equal")) == 1
