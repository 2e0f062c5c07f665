"""What gradients tell of the labels behind them.

Li, Sun, Gao, Zhang, Xu, Wang 2022, "Label leakage and protection in two-party split learning":
the norm attack and the direction attack, each as an area under a curve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.errors import SplitError
from fl_node.split.leakage.area import area_under_curve
from fl_node.split.leakage.classes import Classes
from fl_node.training.draws import key_of, permutation

_CLUES = 8
_LEAST_OF_CLASS = 2


@dataclass(frozen=True)
class LabelLeakage:
    """Areas from 0.5 (nothing is learned) to 1 (every label is read off), over all classes.

    :ivar norm: by the gradient's length alone, whichever way round
    :ivar cosine: by its direction, for who knows the label of one sample of the class; below 0.5
        for who would do better by guessing
    :ivar classes: how many were told apart from the rest
    """

    norm: float
    cosine: float
    classes: int
    samples: int


def label_leakage(
    gradients: Sequence[NDArray[Any]], classes: Classes, *, seed: int
) -> LabelLeakage:
    """Attack every class in turn, and average.

    :param gradients: of each tensor, one sample a row
    :param seed: draws the samples whose label is known
    :raises SplitError: when there are not two samples of each of two classes
    """
    flat = [np.reshape(each, (len(each), -1)).astype(np.float64) for each in gradients]
    rows = np.concatenate(flat, axis=1)
    found, counts = np.unique(classes, return_counts=True)
    told = found[counts >= _LEAST_OF_CLASS]
    if len(found) < 2 or not len(told):
        raise SplitError(
            f"labels in {len(classes)} gradients were looked for: there must be two classes, and "
            "two samples of one; take more samples"
        )
    masks = [classes == each for each in told]
    return LabelLeakage(
        float(np.mean([_by_norm(rows, mask) for mask in masks])),
        float(np.mean([_by_cosine(rows, mask, seed) for mask in masks])),
        len(told),
        len(rows),
    )


def _by_norm(rows: NDArray[Any], mine: NDArray[np.bool_]) -> float:
    area = area_under_curve(np.linalg.norm(rows, axis=1), mine)
    return max(area, 1 - area)


def _by_cosine(rows: NDArray[Any], mine: NDArray[np.bool_], seed: int) -> float:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    directions = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    members = np.flatnonzero(mine)
    clues = members[permutation(len(members), key_of("clue", seed, len(members)))[:_CLUES]]
    others = [np.arange(len(rows)) != clue for clue in clues]
    return float(
        np.mean(
            [
                area_under_curve(directions[rest] @ directions[clue], mine[rest])
                for clue, rest in zip(clues, others, strict=True)
            ]
        )
    )
