"""Sums over elements in a fixed tree, so that every platform gets the same bits.

The tree of n values: pad with +0.0 to the next power of two, then add neighbours (first and
second, third and fourth, …) until one value is left. Every aligned run of 2**k values is a subtree
of its own, so the sum needs one block of memory, and blocks may be summed anywhere.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from aggregator.strategies.arithmetic import FLOAT32, check_arithmetic
from fl_node.weights import Weights

_BLOCK_ELEMENTS = 2**15  # a power of two: each block is a subtree

Values = NDArray[np.float64]


def tree_sum(values: Values) -> float:
    """Add float64 values in the fixed tree; +0.0 for none."""
    level = _padded(values)
    while level.size > 1:
        level = level[0::2] + level[1::2]
    return float(level[0])


def squared_distance(one: Weights, other: Weights) -> float:
    """Give the squared Euclidean distance of the float32 tensors, in float64.

    Differences and squares are rounded once each; each tensor's squares are summed in the tree,
    then the tensors' sums, in the order of their names.

    :raises StrategyError: when this thread does not compute as IEEE 754 says
    """
    check_arithmetic()
    sums = [
        _of_blocks(_squares(tensor.reshape(-1), other.tensors[name].reshape(-1)))
        for name, tensor in one.tensors.items()
        if tensor.dtype == FLOAT32
    ]
    return tree_sum(np.array(sums, np.float64))


def _of_blocks(blocks: Iterable[Values]) -> float:
    return tree_sum(np.array([tree_sum(block) for block in blocks], np.float64))


def _squares(one: NDArray[np.float32], other: NDArray[np.float32]) -> Iterator[Values]:
    for start in range(0, one.size, _BLOCK_ELEMENTS):
        run = slice(start, start + _BLOCK_ELEMENTS)
        difference = one[run].astype(np.float64) - other[run].astype(np.float64)
        yield difference * difference


def _padded(values: Values) -> Values:
    size = 1 << max(0, values.size - 1).bit_length()
    padded = np.zeros(size)
    padded[: values.size] = values
    return padded
