"""Commands for a private network: devnet, host, network."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fl_node.options import counted, examples, print_json, with_json

if TYPE_CHECKING:
    from fl_node.network.host import Network
    from fl_node.network.logs import Log
    from fl_node.network.state import State

_Command = TypeVar("_Command", bound=Callable[..., Any])
_DEVNET = Path("devnet")


def _with_folder(default: Path, text: str) -> Callable[[_Command], _Command]:
    return click.option(
        "--folder",
        "-C",
        type=click.Path(path_type=Path, file_okay=False),
        default=default,
        show_default=True,
        help=text,
    )


_of_devnet = _with_folder(_DEVNET, "The devnet's folder.")
_of_host = _with_folder(Path(), "The host's folder.")
_lines = click.option("--lines", "-n", default=20, show_default=True, help="Of each log.")
_follow = click.option("--follow", "-f", is_flag=True, help="Go on as more is written.")
_name = click.argument("name", required=False)


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

    done = up(folder, _say, nodes)
    state = state_of(folder, done.network, done.network.hosts)
    if as_json:
        _print_state(state, created=done.created, changed=done.changed)
        return
    _show(state)
    if not done.changed:
        click.echo("it was up already: nothing was changed")
    click.echo(_next_steps(folder, done.network))


@devnet.command("down", epilog=examples("flnode devnet down"))
@_of_devnet
@with_json
def devnet_down(folder: Path, as_json: bool) -> None:
    """Stop its daemons; keys, chain and store stay."""
    from fl_node.network.devnet import down

    _tell_down(folder, down(folder), as_json)


@devnet.command("status", epilog=examples("flnode devnet status", "flnode devnet status --json"))
@_of_devnet
@with_json
def devnet_status(folder: Path, as_json: bool) -> None:
    """Show what runs where; exit status 1 when it is not ready."""
    from fl_node.network.host import load_network
    from fl_node.network.state import state_of

    network = load_network(folder)
    _tell_state(state_of(folder, network, network.hosts), as_json)


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
    _tell(as_json, f"{folder} is deleted", {"folder": folder, "deleted": True})


@devnet.command("logs", epilog=examples("flnode devnet logs", "flnode devnet logs node-1-geth -f"))
@_name
@_of_devnet
@_lines
@_follow
def devnet_logs(name: str | None, folder: Path, lines: int, follow: bool) -> None:
    """Show what its daemons have written; NAME is a host's, or as in node-1-geth."""
    from fl_node.network.host import load_network
    from fl_node.network.logs import logs_of

    hosts = [each.name for each in load_network(folder).hosts]
    _print_logs(logs_of(folder, hosts, name), lines, follow)


@click.group()
def host() -> None:
    """Run this machine's part of a private network of several machines."""


@host.command("up", epilog=examples("flnode host up", "flnode host up --folder /srv/flnode/node-1"))
@_of_host
@with_json
def host_up(folder: Path, as_json: bool) -> None:
    """Bring its two daemons up; other hosts may come later."""
    from fl_node.network.machine import host_up as bring_up
    from fl_node.network.state import state_of

    done = bring_up(folder, _say)
    state = state_of(folder, done.network, [done.host])
    if as_json:
        _print_state(state, changed=done.changed)
        return
    _show(state)
    click.echo(f"it waits for {done.lacks}" if done.lacks else "the network is ready")


@host.command("down", epilog=examples("flnode host down"))
@_of_host
@with_json
def host_down(folder: Path, as_json: bool) -> None:
    """Stop its daemons; keys, chain and store stay."""
    from fl_node.network.machine import host_down as bring_down

    _tell_down(folder, bring_down(folder), as_json)


@host.command("status", epilog=examples("flnode host status --json"))
@_of_host
@with_json
def host_status(folder: Path, as_json: bool) -> None:
    """Show how its daemons are; exit status 1 when it is not ready."""
    from fl_node.network.machine import own_host
    from fl_node.network.state import state_of

    network, own = own_host(folder)
    _tell_state(state_of(folder, network, [own]), as_json)


@host.command("logs", epilog=examples("flnode host logs", "flnode host logs -f"))
@_name
@_of_host
@_lines
@_follow
def host_logs(name: str | None, folder: Path, lines: int, follow: bool) -> None:
    """Show what its daemons have written; NAME is as in node-1-geth."""
    from fl_node.network.logs import logs_of
    from fl_node.network.machine import own_host

    _print_logs(logs_of(folder, [own_host(folder)[1].name], name), lines, follow)


@click.command(epilog=examples("flnode network hosts.toml", "flnode network hosts.toml -C lab"))
@click.argument("hosts_file", metavar="HOSTS.toml", type=click.Path(path_type=Path))
@_with_folder(Path("network"), "Where the folders are written.")
@with_json
def network(hosts_file: Path, folder: Path, as_json: bool) -> None:
    """Write one folder for each machine of a private network.

    HOSTS.toml has a table [hosts] with a name and an IPv4 address a line: header, node-1, node-2.
    """
    from fl_node.network.build import find_daemon
    from fl_node.network.daemons import IPFS
    from fl_node.network.layout import write_network

    made, created = write_network(folder, hosts_file, find_daemon(IPFS, _say))
    if as_json:
        print_json({"folder": folder, "created": created, "network": made})
        return
    for each in made.hosts:
        click.echo(
            f"copy {folder / each.name} to {each.address} and run ./start there; it listens on "
            f"TCP {each.ports.p2p} (chain) and {each.ports.swarm} (store)"
        )
    click.echo(f"then delete the copies in {folder}: each holds its host's keys")


def _say(line: str) -> None:
    click.echo(line, err=True)


def _tell(as_json: bool, line: str, document: dict[str, Any]) -> None:
    if as_json:
        print_json(document)
    else:
        click.echo(line)


def _tell_down(folder: Path, ran: bool, as_json: bool) -> None:
    line = f"{folder} is down" if ran else f"{folder} was down already: nothing was changed"
    _tell(as_json, line, {"folder": folder, "changed": ran})


def _tell_state(state: "State", as_json: bool) -> None:
    if as_json:
        _print_state(state)
    else:
        _show(state)
        click.echo("ready" if state.ready else f"not ready: {state.lacks}")
    if not state.ready:
        raise SystemExit(1)


def _print_state(state: "State", **more: bool) -> None:
    keys = ("folder", "chain_id", "running", "ready", "lacks", "hosts")
    print_json({key: getattr(state, key) for key in keys} | more)


def _show(state: "State") -> None:
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


def _next_steps(folder: Path, made: "Network") -> str:
    place = "" if folder == _DEVNET else f" -C {folder}"
    nodes = [each.node for each in made.hosts if each.node is not None]
    lines = [
        f"flnode deploy examples/mnist.toml{place}",
        *(f"flnode train --node-id {node}{place}" for node in nodes),
        f"flnode aggregate{place}",
        f"flnode status --watch{place}",
    ]
    count = counted(len(lines), "line")
    return "\n".join(
        [f"next, {count}, each in its own terminal:", *(f"  {line}" for line in lines)]
    )


def _print_logs(logs: "list[Log]", lines: int, more: bool) -> None:
    from fl_node.network.logs import follow, last_lines

    for log in logs:
        for line in last_lines(log, lines):
            click.echo(f"{log.name}: {line}")
    if more:
        for log, line in follow(logs):
            click.echo(f"{log.name}: {line}")
