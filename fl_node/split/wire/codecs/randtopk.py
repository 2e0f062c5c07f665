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

from fl_node.split.wire.codecs.codec import (
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
from fl_node.split.wire.codecs.mask import mask_spec, pack_mask, unpack_mask
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
    order = (np.ascontiguousarray(flat).view(np.uint32) & _MAGNITUDE).astype(np.uint64)
    order <<= _INDEX_BITS
    order |= _INDEX - np.arange(elements, dtype=np.uint64)
    place = elements - kept
    return np.asarray(order >= np.partition(order, place, axis=1)[:, place : place + 1])


def _randomized(top: NDArray[np.bool_], kept: int, alpha: Fraction, key: int) -> NDArray[np.bool_]:
    """Exchange some of each row's largest for others, any of either alike.

    Every element draws a number; the lowest of the largest stay, the lowest of the others come.
    """
    rows, elements = top.shape
    drawn = draw(rows * (kept + elements), key)
    others = _below(drawn[: rows * kept], alpha).reshape(rows, kept).sum(axis=1)
    others = np.minimum(others, elements - kept)
    order = drawn[rows * kept :].reshape(rows, elements)
    order &= ~_INDEX
    order |= np.arange(elements, dtype=np.uint64)
    stay = _lowest(np.where(top, order, _LAST), kept - others)
    return stay | _lowest(np.where(top, _LAST, order), others)


def _below(drawn: NDArray[np.uint64], alpha: Fraction) -> NDArray[np.bool_]:
    return drawn < np.uint64(math.floor(alpha * 2**64))


def _lowest(order: NDArray[np.uint64], counts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark each row's lowest, as many as its count says; no two are equal."""
    most = int(counts.max(initial=0))
    if most == 0:
        return np.zeros(order.shape, bool)
    ascending = np.sort(np.partition(order, most - 1, axis=1)[:, :most], axis=1)
    last = np.take_along_axis(ascending, np.maximum(counts - 1, 0)[:, None], axis=1)
    return np.asarray((order <= last) & (counts > 0)[:, None])
