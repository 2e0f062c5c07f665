"""The area under the receiver operating characteristic."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.errors import SplitError


def area_under_curve(scores: NDArray[Any], positive: NDArray[np.bool_]) -> float:
    """Tell how probably a positive has a higher score than a negative; a tie counts half.

    Mann and Whitney 1947, by ranks.

    :raises SplitError: when all are positive, or none
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        raise SplitError(f"an area needs both kinds, found {positives} of {len(positive)} positive")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    above = ranks[positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))
