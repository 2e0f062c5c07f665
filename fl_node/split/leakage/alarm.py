"""An alarm against a provider that trains the lower part for something else than the task.

The attack: Pasquini, Ateniese, Bernaschi 2021, "Unleashing the tiger: inference attacks on split
learning" (FSHA): the provider's gradients make the lower part's outputs such as its own decoder
reads. The alarm: Erdoğan et al. 2024 (SplitOut), over the two traits of
:mod:`fl_node.split.leakage.traits` instead of whole gradients, whose length and place depend on
layers that the data owner does not know.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.errors import HijackError, SplitError
from fl_node.split.leakage.classes import classes_of
from fl_node.split.leakage.outliers import LocalOutliers
from fl_node.split.leakage.rehearsal import rehearse
from fl_node.split.leakage.traits import traits
from fl_node.split.plan import SplitPlan
from fl_node.training.dataset import Dataset
from fl_node.weights import Weights

OFF, WARN, STOP = MODES = ("off", "warn", "stop")
_WINDOW = 10
_NEIGHBOURS = 4  # one in so many of the rehearsed batches
_RESOLUTION = 0.1  # of traits, which deeper layers above the cut shift about as far
_MOST_FACTOR = 3.0


class Alarm:
    """Looks at gradients as they come; what it remembers is the last few verdicts alone."""

    def __init__(self, honest: NDArray[np.float64], *, window: int = _WINDOW) -> None:
        """Compare with the traits of honest training.

        :param honest: one row a batch, see :func:`fl_node.split.leakage.rehearsal.rehearse`
        :param window: the last so many batches vote
        :raises SplitError: for too few rows
        """
        neighbours = max(1, len(honest) // _NEIGHBOURS)
        self._honest = LocalOutliers.of_points(honest, neighbours, _RESOLUTION)
        self._verdicts: deque[bool] = deque(maxlen=window)
        self._raised = False

    def see(
        self, step: int, gradients: Sequence[NDArray[Any]], targets: NDArray[Any]
    ) -> str | None:
        """Look at what came for a batch; says in a line when most of the last ones are outliers.

        It says so once, and again after most were none.

        :param targets: of the batch, which the provider need not know
        """
        found = traits(gradients, classes_of(targets))
        if found is None:
            return None
        self._verdicts.append(self._honest.factor(found) > _MOST_FACTOR)
        outliers = sum(self._verdicts)
        full = len(self._verdicts) == self._verdicts.maxlen
        before, self._raised = self._raised, full and 2 * outliers > len(self._verdicts)
        return self._line(step, outliers, found) if self._raised and not before else None

    def _line(self, step: int, outliers: int, found: NDArray[np.float64]) -> str:
        usual = np.median(self._honest.points, axis=0)
        return (
            f"step {step}: the gradients of {outliers} of the last {len(self._verdicts)} batches "
            "are not like those of training for the labels: mean cosine between classes "
            f"{found[1]:.2f} ({usual[1]:.2f} expected), samples of one class closer in "
            f"{found[0]:.0%} of comparisons ({usual[0]:.0%} expected); the provider may train the "
            "lower part to give the data away: stop, and ask it what it trains"
        )


@dataclass(frozen=True)
class Guard:
    """An alarm, and what is done when it is raised.

    :ivar act: takes the line; what it raises ends the step, with nothing changed
    """

    alarm: Alarm
    act: Callable[[str], None]

    def check(self, step: int, gradients: Sequence[NDArray[Any]], targets: NDArray[Any]) -> None:
        """Look at a batch's gradients before they are used."""
        line = self.alarm.see(step, gradients, targets)
        if line is not None:
            self.act(line)


def guard_of(
    mode: str,
    plan: SplitPlan,
    node: int,
    initial: Weights,
    data: Dataset,
    *,
    say: Callable[[str], None],
    threads: int | None = None,
) -> Guard | None:
    """Rehearse honest training and give the guard that a host's setting asks for.

    :param mode: off, warn or stop
    :param say: takes a line for people
    :raises SplitError: for another mode, or data that an alarm cannot be made from
    """
    if mode not in MODES:
        raise SplitError(f"split_alarm must be one of {', '.join(MODES)}, found {mode!r}")
    if mode == OFF:
        return None
    alarm = Alarm(rehearse(plan, node, initial, data, threads=threads))
    return Guard(alarm, _stop if mode == STOP else say)


def _stop(line: str) -> None:
    raise HijackError(line)
