"""What a person sees of a running session: one bar, a line per recorded epoch."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from fl_node.split.progress import Progress as SessionProgress

_MEGABYTE = 10**6


class SessionWatcher:
    """Prints lines above one bar per session; bars only where there is a terminal."""

    def __init__(self, console: Console) -> None:
        """Take a console: of standard error where standard output is for programs."""
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[int, TaskID] = {}
        self._recorded: dict[int, int] = {}

    def __enter__(self) -> "SessionWatcher":
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def waits_for(self, reason: str) -> None:
        """Say for what the role waits."""
        self.say(f"waiting: {reason}")

    def tell(self, progress: SessionProgress) -> None:
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


def epoch_line(progress: SessionProgress) -> str:
    """Give a recorded epoch in one line."""
    found = progress.evaluated.get(str(progress.recorded)) or progress.measured
    where = "test" if str(progress.recorded) in progress.evaluated else "training"
    scores = ", ".join(f"{name} {_number(value)}" for name, value in sorted(found.items()))
    return (
        f"node {progress.node}: epoch {progress.recorded} of {progress.epochs} is recorded, root "
        f"{progress.root[:16]}…; {where} {scores or 'not measured here'}"
    )


def figures(progress: SessionProgress) -> str:
    """Give the figures beside a bar."""
    scores = "  ".join(f"{name} {_number(v)}" for name, v in sorted(progress.measured.items()))
    left = "" if progress.seconds_left is None else f"  {progress.seconds_left:.0f} s left"
    moved = (progress.bytes_sent + progress.bytes_received) / _MEGABYTE
    return (
        f"epoch {progress.epoch}/{progress.epochs}  {scores}  {moved:,.0f} MB  "
        f"{progress.samples_per_second:,.0f} samples/s{left}"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
