"""Roles that stay: a step whenever the chain has news, until the last round is closed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from aggregator.attest import Judgement, Witness
from aggregator.close import AllClosed, Closed, Closer, NotDue, Rejected, close
from aggregator.replace import replace_latest
from aggregator.restore import restore_latest
from fl_node.errors import DisputeError, StrategyError, UnavailableError
from fl_node.federation import Federation
from fl_node.patience import Patience
from fl_node.rounds import Update
from fl_node.training.local import TrainingProgress
from fl_node.training.participate import (
    Complete,
    Participant,
    Participation,
    Prepared,
    Submitted,
    Waiting,
    participate,
)
from fl_node.upkeep import Upkeep

_SETTLING_SECONDS = 0.5


class TrainerWatcher(Protocol):
    """Is told what a trainer does."""

    def training(self, node: int, progress: TrainingProgress) -> None:
        """It trains."""

    def participated(self, node: int, outcome: Participation) -> None:
        """It did its step."""

    def judged(self, judgement: Judgement) -> None:
        """It recomputed a global, and says on the chain what came out."""

    def closed(self, outcome: Closed) -> None:
        """It closed a round in the header's place."""

    def rejected(self, rejected: Rejected) -> None:
        """It rejected an update in the header's place; the round stays open."""


class HeaderWatcher(Protocol):
    """Is told what the header does."""

    def closed(self, outcome: Closed) -> None:
        """It closed a round."""

    def rejected(self, rejected: Rejected) -> None:
        """It rejected an update; the round stays open."""


@dataclass
class TrainerRole:
    """One node: checks each global, trains from it, sends, and closes when the header does not.

    :ivar closer: the same account as the participant's
    :ivar upkeep: of what this node stores
    :ivar sent: the updates of this process, in order
    """

    participant: Participant
    closer: Closer
    upkeep: Upkeep
    patience: Patience
    watcher: TrainerWatcher
    sent: list[Update] = field(default_factory=list)
    _prepared: Prepared | None = None

    def __post_init__(self) -> None:
        """Begin with no global checked."""
        self._witness = Witness(self.participant.federation, self.participant.node)
        self._judged: Judgement | None = None

    def run(self, *, once: bool = False) -> None:
        """Do every step that comes due until the last round is closed, or one update is sent.

        :raises StoppedError: when a signal came between two steps, or while training
        :raises DisputeError: when the latest global is wrong, and final
        """
        _stay(self.upkeep, self.patience, lambda: self._step(once))
        if not once:
            self.upkeep.finish(self.patience)
            self.patience.until(self._disputes)  # all is here now that it takes to check the last
        _settle(self.upkeep.federation, self.patience)

    def _step(self, once: bool) -> bool:
        """Tell whether there is more to do."""
        if self._disputes():
            return True
        outcome = participate(self.participant, self._progress, self._prepared)
        self.watcher.participated(self.participant.node, outcome)
        if isinstance(outcome, Submitted):
            self._prepared = outcome.prepared
            self.sent.append(outcome.update)
            return not once
        if isinstance(outcome, Waiting):
            self._prepared = outcome.prepared
            self.patience.waits_for(f"round {outcome.round}: {outcome.reason}")
            self._stand_in()
        return not isinstance(outcome, Complete)

    def _disputes(self) -> bool:
        """Check the latest global and say so; tell whether another belongs in its place.

        Then this node trains on nothing that follows from it, and puts the right one when that is
        due.

        :raises DisputeError: when the wrong one is final
        """
        told = self._wrong()
        self._witness.attest()
        if told is None:
            return False
        ledger = self.participant.federation.ledger
        if ledger.snapshot().round.final:
            _settle(self.participant.federation, self.patience)
            raise DisputeError(told)
        self.patience.waits_for(told)
        replaced = replace_latest(self.closer)
        if replaced is not None:
            self.watcher.closed(replaced)
        return True

    def _wrong(self) -> str | None:
        """Say what is wrong with the latest global, if anything is known to be."""
        try:
            judged = self._witness.judge()
        except StrategyError as error:
            return str(error)
        if judged is None:
            return None
        if judged != self._judged:
            self._judged = judged
            self.watcher.judged(judged)
        return None if judged.agrees else judged.line

    def _progress(self, progress: TrainingProgress) -> None:
        self.patience.check()
        self.watcher.training(self.participant.node, progress)

    def _stand_in(self) -> None:
        outcome = close(self.closer)
        if isinstance(outcome, Closed):
            self.watcher.closed(outcome)
        if isinstance(outcome, NotDue):
            for rejected in outcome.rejected:
                self.watcher.rejected(rejected)


@dataclass
class HeaderRole:
    """The header: rejects what is inadmissible, closes what is due.

    :ivar upkeep: of what the header stores
    :ivar closed: the rounds that this process closed, in order
    """

    closer: Closer
    upkeep: Upkeep
    patience: Patience
    watcher: HeaderWatcher
    closed: list[Closed] = field(default_factory=list)

    def run(self, *, once: bool = False) -> None:
        """Do every step that comes due until the last round is closed, or one round is.

        :raises StoppedError: when a signal came between two steps
        """
        _stay(self.upkeep, self.patience, lambda: self._step(once))
        if not once:
            self.upkeep.finish(self.patience)
        _settle(self.upkeep.federation, self.patience)

    def _step(self, once: bool) -> bool:
        outcome = close(self.closer)
        if isinstance(outcome, NotDue):
            self._wait(outcome)
        if isinstance(outcome, Closed):
            self.closed.append(outcome)
            self.watcher.closed(outcome)
            return not once
        return not isinstance(outcome, AllClosed)

    def _wait(self, outcome: NotDue) -> None:
        for rejected in outcome.rejected:
            self.watcher.rejected(rejected)
        self.patience.waits_for(_waiting_line(outcome))


def _waiting_line(outcome: NotDue) -> str:
    if outcome.round == 0:
        return "the owner has not put global 0 yet"
    missing = ", ".join(map(str, outcome.missing)) or "none"
    until = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(outcome.deadline))
    return (
        f"round {outcome.round}: {outcome.received} updates are in, missing nodes: {missing}; the "
        f"quorum is enough from {until} on"
    )


def _stay(upkeep: Upkeep, patience: Patience, step: Callable[[], bool]) -> None:
    """Repeat a step with every block until it says that there is no more."""
    federation, more = upkeep.federation, True
    while more:
        head, more = patience.until(lambda: _stepped(federation, step))
        patience.until(upkeep.turn)
        if more:
            patience.until(partial(patience.until_news, federation.ledger, head))


def _settle(federation: Federation, patience: Patience) -> None:
    """Wait until what this process wrote stays on the chain."""
    while not patience.until(federation.ledger.settle):
        patience.pause(_SETTLING_SECONDS)


def _stepped(federation: Federation, step: Callable[[], bool]) -> tuple[bytes, bool]:
    """Do a step, and give the block before it: what the step itself brought is news, too."""
    head = federation.ledger.head()
    federation.ledger.settle()
    try:
        return head, step()
    except UnavailableError:
        if not restore_latest(federation):
            raise
        return b"", True
