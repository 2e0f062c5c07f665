"""How an epoch's samples make steps: which batch has how many rows."""

from dataclasses import dataclass

from fl_node.errors import SplitError
from fl_node.split.record.schedule import Schedule
from fl_node.training.steps import EVALUATION_BATCH

_MOST_SAMPLES = 2**31 - 1


@dataclass(frozen=True)
class Batches:
    """An epoch of one data owner.

    :ivar samples: that are trained on
    :ivar evaluation: that are evaluated on, after the training; may be 0
    """

    samples: int
    evaluation: int
    batch_size: int

    def __post_init__(self) -> None:
        """Refuse what no data owner has.

        :raises SplitError: naming the number
        """
        if not 1 <= self.samples <= _MOST_SAMPLES or not 0 <= self.evaluation <= _MOST_SAMPLES:
            raise SplitError(
                f"an epoch has 1 to {_MOST_SAMPLES} samples to train on, found {self.samples}, "
                f"and {self.evaluation} to evaluate on"
            )

    @property
    def training_steps(self) -> int:
        """Steps with a batch to train on; the last may be smaller."""
        return -(-self.samples // self.batch_size)

    def schedule(self, *, is_u_shaped: bool, in_flight: int) -> Schedule:
        """Give the messages that the epoch has."""
        evaluation = -(-self.evaluation // EVALUATION_BATCH)
        return Schedule(is_u_shaped, self.training_steps, evaluation, in_flight)

    def span(self, step: int) -> slice:
        """Say which of the epoch's training or evaluation samples a step has."""
        if step <= self.training_steps:
            return _span(step - 1, self.batch_size, self.samples)
        return _span(step - 1 - self.training_steps, EVALUATION_BATCH, self.evaluation)

    def rows(self, step: int) -> int:
        """Count a step's samples."""
        span = self.span(step)
        return int(span.stop - span.start)


def _span(batch: int, size: int, count: int) -> slice:
    return slice(batch * size, min((batch + 1) * size, count))
