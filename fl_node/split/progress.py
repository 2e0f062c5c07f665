"""How far a session is, for whoever watches: one small file per session, whole at any moment."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from fl_node.canonical import finite_or_null, parse_json
from fl_node.errors import CanonicalError
from fl_node.files import write_atomically

FILE_NAME = "progress.json"
_EVERY_SECONDS = 0.5


@dataclass(frozen=True)
class Progress:
    """What one party knows of its session.

    :ivar party: node or provider
    :ivar state: what it does now, in a word or a line
    :ivar steps: of the epoch, training only
    :ivar measured: loss and metrics of this epoch so far
    :ivar evaluated: by epoch, what the whole model reached on the data owner's test data
    :ivar bytes_sent: over the connection since this process began, as those received
    :ivar samples_per_second: of this epoch, in this process
    :ivar seconds_left: of this epoch at this rate; None before there is one
    :ivar root: of the last recorded epoch
    :ivar recorded: epochs on the chain
    :ivar updated: in seconds since 1970
    """

    party: str
    node: int
    epochs: int
    state: str = "starts"
    epoch: int = 0
    step: int = 0
    steps: int = 0
    measured: Mapping[str, float | None] = field(default_factory=dict)
    evaluated: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    bytes_sent: int = 0
    bytes_received: int = 0
    samples_per_second: float = 0.0
    seconds_left: float | None = None
    root: str = ""
    recorded: int = 0
    updated: float = 0.0


class ProgressFile:
    """Keeps the newest progress in a file; told far more often than it writes."""

    def __init__(
        self, folder: Path, first: Progress, tell: Callable[[Progress], None] = lambda _: None
    ) -> None:
        """Take up what an earlier process left of the evaluations.

        :param tell: takes each progress that is written
        """
        self._path, self._tell = folder / FILE_NAME, tell
        before = read_progress(self._path)
        evaluated = before.evaluated if before is not None else {}
        self.now = replace(first, evaluated=evaluated)
        self._written = 0.0

    def update(self, **changes: object) -> None:
        """Note what is new; write it if the last time is long enough ago."""
        self.now = replace(self.now, **changes)  # type: ignore[arg-type]
        if time.monotonic() - self._written >= _EVERY_SECONDS:
            self.write()

    def write(self) -> None:
        """Write it now."""
        self._written = time.monotonic()
        self.now = replace(self.now, updated=time.time())
        document = asdict(self.now)
        document["measured"] = finite_or_null(document["measured"])
        write_atomically(self._path, [json.dumps(document).encode()])
        self._tell(self.now)


def read_progress(path: Path) -> Progress | None:
    """Read what a party wrote; None when there is nothing, or nothing of this version."""
    try:
        return Progress(**parse_json(path.read_bytes()))
    except (OSError, CanonicalError, TypeError):
        return None


def scores_of(measured: Mapping[str, float | None]) -> list[str]:
    """Give what was measured as people read it, by name."""
    return [
        f"{name} {'-' if value is None else format(value, '.4f')}"
        for name, value in sorted(measured.items())
    ]
