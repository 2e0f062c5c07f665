"""Computing a party's kept steps again, with its own code, from the states that it kept."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from fl_node.errors import FlnodeError, SplitError
from fl_node.split.audit.finding import (
    CONTRADICTED,
    REPRODUCED,
    UNVERIFIABLE,
    Finding,
    Reason,
    Verdict,
    Who,
)
from fl_node.split.audit.kept import KeptEpoch, state_of
from fl_node.split.audit.replay import Difference, Replay, RunOverError, difference
from fl_node.split.audit.runs import Run
from fl_node.split.batches import Batches
from fl_node.split.conversation import Conversation
from fl_node.split.epoch import Learner, Steps, Turn, between_snapshots
from fl_node.split.record.phase import Party
from fl_node.split.record.refusal import RefusedError
from fl_node.split.record.schedule import Place
from fl_node.split.wire.boundaries import Boundaries
from fl_node.weights import Weights

# Measured with one thread where the parties had two, over 64 steps from a state: 3.1e-4, 8.4e-4,
# 7.9e-3, 0.15. A wire that rounds makes one of its own steps of a difference in the last place, one
# that chooses makes another choice.
_TOLERANCES = {"float32": 0.01, "float16": 0.01, "int8": 0.02, "randtopk": 0.5}
_BEGUN = Difference(0.0, "")
_OTHER = Difference(math.inf, "the state before the first step")


def tolerance_of(wire: str) -> float:
    """Say how far honest parties' numbers may be apart on machines of different kinds.

    On the same kind, with the same versions and threads, it is 0.
    """
    return _TOLERANCES[wire]


@dataclass
class StepsAudit:
    """Recomputes what one party kept of one epoch.

    :ivar tolerance: the largest difference, see :class:`fl_node.split.audit.replay.Difference`
    :ivar begin: puts the learner into the state that the epoch must begin with, where that follows
        from no epoch before
    :ivar is_last: whether the training ends with it
    """

    boundaries: Boundaries
    kept: KeptEpoch
    learner: Learner
    tolerance: float
    begin: Callable[[], None] | None
    is_last: bool
    verdicts: list[Verdict] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._told: set[Place] = set()
        self._blamed: set[str] = set()

    def run(self) -> None:
        """Recompute all that the retention setting kept."""
        batches = self._batches()
        if batches is None:
            return
        for each in self.kept.runs:
            self._recompute(each, batches)

    def _batches(self) -> Batches | None:
        """Give the samples that the party has; the provider's are the data owner's."""
        owner, schedule = self.kept.owner, self.kept.leaves.schedule
        if owner.party is Party.PROVIDER:
            return self.kept.batches
        size = self.boundaries.plan.training.batch_size
        found, plan = Batches(*self.learner.samples, size), self.boundaries.plan
        if found.schedule(is_u_shaped=plan.is_u_shaped, in_flight=plan.in_flight) == schedule:
            return found
        detail = (
            f"{found.samples} samples to train and {found.evaluation} to evaluate on were given, "
            f"the records have {schedule.training_steps} and {schedule.evaluation_steps} steps"
        )
        self.findings.append(owner.finding(self.kept.epoch, 0, Reason.OTHER_DATA, detail))
        self.verdicts += unverifiable(self.kept, detail)
        return None

    def _recompute(self, run: Run, batches: Batches) -> None:
        self._told, self._blamed = set(), set()
        try:
            self._begin(run)
            replay = Replay(
                self.boundaries, self.kept, batches, self._peer, run.last, self._compared
            )
            turn = Turn(self.kept.epoch, self.kept.owner.node)
            # It has what learners call of one; the rest is about the other party.
            conversation = cast(Conversation, replay)
            steps = self.learner.steps(conversation, turn, run.start, lambda *_: None)
            self._go(run, steps)
        except RefusedError as error:
            named = error.refusal.label, Who(error.who), error.detail, error.step
            self.findings.append(self.kept.leaves.claimed.finding(*named))
            self._give_up(run, str(error))
        except (OSError, FlnodeError) as error:
            self._give_up(run, str(error))

    def _begin(self, run: Run) -> None:
        path = self.kept.snapshot(run.start)
        if run.start == 0 and self.begin is not None:
            self.begin()
            wanted = state_of(self.learner.snapshots.take(self.kept.epoch, 0))
            is_same = wanted.same_tensors(state_of(Weights.read(path)))
            self._judge(0, "start", _BEGUN if is_same else _OTHER, Reason.WRONG_START)
        self.learner.snapshots.put_back(path)

    def _go(self, run: Run, steps: Steps) -> None:
        trained = self.kept.leaves.schedule.training_steps
        every = self.boundaries.plan.snapshot_steps
        for some in between_snapshots(run.start, min(run.last, trained), every):
            steps.train(some)
            self._compare_state(some[-1], self.kept.snapshot(some[-1]))
        if run.last < trained:
            return
        if self.is_last:
            self.learner.finish()
        self._compare_state(trained, self.kept.owner.checkpoint(self.kept.epoch))
        if run.last > trained:
            with suppress(RunOverError):
                steps.evaluate()

    def _compare_state(self, step: int, path: Path) -> None:
        if not path.exists():
            return
        mine = state_of(self.learner.snapshots.take(self.kept.epoch, step))
        kept = state_of(Weights.read(path))
        if kept.specs != mine.specs:
            raise SplitError(f"the state in {path} is of another part, or another optimizer")
        found = difference(mine.tensors, kept.tensors)
        if 0 < self.tolerance < found.relative:
            why = f"{_described(found, 0)} on a machine of the same kind"
            self._note(step, "state", UNVERIFIABLE, found, why)
        else:
            self._judge(step, "state", found)

    def _compared(self, place: Place, found: Difference) -> None:
        self._told.add(place)
        self._judge(place.step, place.phase.label, found)

    def _judge(
        self, step: int, what: str, found: Difference, reason: str = Reason.CONTRADICTED
    ) -> None:
        holds = found.relative <= self.tolerance
        detail = _described(found, self.tolerance)
        self._note(step, what, REPRODUCED if holds else CONTRADICTED, found, detail)
        if not holds and what not in self._blamed:  # what follows from it is no news
            self._blamed.add(what)
            owner, epoch = self.kept.owner, self.kept.epoch
            self.findings.append(owner.finding(epoch, step, reason, f"{what}: {detail}"))

    def _note(self, step: int, what: str, word: str, found: Difference, detail: str) -> None:
        owner, epoch = self.kept.owner, self.kept.epoch
        self.verdicts.append(owner.verdict(epoch, step, what, word, detail, found.relative))

    def _give_up(self, run: Run, why: str) -> None:
        owner, schedule = self.kept.owner, self.kept.leaves.schedule
        for step in run.kept:
            for phase in schedule.phases(step):
                if phase.sender is owner.party and Place(step, phase) not in self._told:
                    self.verdicts.append(
                        owner.verdict(self.kept.epoch, step, phase.label, UNVERIFIABLE, why)
                    )

    @property
    def _peer(self) -> str:
        return str(self.kept.owner.party.other.value)


def unverifiable(kept: KeptEpoch, why: str) -> list[Verdict]:
    """Say of each kept step that it was not recomputed."""
    return [
        kept.owner.verdict(kept.epoch, step, phase.label, UNVERIFIABLE, why)
        for run in kept.runs
        for step in run.kept
        for phase in kept.leaves.schedule.phases(step)
        if phase.sender is kept.owner.party
    ]


def _described(found: Difference, tolerance: float) -> str:
    if found.relative == 0:
        return "bit for bit"
    return (
        f"{found.name} differs by {found.relative:.3g} of its largest magnitude, {tolerance:g} "
        "is allowed"
    )
