"""A data set as the tensors that a model takes, or a clear word on why it is none."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.errors import DataError
from fl_node.training.dataset import Dataset


@dataclass(frozen=True)
class Feed:
    """What a model and a loss take for one sample.

    :ivar names: of the inputs in the model's order
    :ivar shapes: of the inputs, without the samples' axis; None where any length will do
    :ivar dtypes: of the inputs
    :ivar output: shape of the output, without the samples' axis
    :ivar sparse: whether targets are class numbers
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int | None, ...], ...]
    dtypes: tuple[str, ...]
    output: tuple[int | None, ...]
    sparse: bool

    @classmethod
    def of_model(cls, model: Any, *, sparse: bool) -> "Feed":
        """Read what a built Keras model takes."""
        return cls(
            tuple(tensor.name for tensor in model.inputs),
            tuple(tuple(tensor.shape[1:]) for tensor in model.inputs),
            tuple(tensor.dtype for tensor in model.inputs),
            tuple(model.outputs[0].shape[1:]),
            sparse,
        )

    @property
    def target_shape(self) -> tuple[int | None, ...]:
        """Shape of one sample's target."""
        return self.output[:-1] if self.sparse else self.output

    @property
    def target_dtype(self) -> str:
        """Class numbers are integers, all other targets are float32."""
        return "int32" if self.sparse else "float32"

    def arrays(self, data: Dataset) -> tuple[list[NDArray[Any]], NDArray[Any]]:
        """Give inputs and targets with the model's shapes and dtypes.

        :raises DataError: when the data set has other shapes, or classes that do not exist
        """
        if len(data.inputs) != len(self.names):
            raise DataError(
                f"the model takes {len(self.names)} inputs ({', '.join(self.names)}), "
                f"the data set has {len(data.inputs)}"
            )
        inputs = [self._input(i, array) for i, array in enumerate(data.inputs)]
        return inputs, self._targets(data.targets)

    def _input(self, number: int, array: NDArray[Any]) -> NDArray[Any]:
        name, wanted = self.names[number], self.shapes[number]
        if array.ndim == 1 and wanted == (1,):
            array = array[:, np.newaxis]
        if not _fits(array.shape[1:], wanted):
            raise DataError(
                f"input {name!r} takes samples of shape {_shown(wanted)}, "
                f"found {_shown(array.shape[1:])}"
            )
        return np.ascontiguousarray(array, dtype=self.dtypes[number])

    def _targets(self, targets: NDArray[Any]) -> NDArray[Any]:
        wanted = self.target_shape
        if targets.ndim == len(wanted) and wanted[-1:] == (1,):
            targets = targets[..., np.newaxis]
        if self.sparse and targets.ndim == len(wanted) + 2 and targets.shape[-1] == 1:
            targets = targets[..., 0]
        if not _fits(targets.shape[1:], wanted):
            hint = "" if self.sparse else _sparse_hint(targets)
            raise DataError(
                f"the loss takes targets of shape {_shown(wanted)} for each sample, "
                f"found {_shown(targets.shape[1:])}{hint}"
            )
        if self.sparse:
            self._check_classes(targets)
        return np.ascontiguousarray(targets, dtype=self.target_dtype)

    def _check_classes(self, targets: NDArray[Any]) -> None:
        classes = self.output[-1]
        low, high = targets.min(), targets.max()
        if targets.dtype.kind == "f" and not np.array_equal(targets, np.floor(targets)):
            raise DataError("a sparse loss takes class numbers, found fractions")
        if low < 0 or (classes is not None and high >= classes):
            raise DataError(
                f"a sparse loss takes class numbers from 0 to {(classes or 0) - 1}, "
                f"found {low} to {high}"
            )


def _fits(found: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(found) == len(wanted) and all(
        w is None or f == w for f, w in zip(found, wanted, strict=True)
    )


def _shown(shape: tuple[int | None, ...]) -> str:
    return "[" + ", ".join("any" if side is None else str(side) for side in shape) + "]"


def _sparse_hint(targets: NDArray[Any]) -> str:
    return ": class numbers need a sparse loss" if targets.dtype.kind in "iu" else ""
