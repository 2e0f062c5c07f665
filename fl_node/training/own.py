"""A user's own data: ``.npz`` files, or what a function of theirs returns."""

import inspect
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.errors import DataError
from fl_node.training.dataset import Dataset
from fl_node.training.references import find_function, load_function, users_code

TEST = "test"
Arrays = Mapping[str, NDArray[Any]]


def from_function(
    reference: str, folder: Path, names: tuple[str, ...], *, node: int, nodes: int
) -> Dataset:
    """Call a function for one node's samples: it returns inputs and targets.

    The function gets the keywords ``node`` and ``nodes`` if it takes them. Inputs are an array, a
    sequence of arrays in the order of the model's inputs, or a mapping by the inputs' names.

    :raises DataError: when it returns anything else
    :raises SettingsError: when there is no such function
    """
    function = load_function(reference, folder)
    with users_code(reference):
        returned = function(**_accepted(function, node, nodes))
    return _dataset(reference, returned, names)


def test_from_function(reference: str, folder: Path, names: tuple[str, ...]) -> Dataset | None:
    """Call ``test_NAME`` beside the function ``NAME``, if there is one, without arguments."""
    where, _, name = reference.rpartition(":")
    function = find_function(f"{where}:{TEST}_{name}", folder)
    if function is None:
        return None
    with users_code(f"{where}:{TEST}_{name}"):
        returned = function()
    return _dataset(f"{where}:{TEST}_{name}", returned, names)


def from_files(path: Path, names: tuple[str, ...]) -> Dataset:
    """Read one ``.npz`` file, or all in a folder but those whose names start with ``test``.

    A file holds ``x`` and ``y``; with several inputs ``x_0``, ``x_1``, … or the inputs' names.

    :raises DataError: when there are no such files or arrays, or they hold objects
    """
    files = [path] if path.is_file() else _files(path, test=False)
    if not files:
        raise DataError(f"folder {path} was asked for, it holds no .npz file to train on")
    return _joined([_from_file(file, names) for file in files])


def test_from_files(path: Path, names: tuple[str, ...]) -> Dataset | None:
    """Read the ``.npz`` files of a folder whose names start with ``test``, if there are any."""
    files = [] if path.is_file() else _files(path, test=True)
    return _joined([_from_file(file, names) for file in files]) if files else None


def _accepted(function: Callable[..., Any], node: int, nodes: int) -> dict[str, int]:
    parameters = inspect.signature(function).parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return {"node": node, "nodes": nodes}
    given = {"node": node, "nodes": nodes}
    return {each.name: given[each.name] for each in parameters if each.name in given}


def _dataset(where: str, returned: object, names: tuple[str, ...]) -> Dataset:
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise DataError(f"{where} should return (inputs, targets), found {_kind(returned)}")
    inputs, targets = returned
    try:
        return Dataset(_inputs(where, inputs, names), np.asarray(targets))
    except ValueError as error:  # a ragged list
        raise DataError(f"{where} returned what is no array: {error}") from error


def _inputs(where: str, inputs: Any, names: tuple[str, ...]) -> tuple[NDArray[Any], ...]:
    if isinstance(inputs, Mapping):
        if set(inputs) != set(names):
            raise DataError(
                f"{where} should give the inputs {sorted(names)}, found {sorted(map(str, inputs))}"
            )
        return tuple(np.asarray(inputs[name]) for name in names)
    several = isinstance(inputs, tuple) or (isinstance(inputs, list) and len(names) > 1)
    return tuple(map(np.asarray, inputs)) if several else (np.asarray(inputs),)


def _kind(value: object) -> str:
    size = f" of {len(value)}" if isinstance(value, (tuple, list)) else ""
    return "nothing" if value is None else f"{type(value).__name__}{size}"


def _files(folder: Path, *, test: bool) -> list[Path]:
    return sorted(each for each in folder.glob("*.npz") if each.name.startswith(TEST) is test)


def _from_file(path: Path, names: tuple[str, ...]) -> Dataset:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            found = {key: arrays[key] for key in arrays.files}
    except (ValueError, OSError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is no .npz file of plain arrays: {error}") from error
    return _chosen(path, found, names)


def _chosen(path: Path, arrays: Arrays, names: tuple[str, ...]) -> Dataset:
    numbered = tuple(f"x_{i}" for i in range(len(names)))
    for keys in (("x",), numbered, names):
        if set(arrays) == {*keys, "y"}:
            return Dataset(tuple(arrays[key] for key in keys), arrays["y"])
    raise DataError(
        f"{path} should hold the arrays x and y (or {', '.join(numbered)}, or "
        f"{', '.join(names)} for x), found {', '.join(sorted(arrays)) or 'none'}"
    )


def _joined(parts: Iterable[Dataset]) -> Dataset:
    sets = list(parts)
    try:
        inputs = tuple(map(np.concatenate, zip(*(each.inputs for each in sets), strict=True)))
        return Dataset(inputs, np.concatenate([each.targets for each in sets]))
    except ValueError as error:
        raise DataError(f"the .npz files of one folder do not fit together: {error}") from error
