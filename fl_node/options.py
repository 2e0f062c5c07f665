"""What the commands have in common: the folder, and JSON for programs."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from fl_node.cid import Cid

_Command = TypeVar("_Command", bound=Callable[..., Any])


def with_folder(command: _Command) -> _Command:
    """Add ``--folder``: where the settings are, of one host or of a network of several."""
    return click.option(
        "--folder",
        "-C",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="FLNODE_FOLDER",
        help="The folder with flnode.toml, or a network's; default: here, then ./devnet.",
    )(command)


def with_json(command: _Command) -> _Command:
    """Add ``--json``: one JSON document on standard output, and nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def examples(*lines: str) -> str:
    """Give the end of a command's help: examples as one types them."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def next_steps(lines: Sequence[str]) -> str:
    """Say which commands come next, a line each."""
    count = counted(len(lines), "line")
    return "\n".join(
        [f"next, {count}, each in its own terminal:", *(f"  {line}" for line in lines)]
    )


def counted(count: int, noun: str) -> str:
    """Give ``1 round`` or ``2 rounds``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def say(line: str) -> None:
    """Tell a line of progress; standard output stays free for what was asked."""
    click.echo(line, err=True)


def print_json(document: Mapping[str, Any]) -> None:
    """Print a document, CIDs as text and dataclasses as objects."""
    click.echo(json.dumps(document, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, Cid | Path):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    raise TypeError(f"{value!r} has no JSON form")
