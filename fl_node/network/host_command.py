"""Commands for private networks whose hosts are machines of their own."""

from pathlib import Path

import click

from fl_node.network.console import (
    print_logs,
    print_state,
    show,
    tell_down,
    tell_state,
    with_follow,
    with_lines,
    with_name,
    with_place,
)
from fl_node.options import examples, print_json, say, with_json

_of_host = with_place(Path(), "The host's folder.")


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

    done = bring_up(folder, say)
    state = state_of(folder, done.network, [done.host])
    if as_json:
        print_state(state, changed=done.changed)
        return
    show(state)
    click.echo(f"it waits for {done.lacks}" if done.lacks else "the network is ready")


@host.command("down", epilog=examples("flnode host down"))
@_of_host
@with_json
def host_down(folder: Path, as_json: bool) -> None:
    """Stop its daemons; keys, chain and store stay."""
    from fl_node.network.machine import host_down as bring_down

    tell_down(folder, bring_down(folder), as_json)


@host.command("status", epilog=examples("flnode host status --json"))
@_of_host
@with_json
def host_status(folder: Path, as_json: bool) -> None:
    """Show how its daemons are; exit status 1 when it is not ready."""
    from fl_node.network.machine import own_host
    from fl_node.network.state import state_of

    network, own = own_host(folder)
    tell_state(state_of(folder, network, [own]), as_json)


@host.command("logs", epilog=examples("flnode host logs", "flnode host logs -f"))
@with_name
@_of_host
@with_lines
@with_follow
def host_logs(name: str | None, folder: Path, lines: int, follow: bool) -> None:
    """Show what its daemons have written; NAME is as in node-1-geth."""
    from fl_node.network.logs import logs_of
    from fl_node.network.machine import own_host

    print_logs(logs_of(folder, [own_host(folder)[1].name], name), lines, follow)


@click.command(epilog=examples("flnode network hosts.toml", "flnode network hosts.toml -C lab"))
@click.argument("hosts_file", metavar="HOSTS.toml", type=click.Path(path_type=Path))
@with_place(Path("network"), "Where the folders are written.")
@with_json
def network(hosts_file: Path, folder: Path, as_json: bool) -> None:
    """Write one folder for each machine of a private network.

    HOSTS.toml has a table [hosts] with a name and an IPv4 address a line: header, node-1, node-2.
    """
    from fl_node.network.build import find_daemon
    from fl_node.network.daemons import IPFS
    from fl_node.network.layout import write_network

    made, created = write_network(folder, hosts_file, find_daemon(IPFS, say))
    if as_json:
        print_json({"folder": folder, "created": created, "network": made})
        return
    for each in made.hosts:
        click.echo(
            f"copy {folder / each.name} to {each.address} and run ./start there; it listens on "
            f"TCP {each.ports.p2p} (chain) and {each.ports.swarm} (store)"
        )
    click.echo(f"then delete the copies in {folder}: each holds its host's keys")
