"""What parallel training is averaged to after each epoch: files, computed again when they are lost.

Each data owner keeps the averages of the lower part and the tail, the provider those of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fl_node.errors import SplitError, WeightsError
from fl_node.plan import Plan
from fl_node.weights import Weights


@dataclass(frozen=True)
class Share:
    """What a node's epoch brings to an average.

    :ivar samples: that it was trained on
    """

    node: int
    samples: int
    weights: Weights


Average = Callable[[Plan, Weights, Sequence[Share]], Weights]


@dataclass(frozen=True)
class Averages:
    """The averages of one party.

    :ivar initial: what the training starts from: that of epoch 0
    :ivar shares: gives those of an epoch, for what it started from
    """

    folder: Path
    plan: Plan
    initial: Weights
    average: Average
    shares: Callable[[int, Weights], Sequence[Share]]

    def after(self, epoch: int) -> Weights:
        """Give the average after an epoch.

        :raises SplitError: when it is neither here nor can be made
        """
        if epoch == 0:
            return self.initial
        path = average_file(self.folder, epoch)
        if not path.exists():
            base = self.after(epoch - 1)
            self.average(self.plan, base, self.shares(epoch, base)).write(path)
        try:
            return Weights.read(path)
        except WeightsError as error:
            raise SplitError(
                f"{path} is damaged ({error}): delete it, and it is computed again"
            ) from error


def average_file(folder: Path, epoch: int) -> Path:
    """Say where a party's average after an epoch is, in its contract's folder."""
    return folder / f"average-{epoch}.safetensors"
