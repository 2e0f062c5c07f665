"""What the commands for a private network have in common: options, tables, logs."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fl_node.options import print_json

if TYPE_CHECKING:
    from fl_node.network.logs import Log
    from fl_node.network.state import State

_Command = TypeVar("_Command", bound=Callable[..., Any])

with_name = click.argument("name", required=False)
with_lines = click.option("--lines", "-n", default=20, show_default=True, help="Of each log.")
with_follow = click.option("--follow", "-f", is_flag=True, help="Go on as more is written.")


def with_place(default: Path, text: str) -> Callable[[_Command], _Command]:
    """Add ``--folder``: where a network or a host is."""
    return click.option(
        "--folder",
        "-C",
        type=click.Path(path_type=Path, file_okay=False),
        default=default,
        show_default=True,
        help=text,
    )


def tell(as_json: bool, line: str, document: dict[str, Any]) -> None:
    """Tell in a line, or as a document."""
    if as_json:
        print_json(document)
    else:
        click.echo(line)


def tell_down(folder: Path, ran: bool, as_json: bool) -> None:
    """Tell that daemons were stopped, or were not running."""
    line = f"{folder} is down" if ran else f"{folder} was down already: nothing was changed"
    tell(as_json, line, {"folder": folder, "changed": ran})


def tell_state(state: "State", as_json: bool) -> None:
    """Tell how daemons are; exit status 1 when something is missing."""
    if as_json:
        print_state(state)
    else:
        show(state)
        click.echo("ready" if state.ready else f"not ready: {state.lacks}")
    if not state.ready:
        raise SystemExit(1)


def print_state(state: "State", **more: bool) -> None:
    """Print how daemons are as one document."""
    keys = ("folder", "chain_id", "running", "ready", "lacks", "hosts")
    print_json({key: getattr(state, key) for key in keys} | more)


def show(state: "State") -> None:
    """Print how daemons are as a table."""
    rows = [("host", "geth", "block", "peers", "ipfs", "peers", "folder")]
    for each in state.hosts:
        chain, store = each.chain.removeprefix("http://"), each.store.split("/tcp/")[-1]
        rows.append(
            (
                each.name,
                chain if each.block is not None else each.geth.lower(),
                _or_dash(each.block),
                _or_dash(each.chain_peers),
                f"127.0.0.1:{store}" if each.swarm_peers is not None else each.ipfs.lower(),
                _or_dash(each.swarm_peers),
                str(_folder_of(state.folder, each.name)),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    click.echo(f"chain {state.chain_id}")
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _folder_of(folder: Path, name: str) -> Path:
    return folder / name if (folder / name).is_dir() else folder


def _or_dash(number: int | None) -> str:
    return "-" if number is None else str(number)


def print_logs(logs: "list[Log]", lines: int, more: bool) -> None:
    """Print the last lines of logs, and go on with what is written if asked."""
    from fl_node.network.logs import follow, last_lines

    for log in logs:
        for line in last_lines(log, lines):
            click.echo(f"{log.name}: {line}")
    if more:
        for log, line in follow(logs):
            click.echo(f"{log.name}: {line}")
