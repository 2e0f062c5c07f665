"""What every codec does: float32 in, arrays on the wire, float32 out; both ways."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from fl_node.weights import Tensor, TensorSpec

FLOAT32 = np.dtype("<f4")
Float = NDArray[np.float32]
Kept = NDArray[np.bool_] | None
Shape = tuple[int, ...]
Arrays = Mapping[str, Tensor]


class Direction(Enum):
    """Which way a tensor goes through the model."""

    FORWARD = "forward"
    BACKWARD = "backward"


@dataclass(frozen=True)
class Encoded:
    """A tensor as it goes over the wire.

    :ivar arrays: by names that the codec gives
    :ivar kept: what a gradient's codec has to know of its tensor, the same on both sides
    """

    arrays: Arrays
    kept: Kept


@dataclass(frozen=True)
class Decoded:
    """A tensor as it came over the wire.

    :ivar tensor: float32, of the shape that was sent
    :ivar kept: as the sender has it
    """

    tensor: Float
    kept: Kept


class Codec(ABC):
    """One way to write tensors; pure functions that give the same bits everywhere.

    Shapes have the batch's rows first. Gradients are encoded with what both sides keep of the
    tensor whose gradients they are. Encoding takes finite tensors only.
    """

    @property
    @abstractmethod
    def is_random(self) -> bool:
        """Tell whether the key makes a difference."""

    @abstractmethod
    def specs(self, shape: Shape, direction: Direction) -> dict[str, TensorSpec]:
        """Give dtypes and shapes of the arrays on the wire."""

    @abstractmethod
    def encode(self, tensor: Float, *, key: int | None) -> Encoded:
        """Encode what goes forward.

        :param key: of 128 bits, for training, see :func:`fl_node.training.draws.key_of`; None for
            inference, which knows no chance
        """

    @abstractmethod
    def decode(self, arrays: Arrays, shape: Shape) -> Decoded:
        """Decode what came forward; the arrays are of :meth:`specs`, floats among them finite.

        :raises UnfitError: for contents that no encoder gives
        """

    @abstractmethod
    def encode_gradient(self, gradient: Float, kept: Kept) -> Arrays:
        """Encode what goes backward."""

    @abstractmethod
    def decode_gradient(self, arrays: Arrays, shape: Shape, kept: Kept) -> Float:
        """Decode what came backward.

        :raises UnfitError: for contents that no encoder gives
        """


class SymmetricCodec(Codec):
    """A codec that writes both directions alike and keeps nothing."""

    @property
    def is_random(self) -> bool:
        """Tell that it is not."""
        return False

    @abstractmethod
    def shapes(self, shape: Shape) -> dict[str, TensorSpec]:
        """Give dtypes and shapes of the arrays, in both directions."""

    @abstractmethod
    def write(self, tensor: Float) -> Arrays:
        """Encode in either direction."""

    @abstractmethod
    def read(self, arrays: Arrays, shape: Shape) -> Float:
        """Decode in either direction.

        :raises UnfitError: for contents that no encoder gives
        """

    def specs(self, shape: Shape, direction: Direction) -> dict[str, TensorSpec]:
        """Give the same for both directions."""
        del direction
        return self.shapes(shape)

    def encode(self, tensor: Float, *, key: int | None) -> Encoded:
        """Encode without chance."""
        del key
        return Encoded(self.write(tensor), None)

    def decode(self, arrays: Arrays, shape: Shape) -> Decoded:
        """Decode, keeping nothing."""
        return Decoded(self.read(arrays, shape), None)

    def encode_gradient(self, gradient: Float, kept: Kept) -> Arrays:
        """Encode as forward."""
        del kept
        return self.write(gradient)

    def decode_gradient(self, arrays: Arrays, shape: Shape, kept: Kept) -> Float:
        """Decode as forward."""
        del kept
        return self.read(arrays, shape)
