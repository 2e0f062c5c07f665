"""A bundle's file: a plain tar of the manifest and then each file, both ways in pieces.

Names and sizes leave a tar of this house no freedom, so the reader compares each byte of it with
what must stand there instead of interpreting it.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from fl_node.bundle.manifest import STORE, Entry, Manifest
from fl_node.cid import Cid
from fl_node.errors import BundleError
from fl_node.files import write_atomically
from fl_node.tar import BLOCK_BYTES, END, padding, stated_size, tar_header, tar_member

_NAME, _MODE = "manifest.json", 0o644
_MAX_MANIFEST_BYTES = 2**24  # of about 100,000 files
_PIECE_BYTES = 2**20


def entry_of(name: str, place: Path) -> Entry:
    """Read a file through once, for its digest.

    :raises OSError: when it cannot be read
    """
    digest, size = hashlib.sha256(), 0
    with place.open("rb") as stream:
        while piece := stream.read(_PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
    return Entry(name, size, digest.hexdigest())


def pack(manifest: Manifest, places: Mapping[str, Path], file: Path) -> None:
    """Write a bundle, whole or not at all.

    :param places: where each of the manifest's files is, by its name
    :raises BundleError: when one has changed since the manifest was made
    :raises OSError: when something cannot be read or written
    """
    write_atomically(file, _archive(manifest, places))


def unpack(file: Path, folder: Path) -> Manifest:
    """Put a bundle's files into a folder; each byte of it is checked, none is interpreted before.

    :raises BundleError: when the bundle is not as it was written
    :raises OSError: when something cannot be read or written
    """
    (folder / STORE).mkdir()
    with file.open("rb") as stream:
        manifest = Manifest.decode(_manifest(stream))
        for entry in manifest.files:
            _unpack(stream, entry, folder / entry.name)
        _expect(stream, END, "its end")
        if stream.read(1):
            raise BundleError("the bundle goes on after its end: take another copy")
    return manifest


def _archive(manifest: Manifest, places: Mapping[str, Path]) -> Iterator[bytes]:
    content = manifest.encode()
    yield from tar_member(_NAME, len(content), _MODE, [content])
    for entry in manifest.files:
        pieces = _unchanged(places[entry.name], entry)
        yield from tar_member(entry.name, entry.size, _MODE, pieces)
    yield END


def _unchanged(place: Path, entry: Entry) -> Iterator[bytes]:
    with place.open("rb") as stream:
        try:
            yield from _exactly(stream, entry, lambda _: None)
        except BundleError as error:
            raise BundleError(f"{place} changed while it was read: try again") from error


def _manifest(stream: BinaryIO) -> bytes:
    header = stream.read(BLOCK_BYTES)
    size = stated_size(header)
    if size is None or size > _MAX_MANIFEST_BYTES or header != tar_header(_NAME, size, _MODE):
        raise BundleError("a bundle of flnode begins with its manifest, this file does not")
    content = stream.read(size)
    _expect(stream, padding(size), "the manifest's end")
    return content


def _unpack(stream: BinaryIO, entry: Entry, place: Path) -> None:
    _expect(stream, tar_header(entry.name, entry.size, _MODE), f"the header of {entry.name!r}")
    with place.open("xb") as target:
        pieces = _exactly(stream, entry, target.write)
        if entry.name.startswith(STORE):
            _require_cid(entry, Cid.of_pieces(pieces))
        else:
            for _ in pieces:
                pass
    _expect(stream, padding(entry.size), f"the end of {entry.name!r}")


def _exactly(stream: BinaryIO, entry: Entry, take: Callable[[bytes], object]) -> Iterator[bytes]:
    """Give a file's bytes, and see at the end that they are those of its digest."""
    digest, left = hashlib.sha256(), entry.size
    while left and (piece := stream.read(min(left, _PIECE_BYTES))):
        digest.update(piece)
        left -= len(piece)
        take(piece)
        yield piece
    if left or digest.hexdigest() != entry.sha256:
        raise BundleError(f"{entry.name!r} in the bundle is damaged: take another copy")


def _require_cid(entry: Entry, found: Cid) -> None:
    if entry.name != f"{STORE}{found}":
        raise BundleError(f"{entry.name!r} in the bundle has the CID {found}: nobody put it there")


def _expect(stream: BinaryIO, wanted: bytes, what: str) -> None:
    if stream.read(len(wanted)) != wanted:
        raise BundleError(f"{what} in the bundle is damaged: take another copy")
