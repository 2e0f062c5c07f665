"""The other party inside a graph: one exchange of tensors, as an operation of TensorFlow.

A step is one graph from the batch to the new weights, and the exchange happens in its middle, so
that nothing is computed twice and no tape stays open around a graph.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.errors import SplitError
from fl_node.split.parts.crossing import Crossing

Arrays = list[NDArray[Any]]
Exchange = Callable[[Arrays], Sequence[NDArray[Any]]]
ONLY_RUN = 0
_ALIGNMENT = 64


@dataclass
class _Bound:
    exchange: Exchange
    failure: BaseException | None = None


class Remote:
    """One kind of exchange, which a graph is traced with once and that is bound for each run.

    :ivar answers: what comes back
    """

    def __init__(self, answers: Sequence[Crossing], *, settled: bool = False) -> None:
        """Say what comes back.

        :param settled: whether all that the graph does before the exchange is done when it begins;
            else a variable may be read, or moved on, after another run of the graph
        """
        self.answers, self._settled = tuple(answers), settled
        self._bound: dict[int, _Bound] = {}

    @contextmanager
    def bound(self, exchange: Exchange, run: int = ONLY_RUN) -> Iterator[None]:
        """Exchange with this while a graph runs; what it raises is raised again, as it was.

        The exchange takes one of TensorFlow's threads. Where there is only one, an exchange that
        runs another graph in the same process would wait for ever.

        :param run: tells runs of a graph at the same time from each other
        """
        import tensorflow as tf

        mine = self._bound[run] = _Bound(exchange)
        try:
            yield
        except tf.errors.OpError:
            if mine.failure is not None:
                raise mine.failure from None
            raise
        finally:
            del self._bound[run]

    def tensors(self, sent: Sequence[Any], run: Any = ONLY_RUN) -> list[Any]:
        """Exchange within a graph.

        :param sent: first a batch of what crosses
        :param run: an int64 scalar, see :meth:`bound`
        """
        import tensorflow as tf

        kinds = [tf.float32] * len(self.answers)
        number = tf.convert_to_tensor(run, tf.int64)
        with tf.control_dependencies(_loose_ends(sent) if self._settled else []):
            found = tf.numpy_function(self._run, [number, *sent], kinds)
        answers = tf.nest.flatten(found)
        for tensor, crossing in zip(answers, self.answers, strict=True):
            tensor.set_shape((None, *crossing.shape))
        return list(answers)

    def _run(self, run: NDArray[Any], *sent: NDArray[Any]) -> Arrays:
        if (mine := self._bound.get(int(run))) is None:
            raise RuntimeError("a graph was run without an exchange bound to it")
        try:
            # Arrays are TensorFlow's own memory here, which it writes to in place afterwards.
            found = mine.exchange([np.array(array) for array in sent])
            return [_aligned(each) for each in checked(found, self.answers, samples_in(sent))]
        except BaseException as error:
            mine.failure = error  # TensorFlow raises its own and keeps only the text
            raise


def _aligned(array: NDArray[Any]) -> NDArray[Any]:
    """Copy an array to where TensorFlow takes it as it is; elsewhere it would copy it once more."""
    room = np.empty(array.nbytes + _ALIGNMENT, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    np.copyto(copy, array)
    return copy


def _loose_ends(sent: Sequence[Any]) -> list[Any]:
    """Give the operations so far whose outputs nothing takes, such as assignments.

    What leads to them is done before them, so they stand for the whole graph so far. More would
    keep TensorFlow from fusing operations.
    """
    import tensorflow as tf

    taken = {tensor.op for tensor in sent}
    operations = tf.compat.v1.get_default_graph().get_operations()
    loose = (op for op in operations if not any(t.consumers() for t in op.outputs))
    return [op for op in loose if op not in taken]


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


def loss_above(
    remote: Remote, cut: Sequence[Any], more: Sequence[Any] = (), run: Any = ONLY_RUN
) -> Any:
    """Stand for the loss of what the other party computes from these tensors.

    Its value is 0, its gradient is what the other party answers. So a tape sees the same sum of a
    loss and penalties as in the whole model.

    :param more: sent too, with no gradient
    :param run: see :meth:`Remote.tensors`
    """
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def loss(*tensors: Any) -> Any:
        gradients = remote.tensors([*tensors, *more], run)
        with tf.control_dependencies(gradients):
            return tf.zeros(()), lambda _: gradients

    return loss(*cut)


def layers_above(forth: Remote, back: Remote, cut: Sequence[Any], run: Any = ONLY_RUN) -> list[Any]:
    """Stand for the other party's layers: forth go tensors, back go gradients, in two exchanges.

    :param run: see :meth:`Remote.tensors`
    """
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def layers(*tensors: Any) -> Any:
        return forth.tensors(tensors, run), lambda *upstream: back.tensors(upstream, run)

    return list(tf.nest.flatten(layers(*cut)))
