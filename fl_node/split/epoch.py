"""One epoch of one party, from where it was left: train, keep the state, evaluate."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fl_node.split.conversation import Conversation
from fl_node.split.journal import Journal
from fl_node.split.snapshots import Snapshots

CHECKPOINT = "checkpoint-{}.safetensors"
Measured = Mapping[str, float | None]


@dataclass(frozen=True)
class Steps:
    """What a party does in an epoch.

    :ivar train: one step, by its number
    :ivar evaluate: the steps after the training; gives what was measured
    """

    train: Callable[[int], None]
    evaluate: Callable[[], Mapping[str, float]]


@dataclass(frozen=True)
class EpochRun:
    """A party in an epoch.

    :ivar folder: of the session, where checkpoints are
    :ivar steps: made for the step after which the state is loaded
    """

    folder: Path
    epoch: int
    journal: Journal
    snapshots: Snapshots
    snapshot_steps: int
    steps: Callable[[int], Steps]

    def run(self, conversation: Conversation) -> Mapping[str, float]:
        """Train and evaluate; gives what the evaluation measured."""
        after = self._take_up()
        steps = self.steps(after)
        for step in range(after + 1, conversation.batches.training_steps + 1):
            steps.train(step)
            if step % self.snapshot_steps == 0:
                kept = self.snapshots.take(self.epoch, step)
                self.journal.keep_snapshot(step, kept.pieces())
        if not self.checkpoint.exists():
            self.snapshots.take(self.epoch, conversation.batches.training_steps).write(
                self.checkpoint
            )
        return steps.evaluate()

    @property
    def checkpoint(self) -> Path:
        """The party's state after the epoch's training."""
        return self.folder / CHECKPOINT.format(self.epoch)

    def _take_up(self) -> int:
        """Load the newest state of this epoch; gives the step after which it is."""
        kept = self.journal.snapshot_steps()
        if kept:
            self.snapshots.put_back(self.journal.snapshot(kept[0]))
            return kept[0]
        self.journal.keep_snapshot(0, self.snapshots.take(self.epoch, 0).pieces())
        return 0
