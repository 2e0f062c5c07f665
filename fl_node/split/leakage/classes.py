"""The class of each sample, from targets of any built-in kind."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.errors import SplitError

Classes = NDArray[np.int64]
_BINARY = 2


def classes_of(targets: NDArray[Any]) -> Classes:
    """Number the classes of class numbers, one-hot rows, or one column of 0 and 1.

    :raises SplitError: for targets that are no classes, such as measurements
    """
    rows = np.asarray(targets)
    rows = rows[:, 0] if rows.ndim == _BINARY and rows.shape[1] == 1 else rows
    if rows.ndim == 1 and np.array_equal(rows, np.floor(rows)):
        return np.asarray(rows, np.int64)
    if rows.ndim == _BINARY and np.array_equal(rows, _one_hot(rows)):
        return np.asarray(rows.argmax(axis=1), np.int64)
    raise SplitError(
        f"targets of shape {list(np.shape(targets))} are no classes: only labels that are class "
        "numbers or one-hot rows can be looked for in gradients"
    )


def _one_hot(rows: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.eye(rows.shape[1])[rows.argmax(axis=1)])
