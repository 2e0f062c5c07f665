"""Cutting one data set into a shard for each node, drawn from the plan's seed.

Every node computes its own shard alone and gets the same cut as all others, so only integers and
correctly rounded decimals are used: no platform's ``log`` or ``pow`` has a say.
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.errors import DataError
from fl_node.training.dirichlet import dirichlet_weights
from fl_node.training.draws import draw, key_of, permutation

Indices = NDArray[np.int64]


def shard_indices(
    labels: NDArray[Any], nodes: int, node: int, partition: str, seed: int
) -> Indices:
    """Give the rows of one node's shard; the shards of all nodes are disjoint.

    ``iid`` and ``labels:N`` (N shards of samples sorted by label for each node, McMahan et al.
    2017, section 3) use every sample; so does ``dirichlet:ALPHA`` (each node draws its mixture of
    labels, Hsu et al. 2019, section 3). Sizes are equal within one, for ``labels:N`` within N.

    :param labels: one class number per sample
    :raises DataError: for an unknown partition, a node out of range, or more shards than samples
    """
    if not 1 <= node <= nodes:
        raise DataError(
            f"the data set is cut into nodes 1 to {nodes}, found node {node}: give it data of its "
            f"own in flnode.toml, or let the owner do flnode nodes remove {node} --reopen"
        )
    check_cut(partition, nodes, len(labels))
    cut, _ = _cut_of(partition, nodes)
    return np.sort(cut(labels, nodes, node, seed))


def check_cut(partition: str, nodes: int, samples: int) -> None:
    """Refuse an unknown partition, or more shards than samples; as :func:`shard_indices`."""
    _, pieces = _cut_of(partition, nodes)
    if pieces > samples:
        raise DataError(
            f"partition {partition!r} of {nodes} nodes needs at least {pieces} samples, "
            f"found {samples}: use more images or fewer nodes"
        )


def chosen_rows(available: int, images: int | None, seed: int) -> Indices:
    """Give the rows that the plan uses at all, drawn from its seed.

    :raises DataError: when the plan wants more than there are
    """
    wanted = available if images is None else images
    if wanted > available:
        raise DataError(f"{wanted} images were asked for, the data set has {available}")
    return np.sort(permutation(available, key_of("images", seed))[:wanted])


_Cut = Callable[[NDArray[Any], int, int, int], Indices]


def _cut_of(partition: str, nodes: int) -> tuple[_Cut, int]:
    kind, colon, text = partition.partition(":")
    if partition == "iid":
        return _iid, nodes
    if kind == "dirichlet" and colon and _positive(text):
        return partial(_dirichlet, alpha=Decimal(text)), nodes
    if kind == "labels" and text.isascii() and text.isdigit() and int(text) >= 1:
        return partial(_by_labels, each=int(text)), nodes * int(text)
    raise DataError(
        f"partition must be iid, dirichlet:ALPHA or labels:N, such as dirichlet:0.5 or labels:2, "
        f"found {partition!r}"
    )


def _positive(text: str) -> bool:
    try:
        return Decimal("0.01") <= Decimal(text) <= Decimal(1_000_000)
    except InvalidOperation:
        return False


def _iid(labels: NDArray[Any], nodes: int, node: int, seed: int) -> Indices:
    return permutation(len(labels), key_of("iid", seed))[node - 1 :: nodes]


def _by_labels(labels: NDArray[Any], nodes: int, node: int, seed: int, *, each: int) -> Indices:
    shuffled = permutation(len(labels), key_of("labels", seed))
    by_label = shuffled[np.argsort(labels[shuffled], kind="stable")]
    pieces = np.array_split(by_label, nodes * each)
    mine = permutation(len(pieces), key_of("pieces", seed))[(node - 1) * each : node * each]
    return np.concatenate([pieces[piece] for piece in mine])


def _dirichlet(
    labels: NDArray[Any], nodes: int, node: int, seed: int, *, alpha: Decimal
) -> Indices:
    shuffled = permutation(len(labels), key_of("dirichlet", seed))
    pools = [list(shuffled[labels[shuffled] == label]) for label in np.unique(labels)]
    prior = list(map(len, pools))
    taken: list[int] = []
    for each in range(1, node + 1):  # earlier nodes draw first, so what is left is known
        size = len(labels[each - 1 :: nodes])
        weights = dirichlet_weights(alpha, prior, key_of("mixture", seed, each))
        taken = _take(pools, weights, draw(size, key_of("taken", seed, each)))
    return np.array(taken, dtype=np.int64)


def _take(pools: list[list[Any]], weights: list[int], chances: NDArray[np.uint64]) -> list[int]:
    taken = []
    for chance in chances.tolist():
        open_weights = [w if pool else 0 for w, pool in zip(weights, pools, strict=True)]
        if not any(open_weights):  # all labels that this node wanted are used up
            open_weights = [len(pool) for pool in pools]
        point = chance * sum(open_weights) >> 64
        label = 0
        while point >= open_weights[label]:
            point -= open_weights[label]
            label += 1
        taken.append(int(pools[label].pop()))
    return taken
