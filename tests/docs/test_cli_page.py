"""docs/cli.md and the commands' help."""

import runpy

import click
import pytest

from fl_node.cli import COMMANDS, flnode
from tests.docs.pages import ROOT

CONTEXT = click.Context(flnode, info_name="flnode")


def help_of(name: str) -> str:
    command = flnode.get_command(CONTEXT, name)
    return command.get_help(click.Context(command, info_name=name, parent=CONTEXT))


def test_the_page_is_what_make_docs_writes():
    script = runpy.run_path(str(ROOT / "scripts" / "write_cli_docs.py"))
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == script["cli_page"](), "run `make docs`"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_commands_help_says_what_it_does_and_gives_an_example(name):
    text = help_of(name)
    _, _, examples = text.partition("Examples:\n")
    assert f"flnode {name}" in examples
    assert text.splitlines()[2].strip()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_is_explained(name):
    options = flnode.get_command(CONTEXT, name).params
    assert [each.name for each in options if isinstance(each, click.Option) and not each.help] == []
