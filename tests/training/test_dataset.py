import numpy as np
import pytest

from fl_node.errors import DataError
from fl_node.training.dataset import Dataset

X, Y = np.zeros((3, 2), np.float32), np.zeros(3, np.int64)
NAN = np.array([[0, 0], [0, np.nan], [0, 0]], np.float32)

WRONG = {
    "no inputs": ((), Y, "at least one array"),
    "fewer targets": ((X,), Y[:2], "input 0 has 3 samples, the targets have 2"),
    "one input shorter": ((X, X[:1]), Y, "input 1 has 1 samples"),
    "nothing": ((X[:0],), Y[:0], "at least one sample"),
    "a single number": ((X,), np.array(1), "at least one sample"),
    "NaN": ((NAN,), Y, "input 0: finite .* row 1"),
    "infinite targets": ((X,), np.array([0, 1, np.inf]), "targets: finite .* row 2"),
    "objects": ((X.astype(object),), Y, "array of numbers .* object"),
    "text": ((X,), np.array(["a", "b", "c"]), "targets: an array of numbers"),
    "lists": (([[1], [2], [3]],), Y, "array of numbers .* list"),
}


@pytest.mark.parametrize("why", WRONG)
def test_data_that_cannot_be_used_is_refused_in_one_line(why) -> None:
    inputs, targets, found = WRONG[why]
    with pytest.raises(DataError, match=found) as caught:
        Dataset(inputs, targets)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", "uint64", "bool"])
def test_any_kind_of_number_will_do(dtype) -> None:
    assert Dataset((X.astype(dtype),), Y).samples == 3
