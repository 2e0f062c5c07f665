"""One process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from fl_node.errors import DaemonError

_LOCK_SECONDS = 120.0
_OWNER_ONLY = 0o600


@contextmanager
def locked(path: Path, what: str, seconds: float = _LOCK_SECONDS) -> Iterator[None]:
    """Hold a lock file; a process that is killed lets go of it.

    :param what: is worked on, for the error's words
    :raises DaemonError: when another process does not let go in time
    """
    try:
        with FileLock(path, timeout=seconds, mode=_OWNER_ONLY):
            yield
    except Timeout as error:
        raise DaemonError(
            f"another process works on {what} for more than {seconds:.0f} s: "
            f"wait for it, or see who holds {path}"
        ) from error
