"""What leaves a running graph early: the provider's answer, before its own weights move on.

The data owner waits for the gradients at the cut and for nothing else. So they are sent as soon as
they are there, while the graph goes on with the optimizer's step.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from fl_node.split.parts.remote import Arrays

Take = Callable[[Arrays], None]


class Outlet:
    """One place in a graph where tensors leave it, bound for each run to what takes them."""

    def __init__(self) -> None:
        """Begin unbound."""
        self._take: Take = _unbound
        self._failure: BaseException | None = None

    @contextmanager
    def bound(self, take: Take) -> Iterator[None]:
        """Hand over to this while a graph runs.

        The graph ends whole even when that fails; what was raised is raised again afterwards.

        :param take: gets arrays that are TensorFlow's own memory, to be read until it returns
        """
        self._take, self._failure = take, None
        try:
            yield
        finally:
            self._take = _unbound
        if self._failure is not None:
            raise self._failure

    def send(self, tensors: Sequence[Any]) -> None:
        """Let tensors leave, within a graph; what is to come after that must wait for them."""
        import tensorflow as tf

        tf.numpy_function(self._run, tensors, [])

    def _run(self, *arrays: Any) -> None:
        with ExitStack() as stack:
            stack.push(self._keep)
            self._take(list(arrays))

    def _keep(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        """Keep what was raised: in the graph it would stop the optimizer halfway."""
        self._failure = error
        return True


def _unbound(_arrays: Arrays) -> None:
    raise RuntimeError("a graph was run without anything that takes what leaves it")
