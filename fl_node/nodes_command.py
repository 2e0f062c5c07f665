"""Commands for who takes part: nodes join and leave, sealers vote."""

from pathlib import Path

import click

from fl_node.options import examples, print_json, say, with_folder, with_json

_VOTE_SECONDS = 30.0
_WEI_PER_ETHER = 10**18


@click.group(epilog=examples("flnode nodes add 3", "flnode nodes remove 3"))
def nodes() -> None:
    """Let nodes join and leave, as the federation's owner; let sealers vote on sealers."""


@nodes.command(
    "add",
    epilog=examples(
        "flnode nodes add 3",
        "flnode nodes add 3 --address 192.0.2.13",
        "flnode nodes add 3 --account 0xa3…07 -C host",
    ),
)
@click.argument("node", metavar="NODE")
@click.option("--account", help="Of a node that has one: it is registered, no folder is written.")
@click.option("--address", metavar="IPV4", help="Of the machine that its host will run on.")
@with_folder
@with_json
def nodes_add(
    node: str, account: str | None, address: str | None, folder: Path | None, as_json: bool
) -> None:
    """Admit NODE and say what is left to do.

    NODE is a number, or a name such as node-3. On a private network this writes the folder of its
    host and funds its account for 100,000 transactions. It counts from the next round on. The same
    command again changes nothing.
    """
    from fl_node.growth.nodes import add_node, number_of

    done = add_node(_owners_home(folder), number_of(node), account, address, say)
    if as_json:
        print_json(
            {
                "node": done.node,
                "account": done.account,
                "funded_wei": done.funded_wei,
                "registered": done.registered,
                "folder": done.folder,
                "steps": done.steps,
            }
        )
        return
    if done.funded_wei:
        click.echo(f"sent {done.funded_wei / _WEI_PER_ETHER:g} ether to {done.account}")
    click.echo(f"node {done.node} is {done.account}{_registration(done.registered)}")
    _print_steps(done.steps)


@nodes.command(
    "remove",
    epilog=examples("flnode nodes remove 3", "flnode nodes remove node-3 --reopen --json"),
)
@click.argument("node", metavar="NODE")
@click.option("--reopen", is_flag=True, help="Restart the open round if it waits for the node.")
@with_folder
@with_json
def nodes_remove(node: str, reopen: bool, folder: Path | None, as_json: bool) -> None:
    """Revoke NODE and say what is left to do.

    On a private network its sealer is voted out and the others get a new swarm key.
    """
    from fl_node.growth.nodes import number_of, remove_node

    done = remove_node(_owners_home(folder), number_of(node), say, reopen=reopen)
    if as_json:
        print_json(
            {
                "node": done.node,
                "revoked": done.revoked,
                "reopened": done.reopened,
                "voted_out": done.voted_out,
                "steps": done.steps,
            }
        )
        return
    click.echo(f"node {done.node} is {'revoked' if done.revoked else 'not registered'}")
    if done.reopened is not None:
        click.echo(f"round {done.reopened} began again without it")
    if done.voted_out:
        click.echo("its sealer makes no more blocks")
    _print_steps(done.steps)


@nodes.command(
    "vote",
    epilog=examples("flnode nodes vote node-3 in", "flnode nodes vote 0x8a…11 out -C host"),
)
@click.argument("sealer", metavar="HOST|ADDRESS")
@click.argument("direction", type=click.Choice(["in", "out"]))
@with_folder
@with_json
def nodes_vote(sealer: str, direction: str, folder: Path | None, as_json: bool) -> None:
    """Vote a host's sealer in or out, as the hosts that run here.

    More than half of the sealers have to vote alike; their votes go into the blocks that they seal,
    so it takes a few seconds. A vote is forgotten when its host's Geth is restarted before.
    """
    from fl_node.chain.ethereum import checksum_address
    from fl_node.growth.votes import vote, voters
    from fl_node.hosts import homes_of
    from fl_node.network.machine import own_host

    homes = homes_of(folder, None)
    hosts = voters(homes)
    if not sealer.startswith("0x"):
        sealer = own_host(next(iter(homes.values())))[0].host(sealer).sealer
    address = checksum_address(sealer)
    decided = vote(hosts, address, seals=direction == "in", seconds=_VOTE_SECONDS)
    if as_json:
        print_json({"sealer": address, "seals": direction == "in", "decided": decided})
        return
    told = "it is decided" if decided else "others have to vote alike before it counts"
    click.echo(f"{', '.join(hosts)} voted {address} {direction}: {told}")


def _owners_home(folder: Path | None) -> Path:
    from fl_node.config import settings_folder
    from fl_node.network.host import HEADER

    return settings_folder(folder, HEADER)


def _registration(now: bool) -> str:
    return ", and is registered from now on" if now else ""


def _print_steps(steps: tuple[str, ...]) -> None:
    for number, step in enumerate(steps, 1):
        click.echo(f"{number}. {step}")
