"""What a backup holds, file by file: its first member, and what a restore checks the rest by."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fl_node.canonical import parse_json
from fl_node.errors import CanonicalError, FlnodeError

FORMAT = "flnode backup 1"
_PIECE_BYTES = 2**20
_OWNER = 0o700
_MOST_NAME_BYTES, _MOST_PATH_BYTES = 255, 2048  # Linux takes twice the latter, with what is before


class BackupError(FlnodeError):
    """A host that cannot be backed up, or a backup that cannot be restored."""


@dataclass(frozen=True)
class Entry:
    """A file.

    :ivar path: relative to the host's folder, with slashes
    :ivar size: in bytes
    :ivar mode: its owner's permissions; others have none
    :ivar sha256: of its bytes, in hexadecimal digits
    """

    path: str
    size: int
    mode: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """A host's files.

    :ivar host: its name, such as ``node-1``
    :ivar folders: relative to the host's folder, each after the one that it is in
    """

    host: str
    folders: tuple[str, ...]
    files: tuple[Entry, ...]

    @property
    def total_bytes(self) -> int:
        """Add up the files' sizes."""
        return sum(entry.size for entry in self.files)

    def encode(self) -> bytes:
        """Write it as JSON, with a digest of itself."""
        body = {"format": FORMAT} | asdict(self)
        return (json.dumps({"sha256": _digest(body)} | body, indent=1) + "\n").encode()

    @classmethod
    def decode(cls, content: bytes) -> "Manifest":
        """Read one; every path in it stays inside the folder that it is put into.

        :raises BackupError: when it is none, is damaged, or a path leads elsewhere
        """
        try:
            document = parse_json(content)
            if document["format"] != FORMAT:
                raise BackupError(f"a backup of format {FORMAT!r} was expected")
            if document.pop("sha256") != _digest(document):
                raise BackupError("the manifest of the backup is damaged: take another")
            folders = tuple(_inside(each) for each in document["folders"])
            files = tuple(_entry(each) for each in document["files"])
            found = cls(str(document["host"]), folders, files)
        except (CanonicalError, KeyError, TypeError, AttributeError) as error:
            raise BackupError(f"the manifest of the backup is none: {error!r}") from error
        _refuse_disorder(folders, files)
        return found


def entry_of(home: Path, path: str) -> Entry:
    """Read a file of a host through once, for its digest.

    :raises OSError: when it cannot be read
    """
    place, digest, size = home / path, hashlib.sha256(), 0
    for piece in pieces_of(place):
        digest.update(piece)
        size += len(piece)
    return Entry(path, size, place.stat().st_mode & _OWNER, digest.hexdigest())


def pieces_of(place: Path) -> Iterator[bytes]:
    """Give a file's bytes, a mebibyte at a time."""
    with place.open("rb") as stream:
        while piece := stream.read(_PIECE_BYTES):
            yield piece


def _entry(said: Any) -> Entry:
    size, mode, digest = said["size"], said["mode"], said["sha256"]
    if type(size) is not int or size < 0 or type(mode) is not int or not isinstance(digest, str):
        raise BackupError(f"the manifest says what no file is: {said}")
    return Entry(_inside(said["path"]), size, mode & _OWNER, digest)


def _inside(path: object) -> str:
    """Refuse a path that is not the plain way to something inside a folder."""
    if isinstance(path, str) and _may_be_a_path(path) and str(PurePosixPath(path)) == path:
        parts = PurePosixPath(path).parts
        if parts and ".." not in parts and not path.startswith("/"):
            return path
    raise BackupError(f"the backup names {path!r}, which is outside of the folder: not restored")


def _may_be_a_path(text: str) -> bool:
    """Tell whether a file system would take it."""
    try:
        names = os.fsencode(text).split(b"/")
    except UnicodeEncodeError:
        return False
    lengths = [len(name) for name in names]
    fits = max(lengths) <= _MOST_NAME_BYTES and sum(lengths) <= _MOST_PATH_BYTES
    return fits and "\0" not in text


def _refuse_disorder(folders: Iterable[str], files: Iterable[Entry]) -> None:
    """See that nothing is named twice, and that everything is in a folder that was named before."""
    known, seen = {"."}, set[str]()
    for path, is_folder in [*((each, True) for each in folders), *((e.path, False) for e in files)]:
        if path in seen or str(PurePosixPath(path).parent) not in known:
            raise BackupError(f"the backup names {path!r} twice or in no folder: not restored")
        seen.add(path)
        known.update([path] if is_folder else [])


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
