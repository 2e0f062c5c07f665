"""What crosses a cut: one symbolic tensor's shape for one sample, under a name."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fl_node.errors import ModelError
from fl_node.weights import TensorSpec


@dataclass(frozen=True)
class Crossing:
    """A tensor between the parties, float32.

    :ivar name: such as ``cut/0`` or ``features/0``
    :ivar shape: of one sample
    """

    name: str
    shape: tuple[int, ...]

    def spec(self, samples: int) -> TensorSpec:
        """Give dtype and shape of a batch."""
        return TensorSpec(np.dtype(np.float32), (samples, *self.shape))

    def __str__(self) -> str:
        """Give ``cut/0 float32[14, 14, 32]``."""
        return f"{self.name} float32{list(self.shape)}"


def check_tensor(tensor: Any) -> tuple[int, ...]:
    """Give the shape of one sample of a symbolic tensor that is to cross.

    :raises ModelError: unless it is float32, of a known shape, and carries no mask
    """
    source = tensor._keras_history.operation.name
    if tensor.dtype != "float32":
        raise ModelError(f"the output of {source!r} is {tensor.dtype}, only float32 can cross")
    if getattr(tensor, "_keras_mask", None) is not None:
        raise ModelError(f"the output of {source!r} carries a mask, which would be lost on the way")
    if None in tensor.shape[1:]:
        raise ModelError(
            f"the output of {source!r} has the shape {tensor.shape[1:]}: give the inputs a fixed "
            "shape, so that the other party can check what arrives"
        )
    return tuple(tensor.shape[1:])


def named(what: str, shapes: Sequence[tuple[int, ...]]) -> tuple[Crossing, ...]:
    """Name tensors of these shapes ``cut/0``, ``cut/1`` …, or ``features/0`` ….

    :param what: cut or features
    """
    return tuple(Crossing(f"{what}/{i}", tuple(shape)) for i, shape in enumerate(shapes))


def gradients_of(crossing: Sequence[Crossing]) -> tuple[Crossing, ...]:
    """Name the gradients of what crosses, such as ``gradient of cut/0``, of the same shapes."""
    return tuple(replace(each, name=f"gradient of {each.name}") for each in crossing)
