"""An append-only file of entries, from which a chain in this process comes back."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from fl_node.canonical import decode_json, encode_json
from fl_node.errors import CanonicalError, LedgerError
from fl_node.files import write_atomically

_DIGEST = "sha256"
_NEWLINE = b"\n"


class Journal:
    """Entries, a line of canonical JSON each; a line's digest covers it and all before it.

    Many processes may read it, one may write.
    """

    def __init__(self, path: Path) -> None:
        """Name a file; nothing is read yet."""
        self._path = path
        self._end_bytes = 0  # whole lines that this process has read or written
        self._digest = ""

    @classmethod
    def create(cls, path: Path, first: Mapping[str, Any]) -> "Journal":
        """Begin a journal.

        :raises LedgerError: when there is one, or it cannot be written
        """
        if path.exists():
            raise LedgerError(f"{path} was to be begun, there is one: load it, or remove it first")
        journal = cls(path)
        line = journal._line(first)
        try:
            write_atomically(path, [line])
        except OSError as error:
            raise _unwritable(path, error) from error
        journal._accept(line)
        return journal

    @classmethod
    def read(cls, path: Path) -> tuple["Journal", list[dict[str, Any]]]:
        """Give all entries; a last line that a crash cut off never happened.

        :raises LedgerError: when the file cannot be read, or is not as it was written
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise LedgerError(f"a journal was expected at {path}: {error.strerror}") from error
        journal = cls(path)
        return journal, list(journal._entries(content))

    def append(self, entry: Mapping[str, Any]) -> None:
        """Add an entry; it is on the disk afterwards.

        :raises LedgerError: when it cannot be written, or another process has added one
        """
        line = self._line(entry)
        try:
            with self._path.open("r+b") as stream:
                self._go_to_end(stream)
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self._accept(line)

    def _go_to_end(self, stream: BinaryIO) -> None:
        """Cut off what a crash left of a line; a new line after it would be lost with it."""
        size = os.fstat(stream.fileno()).st_size
        stream.seek(self._end_bytes)
        if size < self._end_bytes or _NEWLINE in stream.read():
            raise LedgerError(f"another process has written {self._path}: end one, start again")
        stream.truncate(self._end_bytes)
        stream.seek(self._end_bytes)

    def _entries(self, content: bytes) -> Iterator[dict[str, Any]]:
        *lines, _cut_off = content.split(_NEWLINE)
        for number, line in enumerate(lines, 1):
            try:
                entry = dict(decode_json(line))
                del entry[_DIGEST]
            except (CanonicalError, KeyError, TypeError, ValueError) as error:
                raise _damaged(self._path, number) from error
            if self._line(entry) != line + _NEWLINE:
                raise _damaged(self._path, number)
            self._accept(line + _NEWLINE)
            yield entry

    def _line(self, entry: Mapping[str, Any]) -> bytes:
        digest = hashlib.sha256(self._digest.encode() + encode_json(dict(entry))).hexdigest()
        return encode_json({**entry, _DIGEST: digest}) + _NEWLINE

    def _accept(self, line: bytes) -> None:
        self._end_bytes += len(line)
        self._digest = decode_json(line[:-1])[_DIGEST]


def _damaged(path: Path, number: int) -> LedgerError:
    return LedgerError(f"line {number} of {path} is not as it was written: restore a copy")


def _unwritable(path: Path, error: OSError) -> LedgerError:
    reason = error.strerror or str(error)
    return LedgerError(
        f"cannot write {path}: {reason}; see that the folder may be written and the disk has room"
    )
