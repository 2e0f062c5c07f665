"""A trainer that keeps its last result: what could not be stored or sent is not trained twice."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from fl_node.weights import Weights

if TYPE_CHECKING:
    from fl_node.training.dataset import Dataset
    from fl_node.training.local import TrainedUpdate, TrainingProgress
    from fl_node.training.participate import LocalTrainer


class LastTrained:
    """Trains through another trainer, unless the very same was asked for just before.

    Training is a function of node, round, base and data; the data are the same in one process.
    """

    def __init__(self, trainer: "LocalTrainer") -> None:
        """Remember nothing yet."""
        self._trainer = trainer
        self._asked: tuple[object, ...] = ()
        self._trained: TrainedUpdate | None = None

    def train(
        self,
        base: Weights,
        *,
        node: int,
        round_: int,
        base_number: int,
        data: "Dataset",
        progress: "Callable[[TrainingProgress], None]",
    ) -> "TrainedUpdate":
        """Train from a base, or give what came out of it the last time."""
        asked = (base.cid(), node, round_, base_number)
        if self._trained is None or asked != self._asked:
            self._trained = None  # two results at once would cost a model's memory
            self._trained = self._trainer.train(
                base,
                node=node,
                round_=round_,
                base_number=base_number,
                data=data,
                progress=progress,
            )
            self._asked = asked
        return self._trained
