"""One epoch of one party, from where it was left: train, keep the state, evaluate."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fl_node.split.conversation import Conversation
from fl_node.split.record.journal import Journal
from fl_node.split.snapshots import Snapshots
from fl_node.weights import Weights

Metrics = Mapping[str, float | None]
Watch = Callable[[int, Metrics], None]


@dataclass(frozen=True, order=True)
class Turn:
    """One epoch of one node; turns sort as they follow each other."""

    epoch: int
    node: int


@dataclass(frozen=True)
class Steps:
    """What a party does in an epoch.

    :ivar train: takes steps that follow each other, by their numbers; none is under way afterwards
    :ivar evaluate: the steps after the training; gives what was measured
    """

    train: Callable[[range], None]
    evaluate: Callable[[], Metrics]


class Learner(ABC):
    """What a party trains: the data owner's parts, or the provider's.

    :ivar snapshots: of its state
    """

    snapshots: Snapshots

    @property
    @abstractmethod
    def samples(self) -> tuple[int, int]:
        """How many it has to train and to evaluate on; the provider has none."""

    @property
    @abstractmethod
    def initial(self) -> Weights:
        """What the training starts from."""

    @property
    @abstractmethod
    def weights(self) -> Weights:
        """A copy of what it has trained so far, with the structure of the initial weights."""

    def outcome(self, checkpoint: Path) -> tuple[int, Weights]:
        """Take up the state after an epoch; give its samples and the weights.

        :raises SplitError: when it is not as it was written
        """
        found = self.snapshots.put_back(checkpoint)
        return int(found.metadata["samples"]), self.weights

    @abstractmethod
    def begin(self, epoch: int = 1, base: Weights | None = None) -> None:
        """Be as before an epoch's first step, with an optimizer that has done nothing yet.

        :param base: None takes the initial weights
        """

    @abstractmethod
    def finish(self) -> None:
        """End the training: an optimizer that averages weights puts the averages in their place."""

    @abstractmethod
    def steps(self, conversation: Conversation, turn: Turn, after: int, watch: Watch) -> Steps:
        """Give an epoch's steps.

        :param after: the step whose state is loaded
        :param watch: takes each step and what is measured so far
        """


@dataclass(frozen=True)
class EpochRun:
    """A party in an epoch.

    :ivar folder: of the session, where checkpoints are
    :ivar is_last: whether no other turn follows
    """

    learner: Learner
    folder: Path
    turn: Turn
    journal: Journal
    snapshot_steps: int
    watch: Watch
    is_last: bool

    def run(self, conversation: Conversation) -> Metrics:
        """Train and evaluate; gives what the evaluation measured."""
        after, every = self._take_up(), self.snapshot_steps
        batches = conversation.batches
        steps = self.learner.steps(conversation, self.turn, after, self.watch)
        for some in between_snapshots(after, batches.training_steps, every):
            steps.train(some)
            if some[-1] % every == 0:
                kept = self.learner.snapshots.take(self.turn.epoch, some[-1])
                self.journal.keep_snapshot(some[-1], kept.pieces())
        if self.is_last:
            self.learner.finish()
        if not self.checkpoint.exists():
            last, samples = batches.training_steps, batches.samples
            self.learner.snapshots.take(self.turn.epoch, last, samples).write(self.checkpoint)
        return steps.evaluate()

    @property
    def checkpoint(self) -> Path:
        """The party's state after the epoch's training."""
        return checkpoint_file(self.folder, self.turn.epoch)

    def _take_up(self) -> int:
        """Load the newest state of this epoch; gives the step after which it is."""
        kept = self.journal.snapshot_steps()
        if kept:
            self.learner.snapshots.put_back(self.journal.snapshot(kept[0]))
            return kept[0]
        self.journal.keep_snapshot(0, self.learner.snapshots.take(self.turn.epoch, 0).pieces())
        return 0


def between_snapshots(after: int, last: int, snapshot_steps: int) -> Iterator[range]:
    """Part the steps after one, up to the last, where the state is kept: nothing is under way then.

    >>> list(between_snapshots(3, 9, 4))
    [range(4, 5), range(5, 9), range(9, 10)]
    """
    while after < last:
        end = min((after // snapshot_steps + 1) * snapshot_steps, last)
        yield range(after + 1, end + 1)
        after = end


def checkpoint_file(folder: Path, epoch: int) -> Path:
    """Say where a party's state after an epoch is, in its session's folder."""
    return folder / f"checkpoint-{epoch}.safetensors"
