"""A process that kills itself at a moment of its work, once; the product knows nothing of it."""

import functools
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Fuse:
    """Which moments kill this process, and where it says that they have.

    :ivar host: the process' name in the marks
    :ivar due: moment to round
    :ivar marks: a folder; a file in it is a kill that was
    :ivar company: hosts that come to the same moment together, and wait there to be killed at once
    """

    host: str
    due: Mapping[str, int]
    marks: Path
    company: tuple[str, ...] = ()

    def reached(self, moment: str, round_: int, found: Callable[[], str] = str) -> None:
        """Kill this process if it is to die here.

        :param found: what the mark says of the moment
        """
        mark = mark_of(self.marks, self.host, moment)
        if self.due.get(moment) != round_ or mark.exists():
            return
        mark.write_text(f"round {round_} {found()}".strip())
        while self.company:
            time.sleep(_POLL_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    def gather(self, moment: str, round_: int) -> None:
        """Wait until all the company is about to come to a moment."""
        if self.company and self.due.get(moment) == round_:
            mark_of(self.marks, self.host, f"before {moment}").touch()
            others = [mark_of(self.marks, host, f"before {moment}") for host in self.company]
            while not all(other.exists() for other in others):
                time.sleep(_POLL_SECONDS)


def mark_of(marks: Path, host: str, moment: str) -> Path:
    return marks / f"{host} {moment}"


def before(owner: Any, name: str, told: Callable[..., None]) -> None:
    """Have a function tell its arguments before it begins."""
    plain = getattr(owner, name)

    @functools.wraps(plain)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        told(*arguments, **named)
        return plain(*arguments, **named)

    setattr(owner, name, wrapped)


def after(owner: Any, name: str, told: Callable[..., None]) -> None:
    """Have a function tell its result and its arguments when it has ended well."""
    plain = getattr(owner, name)

    @functools.wraps(plain)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        result = plain(*arguments, **named)
        told(result, *arguments, **named)
        return result

    setattr(owner, name, wrapped)
