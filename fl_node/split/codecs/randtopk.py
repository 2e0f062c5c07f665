"""RandTopk: of each sample some elements only, mostly its largest.

Zheng, Chen, Lyu, Yao: Reducing Communication for Split Learning by Randomized Top-k Sparsification,
IJCAI 2023. In training, each of k draws without replacement takes one of the top k with probability
1 - alpha, any of them alike, and one of the rest with probability alpha. At inference the top k are
kept. Gradients travel only where the element was kept.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from fl_node.split.codecs.codec import (
    FLOAT32,
    Arrays,
    Codec,
    Decoded,
    Direction,
    Encoded,
    Float,
    Kept,
    Shape,
)
from fl_node.split.codecs.mask import mask_spec, pack_mask, unpack_mask
from fl_node.training.draws import draw
from fl_node.weights import TensorSpec

_INDEX_BITS = np.uint64(32)
_INDEX = np.uint64(2**32 - 1)
_LAST = np.uint64(2**64 - 1)
_MAGNITUDE = np.uint32(2**31 - 1)


@dataclass(frozen=True)
class RandTopk(Codec):
    """Keep ``fraction`` of each sample's elements.

    :ivar fraction: of the elements, more than 0 and up to 1; k is rounded up
    :ivar alpha: probability of a draw from the rest, from 0 and below 1
    """

    fraction: Fraction
    alpha: Fraction

    @property
    def is_random(self) -> bool:
        """Tell whether it ever draws from the rest."""
        return self.alpha > 0

    def specs(self, shape: Shape, direction: Direction) -> dict[str, TensorSpec]:
        """Give the values kept and, forward, which they are."""
        kept = self._kept(shape)
        values = {"values": TensorSpec(FLOAT32, (shape[0], kept))}
        if direction is Direction.BACKWARD:
            return values
        name, spec = mask_spec(shape[0], _elements(shape), kept)
        return values | {name: spec}

    def encode(self, tensor: Float, *, key: int | None) -> Encoded:
        """Choose, and give the chosen."""
        flat = tensor.reshape(tensor.shape[0], _elements(tensor.shape))
        kept = self._kept(tensor.shape)
        mask = _largest(flat, kept)
        if key is not None and self.is_random:
            mask = _randomized(mask, kept, self.alpha, key)
        values = flat[mask].reshape(-1, kept)
        return Encoded({"values": values} | pack_mask(mask, kept), mask)

    def decode(self, arrays: Arrays, shape: Shape) -> Decoded:
        """Put the chosen back among zeros."""
        mask = unpack_mask(arrays, shape[0], _elements(shape), self._kept(shape))
        return Decoded(_spread(arrays["values"], mask, shape), mask)

    def encode_gradient(self, gradient: Float, kept: Kept) -> Arrays:
        """Give the gradients of the chosen."""
        mask = _required(kept)
        return {"values": gradient.reshape(mask.shape)[mask].reshape(mask.shape[0], -1)}

    def decode_gradient(self, arrays: Arrays, shape: Shape, kept: Kept) -> Float:
        """Put them back among zeros."""
        return _spread(arrays["values"], _required(kept), shape)

    def _kept(self, shape: Shape) -> int:
        return math.ceil(self.fraction * _elements(shape))


def _elements(shape: Shape) -> int:
    return math.prod(shape[1:])


def _required(kept: Kept) -> NDArray[np.bool_]:
    if kept is None:
        raise ValueError("a gradient's elements are those that its tensor kept: none were given")
    return kept


def _spread(values: Float, mask: NDArray[np.bool_], shape: Shape) -> Float:
    tensor = np.zeros(mask.shape, FLOAT32)
    tensor[mask] = values.reshape(-1)
    return tensor.reshape(shape)


def _largest(flat: Float, kept: int) -> NDArray[np.bool_]:
    """Mark the largest magnitudes of each row; of equal ones, the first.

    Bits of floats sort as their magnitudes do, and with the index behind them no two are equal, so
    that any algorithm finds the same.
    """
    elements = flat.shape[1]
    magnitudes = (np.ascontiguousarray(flat).view(np.uint32) & _MAGNITUDE).astype(np.uint64)
    order = (magnitudes << _INDEX_BITS) | (_INDEX - np.arange(elements, dtype=np.uint64))
    chosen = np.partition(order, elements - kept, axis=1)[:, elements - kept :]
    return _marked(_INDEX - (chosen & _INDEX), np.ones(chosen.shape, bool), elements)


def _randomized(top: NDArray[np.bool_], kept: int, alpha: Fraction, key: int) -> NDArray[np.bool_]:
    """Exchange some of each row's largest for others, any of either alike."""
    rows, elements = top.shape
    drawn = draw(rows * (kept + elements), key)
    others = _below(drawn[: rows * kept], alpha).reshape(rows, kept).sum(axis=1)
    others = np.minimum(others, elements - kept)
    order = drawn[rows * kept :].reshape(rows, elements) & ~_INDEX
    order |= np.arange(elements, dtype=np.uint64)
    of_top = np.sort(order[top].reshape(rows, kept), axis=1)
    of_rest = _smallest(np.where(top, _LAST, order), int(others.max(initial=0)))
    columns = np.concatenate([of_top, of_rest], axis=1) & _INDEX
    ranks = np.arange(columns.shape[1])
    takes_top = (ranks < kept) & (ranks < (kept - others)[:, None])
    takes_rest = (ranks >= kept) & (ranks < (kept + others)[:, None])
    return _marked(columns, takes_top | takes_rest, elements)


def _below(drawn: NDArray[np.uint64], alpha: Fraction) -> NDArray[np.bool_]:
    return drawn < np.uint64(math.floor(alpha * 2**64))


def _smallest(order: NDArray[np.uint64], count: int) -> NDArray[np.uint64]:
    """Give each row's smallest in ascending order."""
    if count == 0:
        return order[:, :0]
    return np.sort(np.partition(order, count - 1, axis=1)[:, :count], axis=1)


def _marked(
    columns: NDArray[np.uint64], taken: NDArray[np.bool_], elements: int
) -> NDArray[np.bool_]:
    mask = np.zeros((columns.shape[0], elements), bool)
    rows, places = np.nonzero(taken)
    mask[rows, columns[rows, places].astype(np.intp)] = True
    return mask
