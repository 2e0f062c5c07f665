"""Content identifiers: the name of bytes is their hash, as IPFS computes it.

CIDv0 of the UnixFS file that ``ipfs add --cid-version=0 --chunker=size-262144`` makes: leaves of
256 KiB, at most 174 links a node, a balanced tree filled from the left
(UnixFS specification, "Balanced DAG"; multiformats "CIDv0").
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Self

from fl_node.errors import CidError

CHUNK_BYTES = 262_144
LINKS_PER_NODE = 174
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_SHA2_256_PREFIX = b"\x12\x20"  # multihash: function 0x12, 32 bytes
_TEXT_LENGTH = 46


@dataclass(frozen=True, order=True)
class Cid:
    """A CIDv0: one-to-one with the ``bytes32`` that the contract stores.

    >>> Cid.of_bytes(b"")
    Cid('QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH')
    """

    digest: bytes

    def __post_init__(self) -> None:
        """Refuse a digest of another length.

        :raises CidError: unless there are 32 bytes
        """
        if len(self.digest) != 32:
            raise CidError(f"a CID needs a digest of 32 bytes, found {len(self.digest)}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``Qm…``.

        :raises CidError: when the text is not the base58 of a sha2-256 multihash
        """
        if len(text) != _TEXT_LENGTH or any(letter not in _BASE58 for letter in text):
            raise CidError(f"a CIDv0 is 46 base58 characters that start with Qm, found {text!r}")
        number = 0
        for letter in text:
            number = number * 58 + _BASE58.index(letter)
        multihash = number.to_bytes(35, "big").lstrip(b"\0")
        if multihash[:2] != _SHA2_256_PREFIX or len(multihash) != 34:
            raise CidError(f"a CIDv0 names a sha2-256 hash, {text!r} does not")
        return cls(multihash[2:])

    @classmethod
    def of_bytes(cls, content: bytes | memoryview) -> Self:
        """Hash bytes that are in memory."""
        return cls.of_pieces([content])

    @classmethod
    def of_stream(cls, stream: BinaryIO) -> Self:
        """Hash a stream to its end, holding one chunk at a time."""
        return cls.of_pieces(iter(lambda: stream.read(CHUNK_BYTES), b""))

    @classmethod
    def of_pieces(cls, pieces: Iterable[bytes | memoryview]) -> Self:
        """Hash bytes that come in pieces of any size, holding one chunk at a time."""
        return cls(_root([_leaf(chunk) for chunk in _chunks(pieces)] or [_leaf(b"")]).digest)

    def __str__(self) -> str:
        """Give ``Qm…``."""
        number = int.from_bytes(_SHA2_256_PREFIX + self.digest, "big")
        letters = ""
        while number:
            number, place = divmod(number, 58)
            letters = _BASE58[place] + letters
        return letters

    def __repr__(self) -> str:
        return f"Cid('{self}')"


@dataclass(frozen=True)
class _Link:
    digest: bytes
    tree_bytes: int  # the node and all below it, as stored
    file_bytes: int  # of the file's content below it


def _chunks(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    held = bytearray()  # the beginning of a chunk whose end is in a later piece
    for piece in pieces:
        view = memoryview(piece).cast("B") if memoryview(piece).nbytes else memoryview(b"")
        missing = -len(held) % CHUNK_BYTES
        held += view[:missing]
        if len(held) == CHUNK_BYTES:
            yield bytes(held)
            held.clear()
        whole = max(missing, len(view) - (len(view) - missing) % CHUNK_BYTES)
        yield from (view[i : i + CHUNK_BYTES] for i in range(missing, whole, CHUNK_BYTES))
        held += view[whole:]
    if held:
        yield bytes(held)


def _leaf(chunk: bytes | memoryview) -> _Link:
    size = len(chunk)
    before = b"\x08\x02" + (b"\x12" + _varint(size) if size else b"")
    after = b"\x18" + _varint(size)
    prefix = b"\x0a" + _varint(len(before) + size + len(after)) + before
    hasher = hashlib.sha256(prefix)  # hashed in pieces: no copy of the chunk
    hasher.update(chunk)
    hasher.update(after)
    return _Link(hasher.digest(), len(prefix) + size + len(after), size)


def _branch(links: list[_Link]) -> _Link:
    file_bytes = sum(link.file_bytes for link in links)
    sizes = b"".join(b"\x20" + _varint(link.file_bytes) for link in links)
    unixfs = b"\x08\x02\x18" + _varint(file_bytes) + sizes
    block = b"".join(map(_encoded, links)) + b"\x0a" + _varint(len(unixfs)) + unixfs
    below = sum(link.tree_bytes for link in links)
    return _Link(hashlib.sha256(block).digest(), len(block) + below, file_bytes)


def _encoded(link: _Link) -> bytes:
    inner = (
        b"\x0a\x22" + _SHA2_256_PREFIX + link.digest + b"\x12\x00\x18" + _varint(link.tree_bytes)
    )
    return b"\x12" + _varint(len(inner)) + inner


def _root(level: list[_Link]) -> _Link:
    while len(level) > 1:
        level = [_branch(group) for group in _groups(level)]
    return level[0]


def _groups(level: list[_Link]) -> Iterator[list[_Link]]:
    for start in range(0, len(level), LINKS_PER_NODE):
        yield level[start : start + LINKS_PER_NODE]


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
