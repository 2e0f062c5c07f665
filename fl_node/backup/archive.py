"""A backup's file: a plain tar (POSIX.1-2001) of the manifest and then each file, streamed."""

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from fl_node.backup.manifest import BackupError, Entry, Manifest, pieces_of
from fl_node.files import write_atomically
from fl_node.tar import END, tar_member

MANIFEST_NAME, FOLDER_NAME = "manifest.json", "host"
_OWNER_ONLY, _FOLDER_MODE = 0o600, 0o700
_PIECE_BYTES = 2**20
_MAX_MANIFEST_BYTES = 2**28  # of about a million files
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)


def pack(home: Path, manifest: Manifest, file: Path) -> None:
    """Write a backup that only its owner may read, whole or not at all.

    :raises BackupError: when a file changed since the manifest was made
    :raises OSError: when something cannot be read or written
    """
    write_atomically(file, _archive(home, manifest), mode=_OWNER_ONLY)


def unpack(file: Path, folder: Path) -> Manifest:
    """Make a host's folder from a backup, whole or not at all; every file's digest is checked.

    :raises BackupError: when the backup is damaged, or holds what is no plain file of its manifest
    :raises OSError: when something cannot be read or written
    """
    with file.open("rb") as stream, _tar_errors(file), tarfile.open(fileobj=stream, mode="r|") as t:
        members = iter(t)
        manifest = Manifest.decode(_first(file, t, next(members, None)))
        with _scratch(folder) as scratch:
            for inside in manifest.folders:
                (scratch / inside).mkdir(mode=_FOLDER_MODE)
            _restore(file, t, members, manifest, scratch)
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


def _first(file: Path, archive: tarfile.TarFile, member: tarfile.TarInfo | None) -> bytes:
    if member is None or member.name != MANIFEST_NAME or member.type not in _FILES:
        raise BackupError(f"{file} is no backup of flnode: it does not begin with a manifest")
    if member.size > _MAX_MANIFEST_BYTES:
        raise BackupError(f"{file} has a manifest of {member.size:,} bytes: no backup is so large")
    return _content(archive, member).read()


def _restore(
    file: Path,
    archive: tarfile.TarFile,
    members: Iterable[tarfile.TarInfo],
    manifest: Manifest,
    scratch: Path,
) -> None:
    missing = {f"{FOLDER_NAME}/{entry.path}": entry for entry in manifest.files}
    for member in members:
        if member.type not in _FILES or member.issparse():
            raise BackupError(f"{file} holds {member.name!r}, which is no plain file: not restored")
        entry = missing.pop(member.name, None)
        if entry is None:
            raise BackupError(
                f"{file} holds {member.name!r}, which its manifest does not name: not restored"
            )
        _write(_content(archive, member), scratch / entry.path, entry)
    if missing:
        raise BackupError(f"{file} lacks {next(iter(missing))!r}: it is damaged, take another")


def _write(source: IO[bytes], place: Path, entry: Entry) -> None:
    digest = hashlib.sha256()

    def pieces() -> Iterator[bytes]:
        while piece := source.read(_PIECE_BYTES):
            digest.update(piece)
            yield piece

    with place.open("xb") as stream:
        place.chmod(_OWNER_ONLY)
        stream.writelines(pieces())
    if digest.hexdigest() != entry.sha256:
        raise BackupError(f"{entry.path!r} in the backup is damaged: not restored")
    place.chmod(entry.mode)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = archive.extractfile(member)
    assert stream is not None, member.name  # noqa: S101  it is a plain file
    return stream


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Lend a folder beside the one to be made; it is gone afterwards, unless it was renamed."""
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _tar_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError) as error:
        raise BackupError(f"{file} is no whole backup: {error}; take another") from error
