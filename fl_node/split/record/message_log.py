"""One file of messages, in the order in which they were written.

It begins with a line, the session and the epoch; each entry is the body's length (u64, big-endian),
8 bytes of SHA-256 over it and the leaf, the leaf and the body. A message is one call of the system:
a killed process leaves it whole or leaves a torn end, which is cut off. Behind the last one may be
zeros: room that was reserved, since writing there takes a quarter less of processor time.
"""

import hashlib
import os
import struct
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from fl_node.errors import SplitError
from fl_node.files import write_atomically
from fl_node.split.record.message import Message
from fl_node.split.record.refusal import UnfitError
from fl_node.split.record.schedule import Place
from fl_node.split.record.signed import LEAF_BYTES, SignedRecord, body_digest

_START = b"flnode split journal 1\n"
_EPOCH = struct.Struct(">I")
_LENGTH = struct.Struct(">Q")
_CHECK_BYTES = 8
_LEAF_START = _LENGTH.size + _CHECK_BYTES
_HEAD_BYTES = _LEAF_START + LEAF_BYTES
_OWNER_ONLY = 0o600
_RESERVED_MESSAGES = 32
_READ_BYTES = 1024 * 1024


class _Entry(NamedTuple):
    """Where a message is in the file."""

    start: int
    body_bytes: int

    @property
    def end(self) -> int:
        return self.start + _HEAD_BYTES + self.body_bytes


