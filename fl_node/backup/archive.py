"""A backup's file: a plain tar (POSIX.1-2001) of the manifest and then each file, streamed.

The reader compares what stands around the files with what must stand there: it interprets nothing.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fl_node.backup.manifest import BackupError, Entry, Manifest, pieces_of
from fl_node.files import write_atomically
from fl_node.tar import (
    BLOCK_BYTES,
    END,
    padding,
    stated_name,
    stated_size,
    tar_header,
    tar_member,
)

MANIFEST_NAME, FOLDER_NAME = "manifest.json", "host"
_OWNER_ONLY, _FOLDER_MODE = 0o600, 0o700
_PIECE_BYTES = 2**20
_MAX_MANIFEST_BYTES = 2**28  # of about a million files


def pack(home: Path, manifest: Manifest, file: Path) -> None:
    """Write a backup that only its owner may read, whole or not at all.

    :raises BackupError: when a file changed since the manifest was made
    :raises OSError: when something cannot be read or written
    """
    write_atomically(file, _archive(home, manifest), mode=_OWNER_ONLY)


def unpack(file: Path, folder: Path) -> Manifest:
    """Make a host's folder from a backup, whole or not at all; every byte of it is checked.

    :raises BackupError: when the backup is damaged, or holds what is no plain file of its manifest
    :raises OSError: when something cannot be read or written
    """
    with file.open("rb") as stream:
        manifest = Manifest.decode(_manifest(file, stream))
        with _scratch(folder) as scratch:
            for inside in manifest.folders:
                (scratch / inside).mkdir(mode=_FOLDER_MODE)
            for entry in manifest.files:
                _restore(file, stream, entry, scratch / entry.path)
            _expect_end(file, stream)
            os.sync()  # the folder's name must not be on the disk before its files are
            scratch.rename(folder)
    return manifest


def _archive(home: Path, manifest: Manifest) -> Iterator[bytes]:
    content = manifest.encode()
    yield from tar_member(MANIFEST_NAME, len(content), _OWNER_ONLY, [content])
    for entry in manifest.files:
        name, pieces = f"{FOLDER_NAME}/{entry.path}", _unchanged(home, entry)
        yield from tar_member(name, entry.size, entry.mode, pieces)
    yield END


def _unchanged(home: Path, entry: Entry) -> Iterator[bytes]:
    digest, left = hashlib.sha256(), entry.size
    for piece in pieces_of(home / entry.path):
        digest.update(piece)
        left -= len(piece)
        if left < 0:
            break
        yield piece
    if left or digest.hexdigest() != entry.sha256:
        raise BackupError(
            f"{home / entry.path} changed while it was read: stop what writes there, and try again"
        )


def _manifest(file: Path, stream: BinaryIO) -> bytes:
    header = stream.read(BLOCK_BYTES)
    size = stated_size(header)
    if size is None or header != tar_header(MANIFEST_NAME, size, _OWNER_ONLY):
        raise BackupError(f"{file} is no backup of flnode: it does not begin with a manifest")
    if size > _MAX_MANIFEST_BYTES:
        raise BackupError(f"{file} has a manifest of {size:,} bytes: no backup is so large")
    content = stream.read(size)
    _expect(file, stream, padding(size), MANIFEST_NAME)
    return content


def _restore(file: Path, stream: BinaryIO, entry: Entry, place: Path) -> None:
    name = f"{FOLDER_NAME}/{entry.path}"
    _expect(file, stream, tar_header(name, entry.size, entry.mode), name)
    digest, left = hashlib.sha256(), entry.size
    with place.open("xb") as target:
        place.chmod(_OWNER_ONLY)
        while left and (piece := stream.read(min(left, _PIECE_BYTES))):
            digest.update(piece)
            target.write(piece)
            left -= len(piece)
    if left or digest.hexdigest() != entry.sha256:
        raise BackupError(f"{entry.path!r} in the backup is damaged: not restored")
    place.chmod(entry.mode)
    _expect(file, stream, padding(entry.size), name)


def _expect(file: Path, stream: BinaryIO, wanted: bytes, name: str) -> None:
    """Compare what stands around a file's bytes: names, sizes and modes leave it no freedom."""
    found = stream.read(len(wanted))
    if found == wanted:
        return
    other = stated_name(found[:BLOCK_BYTES])
    if other not in ("", name):
        raise BackupError(f"{file} holds {other!r} where its manifest names {name!r}: not restored")
    if not any(found):
        raise BackupError(f"{file} lacks {name!r}, or its end: it is damaged, take another")
    raise BackupError(f"{file} holds no plain file {name!r}: it is damaged, take another")


def _expect_end(file: Path, stream: BinaryIO) -> None:
    after = stream.read(len(END) + 1)
    if other := stated_name(after[:BLOCK_BYTES]):
        raise BackupError(f"{file} holds {other!r}, which its manifest does not name: not restored")
    if after != END:
        raise BackupError(f"{file} does not end as a backup does: take another")


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Lend a folder beside the one to be made; it is gone afterwards, unless it was renamed."""
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
