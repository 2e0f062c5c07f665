"""Every command that a page names exists, with its options."""

import re
import shlex

import click
import pytest

from fl_node.cli import flnode
from tests.docs.pages import ROOT, commands, leaves, pages

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
NAMED = sorted({tuple(words) for page in pages() for words in commands(page)})
LEAVES = leaves()
TABLE = click.Context(flnode, info_name="flnode")


def check_flnode(words: list[str]) -> None:
    """Read a command line as click does, without running it.

    :raises click.UsageError: for an unknown command or option, or too many arguments
    """
    group, context = flnode, TABLE
    while isinstance(group, click.Group):
        _, words, _ = group.make_parser(context).parse_args(words)
        if not words:
            return
        name, group, words = group.resolve_command(context, words)
        context = click.Context(group, info_name=name, parent=context)
    _, left_over, _ = group.make_parser(context).parse_args(words)
    if left_over:
        raise click.UsageError(f"{context.command_path} takes no {left_over}")


@pytest.mark.parametrize("words", NAMED, ids=shlex.join)
def test_a_command_in_the_documents_exists(words):
    tool, *rest = words
    if tool == "make":
        assert {word for word in rest if "=" not in word} <= TARGETS
    else:
        check_flnode(rest)


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_an_example_in_a_commands_help_exists(path):
    epilog = LEAVES[path][0].epilog
    examples = [line.split(" | ")[0] for line in epilog.splitlines() if "  flnode " in line]
    assert examples
    for example in examples:
        check_flnode(shlex.split(example)[1:])


@pytest.mark.parametrize(
    "line", ["nothing", "demo --nodez 2", "audit one", "export a b", "nodes ad 3"]
)
def test_a_command_that_does_not_exist_is_found_out(line):
    with pytest.raises(click.UsageError):
        check_flnode(shlex.split(line))


def test_the_readme_and_the_quickstart_name_commands():
    for page in ("README.md", "docs/quickstart.md"):
        assert len(commands(ROOT / page)) > 3
