"""Files that are whole or not there: write to a temporary file, then rename."""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

_READABLE = 0o644


def write_atomically(
    path: Path, pieces: Iterable[bytes | memoryview], *, mode: int = _READABLE
) -> None:
    """Write a file in pieces; a crash at any point leaves the old file or the new one.

    :param mode: its permissions, from the first byte on
    :raises OSError: when the folder cannot be written or the disk is full; nothing is left behind
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(pieces)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
