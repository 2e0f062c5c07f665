"""What a batch's gradients at the cut have in common, in two numbers without a unit.

Fu et al. 2023, "Focusing on Pinocchio's nose: a gradients scrutinizer to thwart
split-learning hijacking attacks using intrinsic attributes": an honest loss pulls
samples of one class one way, and others another way; a hijacker's pulls all the same way.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.split.leakage.area import area_under_curve
from fl_node.split.leakage.classes import Classes

_MOST_ROWS = 32  # keeps a look far below the time of a step
_LEAST_ROWS = 3


def traits(gradients: Sequence[NDArray[Any]], classes: Classes) -> NDArray[np.float64] | None:
    """Tell how like each other gradients of one class are, and of different classes.

    :param gradients: of each tensor that crosses, float32, one sample a row
    :returns: how probable it is that two samples of one class are closer than two of different
        ones (1: always, 0.5: classes do not count), and the mean cosine of two samples of
        different classes, 0 where they point apart; None for a batch that cannot tell, such as
        one with a single class
    """
    rows, known = _directions([each[:_MOST_ROWS] for each in gradients])
    classes = classes[:_MOST_ROWS][known]
    if len(rows) < _LEAST_ROWS:
        return None
    pairs = np.triu_indices(len(rows), 1)
    alike = classes[pairs[0]] == classes[pairs[1]]
    if alike.all() or not alike.any():
        return None
    cosines = (rows @ rows.T)[pairs]
    return np.array(
        [area_under_curve(cosines, alike), max(0.0, cosines[~alike].mean())], np.float64
    )


def _directions(gradients: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Give each row at length 1, and which rows have a direction."""
    flat = [np.reshape(each, (len(each), -1)) for each in gradients]
    rows = np.concatenate(flat, axis=1) if len(flat) > 1 else flat[0]
    largest = np.abs(rows).max(axis=1)
    known = largest > 0
    rows = rows[known] / largest[known, np.newaxis]  # squares of tiny gradients would vanish
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), known
