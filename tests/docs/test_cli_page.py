"""docs/cli.md and the commands' help."""

import subprocess
import sys

import click
import pytest

from tests.docs.pages import ROOT, leaves

LEAVES = leaves()


def test_the_page_is_what_make_docs_writes():
    # In a process of its own: click remembers the help options of whoever asked a command first.
    script = "import runpy, sys; sys.stdout.write(runpy.run_path(sys.argv[1])['cli_page']())"
    page = ROOT / "scripts" / "write_cli_docs.py"
    done = subprocess.run(
        [sys.executable, "-c", script, page], capture_output=True, check=True, timeout=120
    )
    written = (ROOT / "docs" / "cli.md").read_bytes()
    assert written == done.stdout, "run `make docs`"


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
