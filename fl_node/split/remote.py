"""The other party inside a graph: one exchange of tensors, as an operation of TensorFlow.

A step is one graph from the batch to the new weights, and the exchange happens in its middle, so
that nothing is computed twice and no tape stays open around a graph.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.errors import SplitError
from fl_node.split.crossing import Crossing

Arrays = list[NDArray[Any]]
Exchange = Callable[[Arrays], Sequence[NDArray[Any]]]


class Remote:
    """One kind of exchange, which a graph is traced with once and that is bound for each run.

    :ivar answers: what comes back
    """

    def __init__(self, answers: Sequence[Crossing]) -> None:
        self.answers = tuple(answers)
        self._exchange: Exchange | None = None
        self._failure: BaseException | None = None

    @contextmanager
    def bound(self, exchange: Exchange) -> Iterator[None]:
        """Exchange with this while a graph runs; what it raises is raised again, as it was.

        The exchange takes one of TensorFlow's threads. Where there is only one, an exchange that
        runs another graph in the same process would wait for ever.
        """
        import tensorflow as tf

        self._exchange, self._failure = exchange, None
        try:
            yield
        except tf.errors.OpError:
            if self._failure is not None:
                raise self._failure from None
            raise
        finally:
            self._exchange = None

    def tensors(self, sent: Sequence[Any]) -> list[Any]:
        """Exchange within a graph.

        :param sent: first a batch of what crosses
        """
        import tensorflow as tf

        kinds = [tf.float32] * len(self.answers)
        answers = tf.nest.flatten(tf.numpy_function(self._run, list(sent), kinds))
        for tensor, crossing in zip(answers, self.answers, strict=True):
            tensor.set_shape((None, *crossing.shape))
        return list(answers)

    def _run(self, *sent: NDArray[Any]) -> Arrays:
        if self._exchange is None:
            raise RuntimeError("a graph was run without an exchange bound to it")
        try:
            # Arrays are TensorFlow's own memory here, which it writes to in place afterwards.
            found = self._exchange([np.array(array) for array in sent])
            return [np.array(each) for each in checked(found, self.answers, samples_in(sent))]
        except BaseException as error:
            self._failure = error  # TensorFlow raises its own and keeps only the text
            raise


def checked(
    found: Sequence[NDArray[Any]], wanted: Sequence[Crossing], samples: int
) -> Sequence[NDArray[Any]]:
    """Give what was found if it has the shapes and dtypes that were wanted.

    :raises SplitError: naming the first tensor that differs
    """
    if len(found) != len(wanted):
        raise SplitError(f"{len(wanted)} tensors were expected from the other party: {len(found)}")
    for array, crossing in zip(found, wanted, strict=True):
        spec = crossing.spec(samples)
        if (array.dtype, array.shape) != (spec.dtype, spec.shape):
            raise SplitError(
                f"{crossing.name} should be {spec}, found {array.dtype}{list(array.shape)}: "
                "the other party trains another model, or sent another batch"
            )
    return found


def samples_in(arrays: Sequence[NDArray[Any]]) -> int:
    """Count the samples of a batch, as its first tensor has them."""
    return len(arrays[0]) if len(arrays) and arrays[0].ndim else 0


def loss_above(remote: Remote, cut: Sequence[Any], more: Sequence[Any] = ()) -> Any:
    """Stand for the loss of what the other party computes from these tensors.

    Its value is 0, its gradient is what the other party answers. So a tape sees the same sum of a
    loss and penalties as in the whole model.

    :param more: sent too, with no gradient
    """
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def loss(*tensors: Any) -> Any:
        gradients = remote.tensors([*tensors, *more])
        with tf.control_dependencies(gradients):
            return tf.zeros(()), lambda _: gradients

    return loss(*cut)


def layers_above(forth: Remote, back: Remote, cut: Sequence[Any]) -> list[Any]:
    """Stand for the other party's layers: forth go tensors, back go gradients, in two exchanges."""
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def layers(*tensors: Any) -> Any:
        return forth.tensors(tensors), lambda *upstream: back.tensors(upstream)

    return list(tf.nest.flatten(layers(*cut)))
