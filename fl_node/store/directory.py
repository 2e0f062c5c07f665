"""A store that is a folder: one file per CID, whole or not there."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fl_node.cid import Cid
from fl_node.errors import DigestMismatchError, StoreError, TooLargeError, UnavailableError
from fl_node.store.store import Pieces, Store

_READ_ONLY = 0o444
_ABANDONED_SECONDS = 86_400


@dataclass(frozen=True)
class Staged:
    """A file that is written and hashed, and has no name yet.

    :ivar place: where it goes
    """

    cid: Cid
    path: Path
    place: Path

    def keep(self) -> Path:
        """Give it its name."""
        self.place.parent.mkdir(exist_ok=True)
        return self.path.replace(self.place)


@dataclass(frozen=True)
class DirectoryStore(Store):
    """Content-addressed files below one folder, which processes may share.

    A file's place is ``xy/Qm…xy``, by the last two characters of its CID.
    """

    folder: Path

    def put(self, pieces: Pieces) -> Cid:
        """Write a file while hashing it, then rename it to its name.

        :raises StoreError: when the folder cannot be written or the disk is full
        """
        with self.staged(pieces) as staged:
            staged.keep()
        return staged.cid

    @contextmanager
    def staged(self, pieces: Pieces) -> Iterator[Staged]:
        """Lend a file that is written and hashed; it is gone afterwards, unless it was kept.

        :raises StoreError: when the folder cannot be written or the disk is full
        """
        with self._temporary() as (stream, path):
            cid = Cid.of_pieces(_written(pieces, stream))
            stream.flush()
            os.fsync(stream.fileno())
            path.chmod(_READ_ONLY)
            yield Staged(cid, path, self._place(cid))

    def fetch(
        self,
        cid: Cid,
        *,
        max_bytes: int,
        timeout_seconds: float,  # noqa: ARG002 - a file is there or not
    ) -> Path:
        """Give the file, hashed again.

        :raises UnavailableError: at once when there is none
        :raises TooLargeError: before it is hashed
        :raises DigestMismatchError: when the file was damaged
        :raises StoreError: when the file cannot be read
        """
        place = self._place(cid)
        try:
            with place.open("rb") as stream:
                _check_size(place, os.fstat(stream.fileno()).st_size, max_bytes)
                found = Cid.of_stream(stream)
        except FileNotFoundError as error:
            raise UnavailableError(f"{cid} was asked for, {self.folder} has it not") from error
        except OSError as error:
            raise _failed("read", place, error) from error
        if found != cid:
            raise DigestMismatchError(
                f"{place} has the CID {found}: delete it and have it stored again"
            )
        return place

    def holds(self, cid: Cid) -> bool:
        """Tell whether there is a file of this name; one that is there was written whole."""
        return self._place(cid).is_file()

    def drop(self, cid: Cid) -> None:
        """Delete the file; one that is open stays readable to whoever has it open.

        :raises StoreError: when the folder cannot be written
        """
        place = self._place(cid)
        try:
            place.unlink(missing_ok=True)
        except OSError as error:
            raise _failed("delete", place, error) from error

    def _place(self, cid: Cid) -> Path:
        name = str(cid)
        return self.folder / name[-2:] / name

    @contextmanager
    def _temporary(self) -> Iterator[tuple[BinaryIO, Path]]:
        """Lend a temporary file that is gone afterwards, unless it was renamed."""
        incoming = self.folder / "incoming"
        try:
            incoming.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(incoming)
            handle, name = tempfile.mkstemp(dir=incoming)
            try:
                with os.fdopen(handle, "wb") as stream:
                    yield stream, Path(name)
            finally:
                Path(name).unlink(missing_ok=True)
        except OSError as error:
            raise _failed("write", incoming, error) from error


def _written(pieces: Pieces, stream: BinaryIO) -> Pieces:
    for piece in pieces:
        stream.write(piece)
        yield piece


def _check_size(place: Path, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise TooLargeError(f"{place} has {size} bytes, up to {max_bytes} were asked for")


def _remove_abandoned(incoming: Path) -> None:
    """Remove what killed processes left behind a day ago or earlier."""
    for left in incoming.iterdir():
        with suppress(FileNotFoundError):  # another process was faster
            if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                left.unlink()


def _failed(act: str, place: Path, error: OSError) -> StoreError:
    reason = error.strerror or str(error)
    return StoreError(
        f"cannot {act} {place}: {reason}; see that the folder may be written and the disk has room"
    )
