"""CONTRIBUTING, CHANGELOG and the checkout agree."""

import re

import pytest

from fl_node import __version__
from tests.docs.pages import ROOT, code_of, table_column

PAGE = ROOT / "CONTRIBUTING.md"
CELLS = table_column(PAGE, "## To change X, open Y", 1)
PLACES = sorted({place for cell in CELLS for place in code_of(cell) if "/" in place})
TREE = re.search(r"^## The house\n+```\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)[1]


def tree_paths() -> list[str]:
    """Read the tree: two spaces an indent, a name, then what it is."""
    folders: list[str] = []
    paths = []
    for line in TREE.splitlines():
        depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[0]
        folders[depth:] = [name]
        paths.append("".join(folders))
    return paths


@pytest.mark.parametrize("place", PLACES)
def test_what_the_table_says_to_open_is_there(place):
    assert (ROOT / place).exists()


def test_the_table_says_what_to_open():
    assert len(CELLS) >= 8
    assert all(code_of(cell) for cell in CELLS)


@pytest.mark.parametrize("path", tree_paths())
def test_what_the_tree_names_is_there(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("folder", ["fl_node", "aggregator"])
def test_no_module_is_missing_from_the_tree(folder):
    named = set(tree_paths())
    modules = (ROOT / folder).glob("*.py")
    found = {str(each.relative_to(ROOT)) for each in modules if each.name != "__init__.py"}
    assert found <= named


def test_the_changelog_begins_with_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (\S+)", text, re.MULTILINE)[1] == __version__
