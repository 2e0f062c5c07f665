"""References to a user's functions mean the same from any folder."""

from pathlib import Path

import pytest

from fl_node.errors import SettingsError
from fl_node.training.references import load_function, resolved


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text("def load():\n    return 7\n")
    return tmp_path


@pytest.mark.parametrize("reference", ["mine.py:load", "mine:load"])
def test_a_file_and_a_module_beside_the_plan_become_that_file(folder: Path, reference: str) -> None:
    assert resolved(reference, folder) == f"{folder / 'mine.py'}:load"
    assert load_function(resolved(reference, folder), Path("/"))() == 7


def test_an_installed_module_is_left_to_the_import_system(folder: Path) -> None:
    assert resolved("json:loads", folder) == "json:loads"
    assert load_function("json:loads", folder)("[1]") == [1]


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"file 'other\.py' was asked for"):
        resolved("other.py:load", folder)
