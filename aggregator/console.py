"""What a person sees of a running federation: a bar per node, a line per round."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import TaskID

from aggregator.attest import Judgement
from aggregator.close import Closed, Rejected
from fl_node.bars import BarWatcher
from fl_node.chain.timeline import Timeline
from fl_node.doctor.check import Check
from fl_node.report import Recomputable
from fl_node.training.participate import Participation, Submitted, Waiting

if TYPE_CHECKING:
    from fl_node.training.local import TrainingProgress

_HEADING = f"{'round':>5}  {'accuracy':>8}  {'loss':>7}  {'updates':<12}  global"


class ConsoleWatcher(BarWatcher):
    """Prints a line per closed round above one bar per training node."""

    def __init__(self, console: Console) -> None:
        """Show bars only where there is a terminal; lines anywhere.

        :param console: of standard error where standard output is for programs
        """
        super().__init__(console)
        self._tasks: dict[int, TaskID] = {}
        self._waiting: TaskID | None = None
        self._headed = False

    def training(self, node: int, progress: "TrainingProgress") -> None:
        """Move a node's bar."""
        if node not in self._tasks:
            self._tasks[node] = self._bars.add_task(f"node {node}", figures="")
        done = (progress.epoch - 1) * progress.samples + progress.samples_done
        self._bars.update(
            self._tasks[node],
            completed=done,
            total=progress.epochs * progress.samples,
            figures=_figures(progress),
        )

    def participated(self, node: int, outcome: Participation) -> None:
        """Say what is out of the ordinary: a rejected update, a twin."""
        if isinstance(outcome, Waiting) and "rejected" in outcome.reason:
            self.say(f"node {node}: {outcome.reason}")
        if isinstance(outcome, Submitted) and outcome.twin:
            self.say(f"node {node}: another process signs for it; its update is taken over")

    def closed(self, outcome: Closed) -> None:
        """Print a round's line; a round that ended on a subset says so."""
        if not self._headed:
            self.say(_HEADING)
            self._headed = True
        for rejected in outcome.rejected:
            self.say(rejection_line(rejected))
        self.say(round_line(outcome))


class RoleWatcher(ConsoleWatcher):
    """Prints what one resident role does, as it does it."""

    def participated(self, node: int, outcome: Participation) -> None:
        """Say what was sent."""
        super().participated(node, outcome)
        if isinstance(outcome, Submitted):
            update = outcome.update
            self.say(
                f"round {update.round}: sent {update.weights}, trained on {update.samples:,} "
                f"samples from global {update.base}"
            )

    def judged(self, judgement: Judgement) -> None:
        """Say whether the recomputed global is the one on the chain."""
        self.say(judgement.line)

    def rejected(self, rejected: Rejected) -> None:
        """Say at once which update was rejected and why: its node may send another."""
        self.say(rejection_line(rejected))

    def failed(self, check: Check) -> None:
        """Say what the doctor found wrong; the role goes on and may run into it."""
        self.say(f"doctor: {check.name}: {check.found}; {check.try_}")

    def waits_for(self, reason: str) -> None:
        """Say for what the role waits: in one changing line on a terminal, else a line each."""
        if not self._console.is_terminal:
            self.say(f"waiting: {reason}")
        elif self._waiting is None:
            self._waiting = self._bars.add_task(f"waiting: {reason}", total=None, figures="")
        else:
            self._bars.update(self._waiting, description=f"waiting: {reason}", visible=True)

    def training(self, node: int, progress: "TrainingProgress") -> None:
        """Move the bar; nothing is waited for."""
        if self._waiting is not None:
            self._bars.update(self._waiting, visible=False)
        super().training(node, progress)


def round_line(outcome: Closed) -> str:
    """Give a closed round in one line of the table, and who was not in, or late, and why."""
    done, metrics = outcome.report.recomputable, outcome.report.observed.metrics
    accuracy, loss = metrics.get("accuracy"), metrics.get("loss")
    shown = "-" if accuracy is None else f"{100 * accuracy:.2f} %"
    line = (
        f"{done.round:>5}  {shown:>8}  {'-' if loss is None else format(loss, '.4f'):>7}  "
        f"{f'{len(done.admitted)} of {_expected(done)}':<12}  {done.weights}"
    )
    late = ", ".join(f"{each.node} ({each.why})" for each in outcome.late)
    return line + _absent(done) + (f"  LATE: {late}" if late else "")


def subset_line(timeline: Timeline) -> str | None:
    """Name the closed rounds that not all of their members are in; None when there are none."""
    found = [
        str(number)
        for number, log in sorted(timeline.rounds.items())
        if log.closing and set(log.members) - set(log.updates)
    ]
    if not found:
        return None
    return f"ON A SUBSET of the nodes: round {', '.join(found)}; flnode status says who and why"


def rejection_line(rejected: Rejected) -> str:
    """Say in one line which update was rejected and why."""
    update, refusal = rejected.update, rejected.refusal
    return (
        f"round {update.round}: node {update.node} rejected as {refusal.reason.label}: "
        f"{refusal.found}"
    )


def _expected(done: Recomputable) -> int:
    in_or_out = {each.node for each in done.admitted} | {each.node for each in done.rejected}
    return len(in_or_out | set(done.missing))


def _absent(done: Recomputable) -> str:
    admitted = {each.node for each in done.admitted}
    reasons = {each.node: each.reason.label for each in done.rejected if each.node not in admitted}
    rejected = ", ".join(f"{node} ({reason})" for node, reason in sorted(reasons.items()))
    missing = ", ".join(map(str, done.missing))
    parts = (rejected and f"rejected: {rejected}", missing and f"missing: {missing}")
    shown = "; ".join(filter(None, parts))
    return f"  ON A SUBSET, {shown}" if shown else ""


def _figures(progress: "TrainingProgress") -> str:
    metrics = progress.metrics
    accuracy = metrics.get("accuracy")
    score = "" if accuracy is None else f"  accuracy {accuracy:.4f}"
    return (
        f"epoch {progress.epoch}/{progress.epochs}  loss {metrics['loss']:.4f}{score}  "
        f"{progress.samples_per_second:,.0f} samples/s"
    )
