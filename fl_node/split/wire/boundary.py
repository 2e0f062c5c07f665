"""The tensors of one boundary, such as the cut, as they stand in frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fl_node.errors import SplitError
from fl_node.split.wire.codecs.codec import Arrays, Codec, Direction, Float, Kept, Shape
from fl_node.training.draws import key_of
from fl_node.weights import Tensor, TensorSpec


@dataclass(frozen=True)
class Wire:
    """A boundary between two parts of a model, crossed forward by tensors, backward by gradients.

    :ivar name: begins the arrays' names in a frame: ``cut`` gives ``cut/0/values``
    :ivar samples: the shape of one sample of each tensor
    """

    name: str
    codec: Codec
    samples: tuple[Shape, ...]

    def specs(self, rows: int, direction: Direction) -> dict[str, TensorSpec]:
        """Give the arrays that may come for a batch."""
        return {
            f"{self.name}/{index}/{part}": spec
            for index, sample in enumerate(self.samples)
            for part, spec in self.codec.specs((rows, *sample), direction).items()
        }

    def encode(
        self, tensors: Sequence[Float], *, key: int | None
    ) -> tuple[dict[str, Tensor], tuple[Kept, ...]]:
        """Encode what goes forward; gives the arrays, and what the gradients' codec needs.

        :param key: of the step, for training; None for inference
        :raises SplitError: for NaN or infinity, or tensors that are not this boundary's
        """
        self._check(tensors)
        keys = [None if key is None else key_of("wire", key, index) for index in self._indices]
        encoded = [
            self.codec.encode(tensor, key=each) for tensor, each in zip(tensors, keys, strict=True)
        ]
        return self._named([each.arrays for each in encoded]), tuple(e.kept for e in encoded)

    def decode(
        self, arrays: Mapping[str, Tensor], rows: int
    ) -> tuple[list[Float], tuple[Kept, ...]]:
        """Decode what came forward, admitted by :meth:`specs`.

        :raises UnfitError: for contents that no encoder gives
        """
        decoded = [
            self.codec.decode(self._parts(arrays, index), (rows, *sample))
            for index, sample in enumerate(self.samples)
        ]
        return [each.tensor for each in decoded], tuple(each.kept for each in decoded)

    def encode_gradients(
        self, gradients: Sequence[Float], kept: Sequence[Kept]
    ) -> dict[str, Tensor]:
        """Encode what goes backward.

        :param kept: of the tensors whose gradients these are
        :raises SplitError: as :meth:`encode`
        """
        self._check(gradients)
        pairs = zip(gradients, kept, strict=True)
        return self._named([self.codec.encode_gradient(each, mask) for each, mask in pairs])

    def decode_gradients(
        self, arrays: Mapping[str, Tensor], rows: int, kept: Sequence[Kept]
    ) -> list[Float]:
        """Decode what came backward, admitted by :meth:`specs`.

        :raises UnfitError: for contents that no encoder gives
        """
        return [
            self.codec.decode_gradient(self._parts(arrays, index), (rows, *sample), mask)
            for index, (sample, mask) in enumerate(zip(self.samples, kept, strict=True))
        ]

    @property
    def _indices(self) -> range:
        return range(len(self.samples))

    def _named(self, encoded: Sequence[Arrays]) -> dict[str, Tensor]:
        return {
            f"{self.name}/{index}/{part}": array
            for index, arrays in enumerate(encoded)
            for part, array in arrays.items()
        }

    def _parts(self, arrays: Mapping[str, Tensor], index: int) -> dict[str, Tensor]:
        start = f"{self.name}/{index}/"
        found = arrays.items()
        return {name.removeprefix(start): array for name, array in found if name.startswith(start)}

    def _check(self, tensors: Sequence[Float]) -> None:
        found = tuple(tensor.shape[1:] for tensor in tensors)
        if found != self.samples:
            raise SplitError(f"{self.name} is crossed by {self.samples}, found {found}")
        for index, tensor in enumerate(tensors):
            if not np.isfinite(tensor).all():
                raise SplitError(
                    f"{self.name}/{index} of this party holds NaN or infinity: the training "
                    "diverged; try a lower learning rate"
                )
