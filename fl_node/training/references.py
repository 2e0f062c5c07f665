"""Functions that a user names as ``module:function`` or ``file.py:function``."""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fl_node.errors import FlnodeError, SettingsError, UserCodeError
from fl_node.training.backend import quiet_start


def is_reference(text: str) -> bool:
    """Tell whether a text has the form of a reference."""
    where, colon, name = text.rpartition(":")
    return bool(where and colon and name.isidentifier())


def resolved(text: str, folder: Path) -> str:
    """Make the file of a reference absolute, so that it means the same from any folder.

    A module that is a file in the folder becomes that file; others are left to the import system.
    """
    where, _, name = text.rpartition(":")
    beside = folder / f"{where}.py"
    if where.isidentifier() and beside.is_file():
        return f"{beside.resolve()}:{name}"
    return f"{_file(where, folder)}:{name}" if where.endswith(".py") else text


def load_function(text: str, folder: Path) -> Callable[..., Any]:
    """Import the function that a reference names; this runs the user's own code.

    :param folder: what a relative file or a module is looked for in first, then the current folder
    :raises SettingsError: when there is no such file, module or function
    """
    function = find_function(text, folder)
    if function is None:
        raise SettingsError(f"{text!r} was asked for, there is no function of this name in it")
    return function


@contextmanager
def users_code(reference: str) -> Iterator[None]:
    """Make whatever a user's own code raises one line that says where.

    :raises UserCodeError: from the user's exception
    """
    try:
        yield
    except FlnodeError:
        raise
    except Exception as error:  # anything may come out of code that is not ours
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name} line {frame.lineno}"
        raise UserCodeError(
            f"{reference} raised {type(error).__name__}: {error} ({place}); flnode --debug shows "
            "how it came to that"
        ) from error


def find_function(text: str, folder: Path) -> Callable[..., Any] | None:
    """As :func:`load_function`, but give None when only the function is missing."""
    where, _, name = text.rpartition(":")
    if not is_reference(text):
        raise SettingsError(f"module:function or file.py:function was expected, found {text!r}")
    found = getattr(_module(where, folder), name, None)
    return found if callable(found) else None


def _module(where: str, folder: Path) -> Any:
    if where.endswith(".py"):
        return _module_of_file(_file(where, folder))
    with users_code(where), _importable(folder, Path.cwd()), quiet_start():
        try:
            return importlib.import_module(where)
        except ModuleNotFoundError as error:
            raise SettingsError(
                f"module {where!r} was asked for, found none called {error.name!r} in {folder} "
                "or the current folder: check the name, or install it"
            ) from error


def _module_of_file(path: Path) -> Any:
    name = f"flnode_user_{path.stem}_{abs(hash(str(path)))}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise SettingsError(f"{path} is no Python file")
        module = importlib.util.module_from_spec(spec)
        with users_code(path.name), _importable(path.parent), quiet_start():
            spec.loader.exec_module(module)
        sys.modules[name] = module
    return sys.modules[name]


def _file(where: str, folder: Path) -> Path:
    candidates = [(base / where).resolve() for base in (folder, Path.cwd())]
    for path in candidates:
        if path.is_file():
            return path
    raise SettingsError(f"file {where!r} was asked for, found none in {folder} or here")


@contextmanager
def _importable(*folders: Path) -> Iterator[None]:
    before = list(sys.path)
    sys.path[:0] = map(str, folders)
    try:
        yield
    finally:
        sys.path[:] = before
