"""Headers from genesis to head, each as what it does not have from the one before it.

A record: one byte, the number of fields; four bytes big-endian, a bit for each part that is
written; each of these parts, its length in two bytes before it. Parts 0, 1, … are the header's
fields in the order of its RLP, but that the extra data's last 65 bytes, the seal, are the last
part. A part is written if and only if it is another than an idle successor's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from fl_node.bundle.frames import frame, read_frame, read_whole
from fl_node.chain.header import EXTRA, MAX_FIELDS, MIN_FIELDS, SEAL_BYTES, Header
from fl_node.chain.proof import header_hash
from fl_node.errors import BundleError

_COUNT_BYTES, _MASK_BYTES, _LENGTH_BYTES = 1, 4, 2
_MAX_PART_BYTES = 2**16 - 1
_VANITY_BYTES = 32


@dataclass(frozen=True)
class Block:
    """A header and its hash."""

    header: Header
    hash: bytes


class HeaderCoder:
    """Writes or reads headers in order; it remembers the last two."""

    def __init__(self) -> None:
        """Begin before the genesis."""
        self._last: Block | None = None
        self._gap_seconds = 0

    def encode(self, header: Header) -> bytes:
        """Give the next header's record.

        :raises BundleError: when a part is longer than any header's
        """
        parts, expected = _parts(header.fields), self._expected(len(header.fields))
        written = [place for place, part in enumerate(parts) if part != expected[place]]
        if any(len(parts[place]) > _MAX_PART_BYTES for place in written):
            raise BundleError(f"block {header.number} has a header longer than any: not written")
        self._went_on(header)
        mask = sum(1 << place for place in written)
        record = [bytes([len(header.fields)]), mask.to_bytes(_MASK_BYTES)]
        return b"".join([*record, *(frame(parts[place], _LENGTH_BYTES) for place in written)])

    def decode(self, stream: BinaryIO) -> Iterator[Block]:
        """Give all headers of a stream.

        :raises BundleError: when it holds something else than `encode` gave
        :raises ProofError: when one is no header
        """
        while count := stream.read(_COUNT_BYTES):
            yield self._went_on(self._decoded(stream, count[0]))

    def _decoded(self, stream: BinaryIO, count: int) -> Header:
        if not MIN_FIELDS <= count <= MAX_FIELDS:
            raise BundleError(f"a header in the bundle has {count} fields: take another copy")
        mask = read_whole(stream, _MASK_BYTES)
        parts = self._expected(count)
        for place, expected in enumerate(parts):
            if mask >> place & 1:
                parts[place] = read_frame(stream, _LENGTH_BYTES, _MAX_PART_BYTES)
                if parts[place] == expected:
                    raise BundleError("a header in the bundle is longer than it need be")
        fields = _fields(parts)
        if mask >> len(parts) or _parts(fields) != parts:
            raise BundleError("a header in the bundle is not as it is written")
        return Header(fields)

    def _expected(self, count: int) -> list[bytes]:
        if self._last is None:
            return [b""] * (count + 1)
        header, own_hash = self._last.header, self._last.hash
        fields = header.idle_successor(own_hash, self._gap_seconds)
        *parts, _other_seal = _parts(fields)
        return [*parts[:count], *[b""] * (count - len(parts)), b""]

    def _went_on(self, header: Header) -> Block:
        if self._last is not None:
            self._gap_seconds = max(0, header.timestamp - self._last.header.timestamp)
        self._last = Block(header, header_hash(header))
        return self._last


def _parts(fields: Sequence[bytes]) -> list[bytes]:
    """Take the seal out of the extra data, where there is room for one (EIP-225)."""
    extra = fields[EXTRA]
    body = len(extra) - SEAL_BYTES if len(extra) >= _VANITY_BYTES + SEAL_BYTES else len(extra)
    return [*fields[:EXTRA], extra[:body], *fields[EXTRA + 1 :], extra[body:]]


def _fields(parts: Sequence[bytes]) -> tuple[bytes, ...]:
    *fields, seal = parts
    fields[EXTRA] += seal
    return tuple(fields)
