"""Folders and files that only their owner may read."""

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fl_node.errors import NetworkError
from fl_node.files import write_atomically

FOLDER_MODE, FILE_MODE, PROGRAM_MODE = 0o700, 0o600, 0o700
_SCRATCH = ".new-"
_LINK = "run"
_BASE_BYTES = 45  # leaves room for the names of folder and socket within a socket path's 107


def private_folder(path: Path) -> Path:
    """Make a folder, if it is not there, that nobody else may enter.

    :raises NetworkError: when something else is there
    """
    if path.exists() and not path.is_dir():
        raise NetworkError(f"{path} should be a folder and is none: move it away")
    path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    path.chmod(FOLDER_MODE)
    return path


def keep(path: Path, content: bytes, mode: int = FILE_MODE) -> bool:
    """Make sure that a file has this content; say whether it had to be written."""
    if path.is_file() and path.read_bytes() == content:
        return False
    write_atomically(path, [content], mode=mode)
    return True


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Give a folder to build something in before it is renamed to its place."""
    sweep(parent)
    scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=parent))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def sweep(parent: Path) -> None:
    """Remove what processes that were killed were building in a folder."""
    for left in parent.glob(f"{_SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)


def runtime_folder(folder: Path) -> Path:
    """Make the short folder for sockets of a network or host, whose own path may be too long.

    A Unix socket's path has at most 107 bytes. The folder's `run` is a link to it, so that it is
    found from sessions with another environment too.

    :raises NetworkError: when somebody else has put something there
    """
    place = runtime_place(folder)
    place.mkdir(mode=FOLDER_MODE, exist_ok=True)
    found = place.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise NetworkError(f"{place} is not this user's folder: remove it, or set XDG_RUNTIME_DIR")
    place.chmod(FOLDER_MODE)
    _link(folder / _LINK, place)
    return place


def runtime_place(folder: Path) -> Path:
    """Say where that folder is, or would be."""
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    name = f"flnode-{os.getuid()}-{digest}"
    link = folder / _LINK
    if link.is_symlink() and link.is_dir() and link.readlink().name == name:  # else it was copied
        return link.readlink()
    return _base() / name


def forget_runtime(folder: Path) -> None:
    """Remove that folder, with what is left in it."""
    shutil.rmtree(runtime_place(folder), ignore_errors=True)
    (folder / _LINK).unlink(missing_ok=True)


def _base() -> Path:
    for given in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir()):
        if given and len(os.fsencode(given)) <= _BASE_BYTES and Path(given).is_dir():
            return Path(given)
    return Path("/tmp")  # noqa: S108  a folder of its own is made there, and checked


def _link(link: Path, place: Path) -> None:
    if link.is_symlink() and link.readlink() == place:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(place)
