"""Eight bits an element, one scale for each channel."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.split.record.refusal import Refusal, UnfitError
from fl_node.split.wire.codecs.codec import FLOAT32, Arrays, Float, Shape, SymmetricCodec
from fl_node.weights import TensorSpec

_STEPS = 127
_INT8 = np.dtype("i1")
# Smaller channels are zero, so that no subnormal makes a difference: some threads flush them.
_LEAST_MAGNITUDE = np.float32(2.0**-100)
_LEAST_SCALE = np.float32(2.0**-107)
_LARGEST_SCALE = np.nextafter(np.finfo(np.float32).max / np.float32(_STEPS), np.float32(0))


@dataclass(frozen=True)
class Int8(SymmetricCodec):
    """Symmetric: a channel's largest magnitude becomes 127; a channel is the last axis."""

    def shapes(self, shape: Shape) -> dict[str, TensorSpec]:
        """Give bytes like the tensor, and a float32 for each channel."""
        return {
            "values": TensorSpec(_INT8, shape),
            "scales": TensorSpec(FLOAT32, (_channels(shape),)),
        }

    def write(self, tensor: Float) -> Arrays:
        """Divide by the scale and round half to even."""
        flat = tensor.reshape(-1, _channels(tensor.shape))
        largest = np.maximum(flat.max(axis=0, initial=0), -flat.min(axis=0, initial=0))
        is_zero = largest < _LEAST_MAGNITUDE
        scales = np.minimum(largest / np.float32(_STEPS), _LARGEST_SCALE)
        divisors = np.where(is_zero, np.float32(np.inf), scales)
        values = np.rint(flat / divisors).astype(_INT8).reshape(tensor.shape)
        return {"values": values, "scales": np.where(is_zero, np.float32(0), scales)}

    def read(self, arrays: Arrays, shape: Shape) -> Float:
        """Multiply by the scale."""
        values, scales = arrays["values"], arrays["scales"]
        _check(values, scales)
        flat = values.reshape(-1, _channels(shape)).astype(FLOAT32)
        return np.multiply(flat, scales, out=flat).reshape(shape)


def _channels(shape: Shape) -> int:
    return shape[-1] if len(shape) > 1 else 1


def _check(values: NDArray[Any], scales: NDArray[Any]) -> None:
    if values.size and values.min() < -_STEPS:
        raise UnfitError(Refusal.BAD_ENCODING, f"values from -{_STEPS} up were expected")
    possible = (scales == 0) | ((scales >= _LEAST_SCALE) & (scales <= _LARGEST_SCALE))
    if not possible.all():
        raise UnfitError(
            Refusal.BAD_ENCODING,
            f"scales of 0 or from {_LEAST_SCALE:g} to {_LARGEST_SCALE:g} were expected, "
            f"found {scales[~possible][0]:g}",
        )
