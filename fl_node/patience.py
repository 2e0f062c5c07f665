"""Waiting: for daemons that are away, for the chain's next block, and until somebody says stop."""

import signal
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TypeVar

from fl_node.chain.ledger import Ledger
from fl_node.errors import (
    StoppedError,
    StoreUnreachableError,
    UnavailableError,
    UnreachableError,
)

_Result = TypeVar("_Result")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
PASSES = (UnreachableError, StoreUnreachableError, UnavailableError)
_PAUSE_SECONDS = 0.05
_AWAY_SECONDS = 0.5
_LOOK_SECONDS = 1  # deadlines pass without a block, too


class Patience:
    """Waits, says for what, and ends at SIGINT or SIGTERM between two steps, not within one.

    A second signal ends the process as it would without this.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        """Wait quietly but for a line whenever the reason changes.

        :param say: takes the reason, in one line
        """
        self._say = say
        self._said = ""
        self._signal: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Patience":
        self._before = {number: signal.signal(number, self._stop) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def check(self) -> None:
        """Go on, or end here.

        :raises StoppedError: when a signal came
        """
        if self._signal is not None:
            raise StoppedError(self._signal)

    def waits_for(self, reason: str) -> None:
        """Say what is waited for, once."""
        if reason != self._said:
            self._said = reason
            self._say(reason)

    def until(self, attempt: Callable[[], _Result]) -> _Result:
        """Try something until chain, store, and bytes that others hold are there.

        :raises StoppedError: when a signal came
        """
        while True:
            self.check()
            try:
                return attempt()
            except PASSES as error:
                self.waits_for(str(error))
                self.pause(_AWAY_SECONDS)

    def until_news(self, ledger: Ledger, head: bytes) -> None:
        """Wait for a block that is not this one, or a second at the most.

        :raises StoppedError: when a signal came
        """
        deadline = time.monotonic() + _LOOK_SECONDS
        while time.monotonic() < deadline and ledger.head() == head:
            self.pause(_PAUSE_SECONDS)
        self.check()

    def pause(self, seconds: float) -> None:
        """Wait so long, or end at a signal.

        :raises StoppedError: when one came
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, _PAUSE_SECONDS))

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}
