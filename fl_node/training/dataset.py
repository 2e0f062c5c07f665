"""Samples in memory: inputs and targets."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.errors import DataError


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples to train or to evaluate on; the first axis of every array counts them.

    :ivar inputs: one array for each input of the model, in the model's order
    :ivar targets: what the loss compares the model's output with
    """

    inputs: tuple[NDArray[Any], ...]
    targets: NDArray[Any]

    def __post_init__(self) -> None:
        """Check what needs no model.

        :raises DataError: for no samples, different numbers of them, NaN, infinity, no numbers
        """
        if not self.inputs:
            raise DataError("a data set needs at least one array of inputs, found none")
        for name, array in self._named():
            _check_array(name, array)
            if len(array) != len(self.targets):
                raise DataError(
                    f"{name} has {len(array)} samples, the targets have {len(self.targets)}: "
                    "each sample needs both"
                )

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.targets)

    def _named(self) -> list[tuple[str, NDArray[Any]]]:
        return [("targets", self.targets)] + [
            (f"input {i}", array) for i, array in enumerate(self.inputs)
        ]


def _check_array(name: str, array: NDArray[Any]) -> None:
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
        kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
        raise DataError(f"{name}: an array of numbers was expected, found {kind}")
    if array.ndim == 0 or len(array) == 0:
        raise DataError(f"{name}: at least one sample was expected, found none")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        raise DataError(f"{name}: finite numbers were expected, found NaN or infinity in row {row}")
