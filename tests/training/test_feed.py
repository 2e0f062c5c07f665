import numpy as np
import pytest

from fl_node.errors import DataError
from fl_node.training.dataset import Dataset
from fl_node.training.feed import Feed

SPARSE = Feed(("x",), ((2,),), ("float32",), (3,), sparse=True)
ROWS = Feed(("x",), ((2,),), ("float32",), (3,), sparse=False)
NUMBER = Feed(("x",), ((2,),), ("float32",), (1,), sparse=False)
WORDS = Feed(("x",), ((None,),), ("int32",), (None, 3), sparse=True)
SCALAR = Feed(("x",), ((1,),), ("float32",), (1,), sparse=False)
X = np.ones((4, 2))


def targets_of(feed, targets, x=X):
    return feed.arrays(Dataset((x,), np.array(targets)))[1]


def test_inputs_get_the_models_dtype() -> None:
    (x,), _ = WORDS.arrays(Dataset((np.ones((4, 7)),), np.zeros((4, 7), int)))
    assert (x.dtype, x.shape) == (np.int32, (4, 7))


def test_class_numbers_come_as_a_row_or_a_column() -> None:
    row, column = targets_of(SPARSE, [0, 1, 2, 0]), targets_of(SPARSE, [[0], [1], [2], [0]])
    assert np.array_equal(row, column)
    assert row.dtype == np.int32


def test_one_number_a_sample_becomes_a_column() -> None:
    assert targets_of(NUMBER, [1.0, 2.0, 3.0, 4.0]).shape == (4, 1)
    (x,), _ = SCALAR.arrays(Dataset((np.ones(4),), np.ones(4)))
    assert x.shape == (4, 1)


WRONG = {
    "another width": (SPARSE, np.ones((4, 3)), [0] * 4, r"shape \[2\], found \[3\]"),
    "another rank": (SPARSE, np.ones((4, 2, 1)), [0] * 4, r"shape \[2\], found \[2, 1\]"),
    "class 3 of 3": (SPARSE, X, [0, 1, 2, 3], "from 0 to 2, found 0 to 3"),
    "class -1": (SPARSE, X, [0, -1, 2, 1], "found -1 to 2"),
    "class 0.5": (SPARSE, X, [0, 0.5, 1, 1], "fractions"),
    "rows for a sparse loss": (SPARSE, X, np.eye(3)[[0, 1, 2, 0]], r"shape \[\]"),
    "classes for a loss of rows": (ROWS, X, [0, 1, 2, 0], "class numbers need a sparse loss"),
    "rows of another width": (ROWS, X, np.eye(4), r"shape \[3\] .* found \[4\]"),
}


@pytest.mark.parametrize("why", WRONG)
def test_data_of_another_shape_is_refused_in_one_line(why) -> None:
    feed, x, targets, found = WRONG[why]
    with pytest.raises(DataError, match=found):
        targets_of(feed, targets, x)


def test_another_number_of_inputs_is_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"takes 1 inputs \(x\), the data set has 2"):
        SPARSE.arrays(Dataset((X, X), np.zeros(4)))
