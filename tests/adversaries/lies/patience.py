"""Liars wait, too."""

import time
from collections.abc import Callable
from typing import TypeVar

_Seen = TypeVar("_Seen")
_LOOK_SECONDS = 0.3


def seen(look: Callable[[], _Seen | None], seconds: float = 300) -> _Seen:
    """Look until there is something."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < deadline, "what this liar waits for does not come"
        time.sleep(_LOOK_SECONDS)
    return found
