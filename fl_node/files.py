"""Files that are whole or not there: write to a temporary file, then rename."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def write_atomically(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write a file in pieces; a crash at any point leaves the old file or the new one.

    :raises OSError: when the folder cannot be written or the disk is full; nothing is left behind
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(pieces)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
