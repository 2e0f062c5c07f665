"""The documents, taken apart: links, anchors, blocks, commands."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from fl_node.cli import flnode

ROOT = Path(__file__).parents[2]
_FOLDERS = ("", "contracts", "docs", "geth", "ipfs", "tests/vectors")
_BLOCK = re.compile(r"^```(?P<language>\S*)\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
_CODE = re.compile(r"`(?P<code>[^`\n]+)`")
_TOOLS = ("flnode", "make")


@dataclass(frozen=True)
class Block:
    """A fenced block, and the last line of prose above it."""

    language: str
    content: str
    caption: str


def pages() -> list[Path]:
    return [page for folder in _FOLDERS for page in sorted((ROOT / folder).glob("*.md"))] + sorted(
        (ROOT / "examples").rglob("*.md")
    )


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["language"], found["content"], _line_before(text, found.start()))
        for found in _BLOCK.finditer(text)
    ]


def links(page: Path) -> list[str]:
    return [found["target"] for found in _LINK.finditer(_prose(page))]


def anchors(page: Path) -> set[str]:
    """Give the anchors that headings get: lower case, no punctuation, hyphens for spaces."""
    titles = [found["title"] for found in _HEADING.finditer(_prose(page))]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def commands(page: Path) -> list[list[str]]:
    """Give every `flnode …` and `make …` that a page tells people to type, as words."""
    lines = [line for block in blocks(page) for line in typed_lines(block)]
    lines += [found["code"] for found in _CODE.finditer(_prose(page))]
    plain = [line.removeprefix(".venv/bin/") for line in lines]
    words = [shlex.split(part, comments=True) for line in plain for part in _parts(line)]
    return [each for each in words if len(each) > 1 and each[0] in _TOOLS]


def typed_lines(block: Block) -> list[str]:
    """Give the lines that are typed: after `$ ` in `console`, all in `sh` and without a name."""
    lines = block.content.splitlines()
    if block.language == "console":
        return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return lines if block.language in ("sh", "") else []


def table_column(page: Path, heading: str, column: int) -> list[str]:
    """Give the cells of one column of the first table below a heading."""
    _, _, below = page.read_text(encoding="utf-8").partition(f"{heading}\n")
    rows = re.findall(r"^\|(.+)\|$", below.split("\n#")[0], re.MULTILINE)
    return [row.split("|")[column].strip() for row in rows[2:]]


def leaves() -> dict[tuple[str, ...], tuple[click.Command, click.Context]]:
    """Give every command that does something, by its words after ``flnode``."""
    return dict(_leaves(flnode, click.Context(flnode, info_name="flnode"), ()))


def _leaves(
    group: click.Group, within: click.Context, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], tuple[click.Command, click.Context]]]:
    for name in group.list_commands(within):
        command = group.get_command(within, name)
        context = click.Context(command, info_name=name, parent=within)
        if isinstance(command, click.Group):
            yield from _leaves(command, context, (*path, name))
        else:
            yield (*path, name), (command, context)


def code_of(text: str) -> list[str]:
    return [found["code"] for found in _CODE.finditer(text)]


def _parts(line: str) -> Iterator[str]:
    for tool in _TOOLS:  # others' command lines are not looked at
        if line.startswith(f"{tool} "):
            yield from re.split(r" (?:\|\|?|&&|;) ", line)


def _prose(page: Path) -> str:
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def _line_before(text: str, place: int) -> str:
    lines = [line for line in text[:place].splitlines() if line.strip()]
    return lines[-1] if lines else ""
