"""Which steps of an epoch are to be recomputed, and from which kept state each."""

from collections.abc import Iterator
from dataclasses import dataclass

from fl_node.chain.session_timeline import RecordedEpoch
from fl_node.split.plan import SplitPlan
from fl_node.split.record.retention import Retention
from fl_node.split.record.schedule import Place, Schedule


@dataclass(frozen=True)
class Run:
    """Steps one after another from a kept state on.

    :ivar start: the step after which the state is; 0 is before the first
    :ivar last: the last kept step
    :ivar kept: the steps that the retention setting names
    """

    start: int
    last: int
    kept: tuple[int, ...]

    def places(self, schedule: Schedule) -> Iterator[Place]:
        """Give the messages that recomputing takes."""
        for step in range(self.start + 1, self.last + 1):
            for phase in schedule.phases(step):
                yield Place(step, phase)


def runs_of(recorded: RecordedEpoch, schedule: Schedule, plan: SplitPlan) -> tuple[Run, ...]:
    """Say what both parties have to keep of a recorded epoch.

    As :meth:`fl_node.split.record.journal.Journal.finish` keeps it: for each kept step from
    the newest state before it.
    """
    record = recorded.record
    kept = Retention.parse(plan.retention).kept_steps(
        record.root, recorded.node_signature, recorded.provider_signature, schedule.steps
    )
    by_start: dict[int, list[int]] = {}
    for step in sorted(kept):
        by_start.setdefault(_state_before(step, schedule, plan.snapshot_steps), []).append(step)
    return tuple(Run(start, steps[-1], tuple(steps)) for start, steps in by_start.items())


def _state_before(step: int, schedule: Schedule, snapshot_steps: int) -> int:
    trained = min(step - 1, schedule.training_steps)
    return trained // snapshot_steps * snapshot_steps
