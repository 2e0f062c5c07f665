"""What several threads share and only one may use at a time."""

from threading import Lock
from typing import Any, TypeVar, cast

_Shared = TypeVar("_Shared")


def serial(shared: _Shared, lock: Lock) -> _Shared:
    """Give something whose methods wait for each other, and for all others of the same lock."""
    return cast("_Shared", _Serial(shared, lock))


class _Serial:
    def __init__(self, shared: object, lock: Lock) -> None:
        self._shared, self._lock = shared, lock

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._shared, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            with self._lock:
                return found(*arguments, **named)

        return call
