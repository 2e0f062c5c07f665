import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.strategies.trees import squared_distance, tree_sum
from fl_node.weights import Weights
from tests.aggregator.strategies import paper
from tests.vectors import read_vectors

VALUES = st.lists(st.floats(-1e100, 1e100), max_size=70)


def from_bits(values: list[str]) -> np.ndarray:
    return np.frombuffer(bytes.fromhex("".join(values)), ">f8").astype("f8")


@pytest.mark.parametrize(
    "vector", read_vectors("tree_sum.json"), ids=lambda vector: str(len(vector["values"]))
)
def test_the_vectors_come_out_to_the_bit(vector):
    expected = from_bits([vector["expected"]])[0]
    assert tree_sum(from_bits(vector["values"])) == expected
    assert paper.tree_sum(from_bits(vector["values"]).tolist()) == expected


@given(VALUES)
def test_it_gives_the_bits_of_the_readable_tree(values):
    assert tree_sum(np.array(values, "f8")) == paper.tree_sum(values)


@given(VALUES, st.integers(0, 100))
def test_zeros_at_the_end_change_nothing(values, zeros):
    assert tree_sum(np.array([*values, *[0.0] * zeros], "f8")) == tree_sum(np.array(values, "f8"))


@given(st.integers(0, 5), st.integers(1, 300))
def test_an_aligned_run_of_a_power_of_two_is_a_subtree(power, size):
    values = np.random.default_rng(size).standard_normal(size)
    runs = [values[start : start + 2**power] for start in range(0, size, 2**power)]
    assert tree_sum(np.array([tree_sum(run) for run in runs])) == tree_sum(values)


def weights_of(*sizes: int, seed: int = 0) -> Weights:
    random = np.random.default_rng(seed)
    tensors = (np.exp(8 * random.standard_normal(size, "f4")) for size in sizes)
    return Weights({f"t{place}": tensor for place, tensor in enumerate(tensors)})


SIZES = [(), (0,), (1,), (5, 3), (3,) * 9, (70_000,), (100_000, 32_768, 7)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_a_squared_distance_is_a_tree_of_its_tensors_trees(sizes, seed):
    one, other = weights_of(*sizes, seed=seed), weights_of(*sizes, seed=seed + 10)
    sums = []
    for name, tensor in one.tensors.items():
        difference = tensor.astype("f8") - other.tensors[name].astype("f8")
        sums.append(tree_sum(difference * difference))
    assert squared_distance(one, other) == tree_sum(np.array(sums, "f8"))


def test_a_squared_distance_is_near_what_numpy_says_and_leaves_integers_out():
    one, other = weights_of(1000, 10), weights_of(1000, 10, seed=1)
    more = (
        Weights({**one.tensors, "count": np.array(9)}),
        Weights({**other.tensors, "count": np.array(1)}),
    )
    differences = [tensor - other.tensors[name] for name, tensor in one.tensors.items()]
    expected = sum(float((d.astype("f8") ** 2).sum()) for d in differences)
    assert squared_distance(*more) == pytest.approx(expected, rel=1e-6)


def test_distances_beyond_float32_are_finite():
    far = Weights({"a": np.full(10, 3e38, "f4")}), Weights({"a": np.full(10, -3e38, "f4")})
    assert squared_distance(*far) == pytest.approx(10 * 3.6e77, rel=1e-6)
