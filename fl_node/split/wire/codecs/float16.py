"""Half precision, each tensor scaled by a power of two, so that gradients do not become denormal.

The power brings the largest magnitude to 2^14 … 2^15. It is bounded so that float32's subnormals
become zero in any case: TensorFlow's threads take them for zero, others do not, and both must give
the same bits.
"""

import math
from dataclasses import dataclass

import numpy as np

from fl_node.split.record.refusal import Refusal, UnfitError
from fl_node.split.wire.codecs.codec import FLOAT32, Arrays, Float, Shape, SymmetricCodec
from fl_node.weights import TensorSpec

_TARGET = 15
_MIN_EXPONENT, _MAX_EXPONENT = _TARGET - 128, 100
_BITS, _EXPONENT = np.dtype("<u2"), np.dtype("<i2")
_INFINITE = 0x7C00  # all bits of the exponent
_LARGEST = np.float32(2**15 - 2**4)  # below 2^15; rounding up there would leave float32's range


@dataclass(frozen=True)
class Float16(SymmetricCodec):
    """IEEE 754 binary16 as 16-bit words, since weights files hold no half floats."""

    def shapes(self, shape: Shape) -> dict[str, TensorSpec]:
        """Give words like the tensor, and one exponent."""
        return {"bits": TensorSpec(_BITS, shape), "exponent": TensorSpec(_EXPONENT, ())}

    def write(self, tensor: Float) -> Arrays:
        """Scale, then round to the nearest, ties to even."""
        exponent = _exponent(tensor)
        scaled = tensor * np.float32(2.0**exponent)
        if exponent == _MIN_EXPONENT:
            np.clip(scaled, -_LARGEST, _LARGEST, out=scaled)
        bits = scaled.astype(np.float16).view(_BITS)
        return {"bits": bits, "exponent": np.array(exponent, _EXPONENT)}

    def read(self, arrays: Arrays, shape: Shape) -> Float:
        """Scale back, which is exact."""
        del shape
        exponent, bits = int(arrays["exponent"]), arrays["bits"]
        if not _MIN_EXPONENT <= exponent <= _MAX_EXPONENT:
            raise UnfitError(
                Refusal.BAD_ENCODING,
                f"an exponent from {_MIN_EXPONENT} to {_MAX_EXPONENT} was expected, "
                f"found {exponent}",
            )
        magnitudes = bits & np.uint16(0x7FFF)
        if magnitudes.size and magnitudes.max() >= _most_bits(exponent):
            raise UnfitError(
                Refusal.NOT_FINITE, "a half float holds NaN, infinity, or more than float32 does"
            )
        values = bits.view(np.dtype("<f2")).astype(FLOAT32)
        return np.multiply(values, np.float32(2.0**-exponent), out=values)


def _exponent(tensor: Float) -> int:
    """Give the power of two for a tensor; for one of zeros, 0."""
    largest = float(max(tensor.max(), -tensor.min())) if tensor.size else 0.0
    if largest < float(np.finfo(np.float32).tiny):
        return 0
    return min(max(_TARGET - math.frexp(largest)[1], _MIN_EXPONENT), _MAX_EXPONENT)


def _most_bits(exponent: int) -> int:
    """Give the first word whose value would be infinite, as half float or scaled back."""
    if exponent == _MIN_EXPONENT:
        return int(np.array(2.0**_TARGET, np.float16).view(_BITS))
    return _INFINITE
