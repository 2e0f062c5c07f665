"""A data owner's samples as tensors in memory; batches are rows of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.training.data import is_sparse
from fl_node.training.dataset import Dataset
from fl_node.training.feed import Feed

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Samples:
    """A data set that fits the parts.

    :ivar inputs: tensors in the lower part's order
    :ivar targets: a tensor
    """

    inputs: tuple[Any, ...]
    targets: Any

    @classmethod
    def of_dataset(cls, data: Dataset, feed: Feed) -> "Samples":
        """Put a data set into memory.

        :raises DataError: when it does not fit, naming what was expected
        """
        import tensorflow as tf

        inputs, targets = feed.arrays(data)
        return cls(tuple(tf.constant(each) for each in inputs), tf.constant(targets))

    def __len__(self) -> int:
        """Number of samples."""
        return int(self.targets.shape[0])

    def batch(self, rows: Rows) -> list[Any]:
        """Give what a graph over rows takes first: all inputs, all targets, the rows."""
        import tensorflow as tf

        return [*self.inputs, self.targets, tf.constant(rows, tf.int32)]


def feed_of(lower: Any, output: tuple[int | None, ...], loss: str) -> Feed:
    """Say what the lower part takes as inputs, and what the loss takes as targets.

    :param output: shape of one sample of the whole model's output
    """
    inputs = lower.inputs
    return Feed(
        tuple(tensor.name for tensor in inputs),
        tuple(tuple(tensor.shape[1:]) for tensor in inputs),
        tuple(tensor.dtype for tensor in inputs),
        output,
        is_sparse(loss),
    )


def over_rows(
    feed: Feed,
    graph: Callable[[list[Any], Any, list[Any]], Any],
    more: Sequence[Any] = (),
) -> Any:
    """Make a graph over a batch's inputs and targets, traced once however many samples come.

    :param more: what else comes, not by rows, in TensorFlow's words
    """
    import tensorflow as tf

    taken = len(feed.names)

    def chosen(*given: Any) -> Any:
        *samples, rows = given[: taken + 2]
        *inputs, targets = (tf.gather(each, rows) for each in samples)
        return graph(inputs, targets, list(given[taken + 2 :]))

    shapes = zip((*feed.shapes, feed.target_shape), (*feed.dtypes, feed.target_dtype), strict=True)
    signature = [tf.TensorSpec((None, *shape), dtype) for shape, dtype in shapes]
    signature += [tf.TensorSpec((None,), tf.int32), *more]
    return tf.function(chosen, input_signature=signature, autograph=False)


def one_number() -> Any:
    """Give TensorFlow's word for an int64 scalar."""
    import tensorflow as tf

    return tf.TensorSpec((), tf.int64)


def batches(shapes: Sequence[tuple[int | None, ...]]) -> list[Any]:
    """Give TensorFlow's words for batches of any number of samples, in float32."""
    import tensorflow as tf

    return [tf.TensorSpec((None, *shape), tf.float32) for shape in shapes]
