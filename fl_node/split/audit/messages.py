"""A journal's file of messages as an audit reads it: to the first damage, changing nothing.

:mod:`fl_node.split.record.message_log` says what is in it; that one cuts off what is torn.
"""

import hashlib
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from fl_node.errors import SplitError
from fl_node.split.record.message import Message
from fl_node.split.record.refusal import UnfitError
from fl_node.split.record.schedule import Place
from fl_node.split.record.signed import LEAF_BYTES, SignedRecord

_START = b"flnode split journal 1\n"
_EPOCH, _LENGTH = struct.Struct(">I"), struct.Struct(">Q")
_CHECK_BYTES = 8
_HEAD_BYTES = _LENGTH.size + _CHECK_BYTES + LEAF_BYTES
_READ_BYTES = 1024 * 1024


class _Kept(NamedTuple):
    """Where a body is in the file, and the leaf before it."""

    signed: SignedRecord
    start: int
    body_bytes: int


class KeptMessages:
    """The messages that a file holds, one in memory at a time.

    :ivar damage: why nothing was read from some byte on; None when the file is whole
    """

    def __init__(self, path: Path, session: bytes, epoch: int) -> None:
        """Find the messages of an epoch; a file that is not there has none."""
        self._path = path
        self._kept: dict[Place, _Kept] = {}
        self.damage: str | None = None
        try:
            with path.open("rb") as stream:
                self.damage = self._scan(stream, _START + session + _EPOCH.pack(epoch))
        except FileNotFoundError:
            return
        except OSError as error:
            self.damage = f"it cannot be read: {error.strerror}"

    @property
    def places(self) -> tuple[Place, ...]:
        """Give the places of the messages, in the order in which they were written."""
        return tuple(self._kept)

    def message(self, place: Place) -> Message:
        """Give a message as it is there; nothing says that its body is what was signed.

        :raises SplitError: when there is none, or it cannot be read
        """
        if (kept := self._kept.get(place)) is None:
            raise SplitError(f"{self._path} has no {place}")
        try:
            with self._path.open("rb") as stream:
                stream.seek(kept.start)
                return Message(kept.signed, stream.read(kept.body_bytes))
        except OSError as error:
            raise SplitError(f"{self._path} cannot be read: {error.strerror}") from error

    def _scan(self, stream: BinaryIO, begins: bytes) -> str | None:
        if stream.read(len(begins)) != begins:
            return "it begins as the journal of another session or epoch"
        size = stream.seek(0, 2)
        start = stream.seek(len(begins))
        while head := stream.read(_HEAD_BYTES):
            if not any(head):
                return _rest(stream, start)
            signed = _signed(head)
            place = None if signed is None else _place(signed)
            body = _Kept(signed, start + _HEAD_BYTES, _body_bytes(head)) if signed else None
            if body is None or place in self._kept or body.start + body.body_bytes > size:
                return f"byte {start} begins no message as it was written"
            self._kept[_place(body.signed)] = body
            start = stream.seek(body.start + body.body_bytes)
        return None


def _rest(stream: BinaryIO, start: int) -> str | None:
    """See that behind the last message is only room that was reserved."""
    while block := stream.read(_READ_BYTES):
        if any(block):
            return f"there are other bytes than zeros after byte {start}"
    return None


def _body_bytes(head: bytes) -> int:
    (length,) = _LENGTH.unpack_from(head)
    return int(length)


def _signed(head: bytes) -> SignedRecord | None:
    """Read a head's leaf, if it is the one that was written."""
    length, leaf = head[: _LENGTH.size], head[_LENGTH.size + _CHECK_BYTES :]
    check = hashlib.sha256(length + leaf).digest()[:_CHECK_BYTES]
    if head[_LENGTH.size : _LENGTH.size + _CHECK_BYTES] != check:
        return None
    try:
        return SignedRecord.decode(leaf)
    except UnfitError:
        return None


def _place(signed: SignedRecord) -> Place:
    return Place(signed.record.step, signed.record.phase)
