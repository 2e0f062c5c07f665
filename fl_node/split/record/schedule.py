"""Which messages an epoch has, in which order, and which of them follow each other."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from fl_node.errors import SplitError
from fl_node.split.record.phase import Phase

VANILLA = (Phase.ACTIVATIONS, Phase.GRADIENTS)
U_SHAPED = (Phase.ACTIVATIONS, Phase.FEATURES, Phase.FEATURE_GRADIENTS, Phase.GRADIENTS)
EVALUATION = (Phase.EVALUATION, Phase.OUTPUTS)


class Place(NamedTuple):
    """Where a message stands in an epoch; places sort as the epoch's leaves do."""

    step: int
    phase: Phase

    def __str__(self) -> str:
        """Give ``step 3 activations``."""
        return f"step {self.step} {self.phase.label}"


@dataclass(frozen=True)
class Schedule:
    """An epoch: training steps 1…S, then evaluation steps S+1…S+E.

    :ivar is_u_shaped: whether the node keeps the last layers and the labels
    :ivar training_steps: S, at least 1
    :ivar evaluation_steps: E, may be 0
    :ivar in_flight: steps that may be under way at once
    """

    is_u_shaped: bool
    training_steps: int
    evaluation_steps: int
    in_flight: int = 1

    def __post_init__(self) -> None:
        """Refuse an epoch without training.

        :raises SplitError: naming the number that is out of range
        """
        least = {"training_steps": 1, "evaluation_steps": 0, "in_flight": 1}
        for name, lowest in least.items():
            if (found := getattr(self, name)) < lowest:
                raise SplitError(f"an epoch's {name} are at least {lowest}, found {found}")

    @property
    def steps(self) -> int:
        """All steps: S+E, the last one's number."""
        return self.training_steps + self.evaluation_steps

    @property
    def size(self) -> int:
        """The number of messages, which is the number of the epoch's leaves."""
        training = self.training_steps * len(self._training)
        return training + self.evaluation_steps * len(EVALUATION)

    def has(self, place: Place) -> bool:
        """Tell whether such a message belongs to the epoch."""
        return 1 <= place.step <= self.steps and place.phase in self.phases(place.step)

    def phases(self, step: int) -> tuple[Phase, ...]:
        """Give a step's messages in order."""
        return self._training if step <= self.training_steps else EVALUATION

    def all_phases(self) -> tuple[Phase, ...]:
        """Give the phases that the epoch has."""
        return self._training + (EVALUATION if self.evaluation_steps else ())

    def steps_of(self, phase: Phase) -> range:
        """Give the steps that have a message of this phase."""
        if phase in EVALUATION:
            return range(self.training_steps + 1, self.steps + 1)
        return range(1, self.training_steps + 1 if phase in self._training else 1)

    def places(self) -> Iterator[Place]:
        """Give all messages in the order of the leaves."""
        for step in range(1, self.steps + 1):
            for phase in self.phases(step):
                yield Place(step, phase)

    def place(self, index: int) -> Place:
        """Say which message the leaf with this index, from 0, is.

        :raises SplitError: when the epoch has no such leaf
        """
        if not 0 <= index < self.size:
            raise SplitError(f"an epoch has the leaves 0 to {self.size - 1}, not {index}")
        training = self.training_steps * len(self._training)
        if index < training:
            step, phase = divmod(index, len(self._training))
            return Place(step + 1, self._training[phase])
        step, phase = divmod(index - training, len(EVALUATION))
        return Place(self.training_steps + step + 1, EVALUATION[phase])

    def before(self, place: Place) -> Place | None:
        """Say whose digest this message's record names; None stands for the epoch's seed.

        Within a step it is the message before; a step's first names the last of the step that
        it had to wait for, which is as many steps back as may be under way.
        """
        phases = self.phases(place.step)
        index = phases.index(place.phase)
        if index:
            return Place(place.step, phases[index - 1])
        back = place.step - self.in_flight
        return Place(back, self.phases(back)[-1]) if back >= 1 else None

    @property
    def _training(self) -> tuple[Phase, ...]:
        return U_SHAPED if self.is_u_shaped else VANILLA
