"""What a person sees of a running session: one bar, a line per recorded epoch."""

from rich.console import Console
from rich.progress import TaskID

from fl_node.bars import BarWatcher
from fl_node.split.progress import Progress, scores_of

_MEGABYTE = 10**6


class SessionWatcher(BarWatcher):
    """Prints lines above one bar per session."""

    def __init__(self, console: Console) -> None:
        """Begin with no session known."""
        super().__init__(console)
        self._tasks: dict[int, TaskID] = {}
        self._recorded: dict[int, int] = {}

    def waits_for(self, reason: str) -> None:
        """Say for what the role waits."""
        self.say(f"waiting: {reason}")

    def tell(self, progress: Progress) -> None:
        """Move a session's bar; say each newly recorded epoch."""
        if progress.node not in self._tasks:
            self._tasks[progress.node] = self._bars.add_task("", total=None, figures="")
        self._bars.update(
            self._tasks[progress.node],
            description=f"node {progress.node} {progress.state}",
            total=progress.steps or None,
            completed=progress.step,
            figures=figures(progress),
        )
        if progress.recorded > self._recorded.get(progress.node, 0) and progress.root:
            self._recorded[progress.node] = progress.recorded
            self.say(epoch_line(progress))


def epoch_line(progress: Progress) -> str:
    """Give a recorded epoch in one line."""
    found = progress.evaluated.get(str(progress.recorded)) or progress.measured
    where = "test" if str(progress.recorded) in progress.evaluated else "training"
    scores = ", ".join(scores_of(found))
    return (
        f"node {progress.node}: epoch {progress.recorded} of {progress.epochs} is recorded, root "
        f"{progress.root[:16]}…; {where} {scores or 'not measured here'}"
    )


def figures(progress: Progress) -> str:
    """Give the figures beside a bar."""
    scores = "  ".join(scores_of(progress.measured))
    left = "" if progress.seconds_left is None else f"  {progress.seconds_left:.0f} s left"
    moved = (progress.bytes_sent + progress.bytes_received) / _MEGABYTE
    return (
        f"epoch {progress.epoch}/{progress.epochs}  {scores}  {moved:,.0f} MB  "
        f"{progress.samples_per_second:,.0f} samples/s{left}"
    )
