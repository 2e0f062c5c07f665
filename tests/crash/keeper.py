"""Starts again whoever was killed, until every role has ended by itself."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.devnet.story import Story

_POLL_SECONDS = 0.05
_SHOWN_LINES = 15


@dataclass
class Keeper:
    """Of one federation's roles.

    :ivar lives: what each host's earlier processes printed last, one after the other
    """

    story: Story
    lives: dict[str, list[str]] = field(default_factory=dict)

    def keep(self, seconds: float, more: Callable[[], bool] = lambda: False) -> None:
        """Go on until all roles have ended well.

        :param more: called between two looks, tells whether there is more to come from the test
        """
        deadline = time.monotonic() + seconds
        while self.raise_dead() | more():
            assert time.monotonic() < deadline, f"not done in {seconds:.0f} s"
            time.sleep(_POLL_SECONDS)

    def raise_dead(self) -> bool:
        """Start again who was killed; tell whether anybody runs."""
        codes = {host: role.process.poll() for host, role in self.story.roles.items()}
        for host, code in codes.items():
            if code == -signal.SIGKILL:
                self.lives.setdefault(host, []).append(self.last_said(host))
                self.story.start(host)
            else:
                assert code in (None, 0), f"{host} ended with {code}"
        return any(code != 0 for code in codes.values())

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Have a failure tell what :meth:`told` gives."""
        try:
            yield
        except AssertionError as error:
            error.add_note(self.told())
            raise

    def last_said(self, host: str) -> str:
        lines = self.story.roles[host].lines
        return lines[-1] if lines else "nothing"

    def told(self) -> str:
        """Give what a failure should show: who was killed when, and what each role said last."""
        shown = [
            f"{mark.name}: {mark.read_text()}" for mark in sorted(marks_of(self.story).iterdir())
        ]
        shown += [f"{host} was killed after: {said}" for host, said in self.lives.items()]
        for host, role in self.story.roles.items():
            shown += [f"--- {host}", *role.lines[-_SHOWN_LINES:]]
        return "\n".join(shown)


def marks_of(story: Story) -> Path:
    """Where the roles of a federation say at which moments they were killed."""
    place = story.logs / "marks"
    place.mkdir(exist_ok=True)
    return place
