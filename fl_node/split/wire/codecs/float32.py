"""Tensors as they are."""

from dataclasses import dataclass

from fl_node.split.wire.codecs.codec import FLOAT32, Arrays, Float, Shape, SymmetricCodec
from fl_node.weights import TensorSpec


@dataclass(frozen=True)
class Float32(SymmetricCodec):
    """Four bytes an element, no bit lost."""

    def shapes(self, shape: Shape) -> dict[str, TensorSpec]:
        """Give the tensor's own."""
        return {"values": TensorSpec(FLOAT32, shape)}

    def write(self, tensor: Float) -> Arrays:
        """Give the tensor."""
        return {"values": tensor}

    def read(self, arrays: Arrays, shape: Shape) -> Float:
        """Give the tensor."""
        del shape
        return arrays["values"]
