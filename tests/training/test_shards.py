from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl_node.errors import DataError
from fl_node.training.shards import check_cut, chosen_rows, shard_indices

LABELS = st.lists(st.integers(0, 4), min_size=12, max_size=120).map(np.array)
NODES = st.integers(1, 6)
SEEDS = st.integers(0, 2**53 - 1)
PARTITIONS = st.sampled_from(["iid", "dirichlet:0.1", "dirichlet:5", "labels:1", "labels:2"])
UNHURRIED = settings(deadline=None, max_examples=60)  # a busy machine is no failure
TEN_DIGITS = np.repeat(np.arange(10), 300)


def shards(labels, nodes, partition, seed):
    return [shard_indices(labels, nodes, node, partition, seed) for node in range(1, nodes + 1)]


@UNHURRIED
@given(LABELS, NODES, PARTITIONS, SEEDS)
def test_shards_share_nothing_and_leave_nothing(labels, nodes, partition, seed) -> None:
    taken = np.concatenate(shards(labels, nodes, partition, seed))
    assert sorted(taken.tolist()) == list(range(len(labels)))


@UNHURRIED
@given(LABELS, NODES, PARTITIONS, SEEDS)
def test_every_node_has_a_sample_and_no_node_many_more(labels, nodes, partition, seed) -> None:
    sizes = [len(shard) for shard in shards(labels, nodes, partition, seed)]
    each = int(partition.partition(":")[2]) if partition.startswith("labels") else 1
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= each


@UNHURRIED
@given(LABELS, NODES, PARTITIONS, SEEDS)
def test_a_shard_is_the_same_each_time(labels, nodes, partition, seed) -> None:
    first = shards(labels, nodes, partition, seed)
    again = shards(labels, nodes, partition, seed)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


@UNHURRIED
@given(LABELS, st.integers(1, 5), st.integers(1, 2), SEEDS)
def test_pieces_by_label_hold_few_labels(labels, nodes, each, seed) -> None:
    sorted_labels = np.sort(labels)
    pieces = np.array_split(sorted_labels, nodes * each)
    most = max(len(set(piece.tolist())) for piece in pieces)
    for shard in shards(labels, nodes, f"labels:{each}", seed):
        assert len(set(labels[shard].tolist())) <= each * most


@pytest.mark.parametrize("partition", ["iid", "dirichlet:0.5", "labels:2"])
def test_another_seed_cuts_otherwise(partition) -> None:
    first, second = (shard_indices(TEN_DIGITS, 2, 1, partition, seed) for seed in (1, 2))
    assert not np.array_equal(first, second)


def test_two_labels_a_node_are_two_labels() -> None:
    for shard in shards(TEN_DIGITS, 5, "labels:2", 1):
        assert len(set(TEN_DIGITS[shard].tolist())) == 2


def largest_share(alpha: str) -> float:
    cuts = [shards(TEN_DIGITS, 10, f"dirichlet:{alpha}", seed) for seed in range(4)]
    tops = [
        Counter(TEN_DIGITS[s].tolist()).most_common(1)[0][1] / len(s) for cut in cuts for s in cut
    ]
    return float(np.mean(tops))


def test_a_small_alpha_skews_and_a_large_one_does_not() -> None:
    assert largest_share("0.1") > 0.7
    assert 0.25 < largest_share("10") < 0.6
    assert largest_share("100000") < 0.2


ONCE_CUT = {
    "iid": [0, 1, 5, 6, 9, 11, 19, 21, 23, 27, 32, 34, 39],
    "dirichlet:0.5": [3, 4, 7, 11, 15, 19, 23, 27, 28, 31, 32, 35, 39],
    "labels:2": [0, 4, 7, 8, 11, 12, 15, 20, 24, 31, 35, 36, 39],
}


@pytest.mark.parametrize("partition", ONCE_CUT)
def test_what_was_once_cut_is_cut_so_for_ever(partition) -> None:
    labels = np.arange(40) % 4
    assert shard_indices(labels, 3, 2, partition, 5).tolist() == ONCE_CUT[partition]


UNKNOWN = ["", "IID", "iid:2", "dirichlet", "dirichlet:", "dirichlet:-1", "dirichlet:0"]
UNKNOWN += ["dirichlet:nan", "dirichlet:x", "labels", "labels:0", "labels:1.5", "pairs:2"]


@pytest.mark.parametrize("partition", UNKNOWN)
def test_an_unknown_partition_is_refused_with_the_known_ones(partition) -> None:
    with pytest.raises(DataError, match=r"iid, dirichlet:ALPHA or labels:N"):
        shard_indices(TEN_DIGITS, 2, 1, partition, 1)


@pytest.mark.parametrize(
    ("partition", "nodes"), [("iid", 11), ("labels:2", 6), ("dirichlet:1", 11)]
)
def test_more_shards_than_samples_are_refused(partition, nodes) -> None:
    with pytest.raises(DataError, match=r"needs at least 1[12] samples, found 10"):
        check_cut(partition, nodes, 10)


@pytest.mark.parametrize("node", [0, -1, 3])
def test_a_node_out_of_range_is_refused(node) -> None:
    with pytest.raises(DataError, match="nodes 1 to 2"):
        shard_indices(TEN_DIGITS, 2, node, "iid", 1)


@UNHURRIED
@given(st.integers(1, 200), SEEDS, st.data())
def test_the_plans_images_are_as_many_as_asked_for(available, seed, data) -> None:
    images = data.draw(st.integers(1, available))
    rows = chosen_rows(available, images, seed).tolist()
    assert len(set(rows)) == images
    assert set(rows) <= set(range(available))


def test_fewer_images_are_part_of_more() -> None:
    assert set(chosen_rows(100, 10, 3)) < set(chosen_rows(100, 30, 3))


def test_all_images_are_used_where_the_plan_gives_no_number() -> None:
    assert chosen_rows(5, None, 1).tolist() == [0, 1, 2, 3, 4]


def test_more_images_than_there_are_are_refused() -> None:
    with pytest.raises(DataError, match="6 images were asked for, the data set has 5"):
        chosen_rows(5, 6, 1)
