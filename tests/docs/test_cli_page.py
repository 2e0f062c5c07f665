"""docs/cli.md and the commands' help."""

import runpy

import click
import pytest

from tests.docs.pages import ROOT, leaves

LEAVES = leaves()


def test_the_page_is_what_make_docs_writes():
    script = runpy.run_path(str(ROOT / "scripts" / "write_cli_docs.py"))
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == script["cli_page"](), "run `make docs`"


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_a_commands_help_says_what_it_does_and_gives_an_example(path):
    command, context = LEAVES[path]
    text = command.get_help(context)
    _, _, examples = text.partition("Examples:\n")
    assert f"flnode {' '.join(path)}" in examples
    assert text.splitlines()[2].strip()


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_option_is_explained(path):
    options = LEAVES[path][0].params
    assert [each.name for each in options if isinstance(each, click.Option) and not each.help] == []
