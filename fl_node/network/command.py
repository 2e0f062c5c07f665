"""Commands for a whole private network on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl_node.config import DEVNET
from fl_node.network.console import (
    print_logs,
    print_state,
    show,
    tell,
    tell_down,
    tell_state,
    with_follow,
    with_lines,
    with_name,
    with_place,
)
from fl_node.options import examples, next_steps, say, with_json

if TYPE_CHECKING:
    from fl_node.network.host import Network

_DEVNET = Path(DEVNET)
_of_devnet = with_place(_DEVNET, "The devnet's folder.")


@click.group()
def devnet() -> None:
    """Run a whole private network on this machine: three Geth and three Kubo nodes, or more."""


@devnet.command("up", epilog=examples("flnode devnet up", "flnode devnet up --nodes 4 -C four"))
@_of_devnet
@click.option("--nodes", type=click.IntRange(min=1), help="Trainers; 2 in a new devnet.")
@with_json
def devnet_up(folder: Path, nodes: int | None, as_json: bool) -> None:
    """Bring it up, making it first if it is not there; return when it is ready.

    Again, it changes nothing. After a restart of the machine the same chain and store come back.
    """
    from fl_node.network.devnet import up
    from fl_node.network.state import state_of

    done = up(folder, say, nodes)
    state = state_of(folder, done.network, done.network.hosts)
    if as_json:
        print_state(state, created=done.created, changed=done.changed)
        return
    show(state)
    if not done.changed:
        click.echo("it was up already: nothing was changed")
    click.echo(_next_steps(folder, done.network))


@devnet.command("down", epilog=examples("flnode devnet down"))
@_of_devnet
@with_json
def devnet_down(folder: Path, as_json: bool) -> None:
    """Stop its daemons; keys, chain and store stay."""
    from fl_node.network.devnet import down

    tell_down(folder, down(folder), as_json)


@devnet.command("status", epilog=examples("flnode devnet status", "flnode devnet status --json"))
@_of_devnet
@with_json
def devnet_status(folder: Path, as_json: bool) -> None:
    """Show what runs where; exit status 1 when it is not ready."""
    from fl_node.network.host import load_network
    from fl_node.network.state import state_of

    network = load_network(folder)
    tell_state(state_of(folder, network, network.hosts), as_json)


@devnet.command("reset", epilog=examples("flnode devnet reset", "flnode devnet reset --yes"))
@_of_devnet
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_json
def devnet_reset(folder: Path, yes: bool, as_json: bool) -> None:
    """Stop it and delete its folder: keys, chain and store."""
    from fl_node.network.devnet import reset

    if not yes:
        click.confirm(f"delete {folder} with its keys, chain and store?", abort=True, err=True)
    reset(folder)
    tell(as_json, f"{folder} is deleted", {"folder": folder, "deleted": True})


@devnet.command("logs", epilog=examples("flnode devnet logs", "flnode devnet logs node-1-geth -f"))
@with_name
@_of_devnet
@with_lines
@with_follow
def devnet_logs(name: str | None, folder: Path, lines: int, follow: bool) -> None:
    """Show what its daemons have written; NAME is a host's, or as in node-1-geth."""
    from fl_node.network.host import load_network
    from fl_node.network.logs import logs_of

    hosts = [each.name for each in load_network(folder).hosts]
    print_logs(logs_of(folder, hosts, name), lines, follow)


def _next_steps(folder: Path, made: "Network") -> str:
    place = "" if folder == _DEVNET else f" -C {folder}"
    nodes = [each.node for each in made.hosts if each.node is not None]
    lines = [
        f"flnode deploy examples/mnist.toml{place}",
        *(f"flnode train --node-id {node}{place}" for node in nodes),
        f"flnode aggregate{place}",
        f"flnode status --watch{place}",
    ]
    return next_steps(lines)
