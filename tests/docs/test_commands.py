"""Every command that a page names exists, with its options."""

import re
import shlex

import click
import pytest

from fl_node.cli import COMMANDS, flnode
from tests.docs.pages import ROOT, commands, pages

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
NAMED = sorted({tuple(words) for page in pages() for words in commands(page)})
TABLE = click.Context(flnode, info_name="flnode")


def check_flnode(words: list[str]) -> None:
    """Read a command line as click does, without running it.

    :raises click.UsageError: for an unknown command or option, or too many arguments
    """
    _, rest, _ = flnode.make_parser(TABLE).parse_args(words)
    if not rest:
        return
    name, command, arguments = flnode.resolve_command(TABLE, rest)
    context = click.Context(command, info_name=name, parent=TABLE)
    _, left_over, _ = command.make_parser(context).parse_args(arguments)
    if left_over:
        raise click.UsageError(f"{name} takes no {left_over}")


@pytest.mark.parametrize("words", NAMED, ids=shlex.join)
def test_a_command_in_the_documents_exists(words):
    tool, *rest = words
    if tool == "make":
        assert {word for word in rest if "=" not in word} <= TARGETS
    else:
        check_flnode(rest)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_an_example_in_a_commands_help_exists(name):
    epilog = flnode.get_command(TABLE, name).epilog
    examples = [line.split(" | ")[0] for line in epilog.splitlines() if "  flnode " in line]
    assert examples
    for example in examples:
        check_flnode(shlex.split(example)[1:])


@pytest.mark.parametrize("line", ["nothing", "demo --nodez 2", "audit one", "export a b"])
def test_a_command_that_does_not_exist_is_found_out(line):
    with pytest.raises(click.UsageError):
        check_flnode(shlex.split(line))


def test_the_readme_and_the_quickstart_name_commands():
    for page in ("README.md", "docs/quickstart.md"):
        assert len(commands(ROOT / page)) > 3
