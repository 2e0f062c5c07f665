"""Several batches in flight: steps that wait for answers side by side, in one fixed order.

With w of them forward passes and backward passes follow each other as F1 F2 … Fw B1 F(w+1) B2 …,
one at a time and the same in every run, however late an answer is. So a batch's forward pass sees
the weights after step s - w, and its gradients are applied to those after step s - 1: they are
w - 1 steps stale (as in Chen et al. 2012, "Pipelined back-propagation for context-dependent deep
neural networks", section 3).
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

Pause = Callable[[], None]
Act = Callable[[int, Pause], None]


def fly(steps: range, in_flight: int, act: Act) -> None:
    """Take steps; when this returns none is under way. What one raises ends all, and is raised.

    :param act: takes a step, and calls what it is given once, between forward and backward pass:
        before it would wait for an answer
    """
    lanes = [steps[lane::in_flight] for lane in range(min(in_flight, len(steps)))]
    baton = _Baton(len(lanes))
    with ThreadPoolExecutor(max(len(lanes) - 1, 1)) as pool:
        others = [pool.submit(baton.carry, i, lanes[i], act) for i in range(1, len(lanes))]
        if lanes:
            baton.carry(0, lanes[0], act)  # what is traced first is traced in the caller's thread
    for other in others:
        other.result()


class _Baton:
    """What the lane that computes now has, and hands to the next: one B1 F3, the next B2 F4."""

    def __init__(self, lanes: int) -> None:
        self._lanes, self._holder = lanes, 0
        self._failure: BaseException | None = None
        self._changed = threading.Condition()

    def carry(self, lane: int, steps: range, act: Act) -> None:
        """Take a lane's steps, each as far as it gets whenever it is this lane's turn."""
        pause = partial(self._pause, lane)
        try:
            self._wait(lane)
            for step in steps:
                act(step, pause)
            self._hand_on(lane)
        except BaseException as error:
            self._drop(error)
            raise

    def _pause(self, lane: int) -> None:
        self._hand_on(lane)
        self._wait(lane)

    def _hand_on(self, lane: int) -> None:
        with self._changed:
            self._holder = (lane + 1) % self._lanes
            self._changed.notify_all()

    def _wait(self, lane: int) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._failure is not None or self._holder == lane)
            if self._failure is not None:
                raise self._failure

    def _drop(self, failure: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or failure
            self._changed.notify_all()