class MessageLog:
    """An open file of messages; in memory is no more than where each one is."""

    def __init__(self, path: Path, session: bytes, epoch: int) -> None:
        """Open the file, or make it; :meth:`load` finds what is in it.

        :raises SplitError: when it cannot be written, or belongs to another session or epoch
        """
        self._path, self._session, self._epoch = path, session, epoch
        self._head = _START + session + _EPOCH.pack(epoch)
        self._entries: dict[Place, _Entry] = {}
        self._end = self._reserved = len(self._head)
        try:
            if not path.exists():
                write_atomically(path, [self._head], mode=_OWNER_ONLY)
            self._handle = os.open(path, os.O_RDWR)
        except OSError as error:
            raise _failed(path, error) from error

    def load(self, say: Callable[[str], None]) -> Self:
        """Find the messages, and cut off what a killed process left of one.

        :param say: takes a line for people when something was cut off
        :raises SplitError: when the file belongs to another session or epoch
        """
        self._check_head()
        size = os.fstat(self._handle).st_size
        while self._end < size and (place := self._next(size)) is not None:
            entry = _Entry(self._end, self._body_bytes(self._end))
            self._entries[place], self._end = entry, entry.end
        self._drop_damaged_end()
        if torn := self._torn_bytes(size):
            kept = f"{len(self._entries)} whole messages"
            say(f"{self._path}: {torn} bytes after {kept} were torn and are cut off")
        os.ftruncate(self._handle, self._end)
        return self

    def append(self, message: Message) -> None:
        """Add a message; it survives this process afterwards.

        :raises SplitError: when it cannot be written, is of another epoch, or there already
        """
        place = self._place(message.signed)
        if place in self._entries:
            raise SplitError(f"{self._path} has {place} already: it is sent again, not made again")
        entry = _Entry(self._end, len(message.body))
        leaf, body = message.pieces()
        pieces = (_head(len(body), leaf), body)
        self._reserve(entry)
        try:
            written = os.pwritev(self._handle, pieces, self._end)
        except OSError as error:
            raise _failed(self._path, error) from error
        if self._end + written != entry.end:
            os.ftruncate(self._handle, self._end)
            raise SplitError(f"{self._path} takes no more: see that the disk has room")
        self._entries[place], self._end = entry, entry.end

    def places(self) -> tuple[Place, ...]:
        """Give the messages' places in the order in which they were written."""
        return tuple(self._entries)

    def leaf(self, place: Place) -> bytes:
        """Give a message's leaf.

        :raises SplitError: when it is not there
        """
        return self._read(self._entry(place).start + _LEAF_START, LEAF_BYTES)

    def message(self, place: Place) -> Message:
        """Give a message, its body held against what was signed.

        :raises SplitError: when it is not there, or not as it was written
        """
        entry = self._entry(place)
        message = self._message(entry)
        if body_digest(message.body) != message.record.body:
            raise SplitError(f"{place} in {self._path} is not as it was written")
        return message

    def keep(self, wanted: Collection[Place]) -> None:
        """Write the file anew with these messages only; the old one stands until then.

        :raises SplitError: when it cannot be written
        """
        if set(self._entries) <= set(wanted):
            return
        kept = [place for place in self._entries if place in wanted]
        try:
            write_atomically(self._path, self._pieces(kept), mode=_OWNER_ONLY)
            anew = os.open(self._path, os.O_RDWR)
        except OSError as error:
            raise _failed(self._path, error) from error
        os.close(self._handle)
        self._handle = anew
        self._move(kept)

    def close(self) -> None:
        """Close the file, without what was reserved."""
        os.ftruncate(self._handle, self._end)
        os.close(self._handle)

    def _reserve(self, entry: _Entry) -> None:
        """Have room for more messages of this size; without it a message takes its own."""
        if entry.end > self._reserved:
            more = _RESERVED_MESSAGES * (entry.end - entry.start)
            with suppress(OSError):
                os.posix_fallocate(self._handle, self._end, more)
            self._reserved = self._end + more

    def _torn_bytes(self, size: int) -> int:
        """Count the bytes behind the last message up to the last that is no zero."""
        last = 0
        for start in range(self._end, size, _READ_BYTES):
            if found := self._read(start, _READ_BYTES).rstrip(b"\0"):
                last = start - self._end + len(found)
        return last

    def _check_head(self) -> None:
        if self._read(0, len(self._head)) != self._head:
            raise SplitError(
                f"{self._path} is no journal of epoch {self._epoch} of session "
                f"{self._session.hex()[:16]}: move it away"
            )

    def _next(self, size: int) -> Place | None:
        """Give the place of the entry at the end, or None where no whole one is."""
        head = self._read(self._end, _HEAD_BYTES)
        if len(head) < _HEAD_BYTES or head != _head(
            self._body_bytes(self._end), head[_LEAF_START:]
        ):
            return None
        if self._end + _HEAD_BYTES + self._body_bytes(self._end) > size:
            return None
        try:
            place = self._place(self._signed(self._end))
        except SplitError:
            return None
        return None if place in self._entries else place

    def _drop_damaged_end(self) -> None:
        """Forget the last message unless its body is what was signed."""
        while self._entries:
            place, entry = next(reversed(self._entries.items()))
            message = self._message(entry)
            if body_digest(message.body) == message.record.body:
                return
            del self._entries[place]
            self._end = entry.start

    def _place(self, signed: SignedRecord) -> Place:
        record = signed.record
        if (record.session, record.epoch) != (self._session, self._epoch):
            raise SplitError(
                f"{self._path} takes messages of epoch {self._epoch} of its session, found one of "
                f"epoch {record.epoch} of session {record.session.hex()[:16]}"
            )
        return Place(record.step, record.phase)

    def _entry(self, place: Place) -> _Entry:
        if (entry := self._entries.get(place)) is None:
            raise SplitError(f"{self._path} has no {place}")
        return entry

    def _message(self, entry: _Entry) -> Message:
        body = self._read(entry.start + _HEAD_BYTES, entry.body_bytes)
        return Message(self._signed(entry.start), body)

    def _signed(self, start: int) -> SignedRecord:
        try:
            return SignedRecord.decode(self._read(start + _LEAF_START, LEAF_BYTES))
        except UnfitError as error:
            raise SplitError(f"{self._path} is not as it was written: {error}") from error

    def _body_bytes(self, start: int) -> int:
        (length,) = _LENGTH.unpack(self._read(start, _LENGTH.size))
        return int(length)

    def _read(self, start: int, count: int) -> bytes:
        try:
            return os.pread(self._handle, count, start)
        except OSError as error:
            raise _failed(self._path, error) from error

    def _pieces(self, places: Collection[Place]) -> Iterator[bytes]:
        yield self._head
        for place in places:
            entry = self._entries[place]
            yield self._read(entry.start, entry.end - entry.start)

    def _move(self, kept: Collection[Place]) -> None:
        moved, end = {}, len(self._head)
        for place in kept:
            moved[place] = _Entry(end, self._entries[place].body_bytes)
            end = moved[place].end
        self._entries, self._end, self._reserved = moved, end, end


def _head(body_bytes: int, leaf: bytes) -> bytes:
    length = _LENGTH.pack(body_bytes)
    return length + hashlib.sha256(length + leaf).digest()[:_CHECK_BYTES] + leaf


def _failed(path: Path, error: OSError) -> SplitError:
    reason = error.strerror or str(error)
    return SplitError(
        f"cannot use {path}: {reason}; see that the folder may be written and the disk has room"
    )
