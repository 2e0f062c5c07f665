"""A host's folder: everything its daemons and its commands read, written from the facts."""

from dataclasses import replace
from pathlib import Path

from fl_node.config import FILE_NAME, Settings, load_settings, save_settings
from fl_node.errors import NetworkError
from fl_node.members import MEMBERS_FILE
from fl_node.network import geth, kubo
from fl_node.network.host import (
    NETWORK_FILE,
    OWNER_KEYSTORE,
    PASSWORD,
    Host,
    Network,
    keystore_of,
    network_bytes,
)
from fl_node.network.private import PROGRAM_MODE, keep, private_folder, sweep
from fl_node.network.supervision import Program

START = "start"
_START = b"""#!/bin/sh
# Start this host's daemons and return when they answer.
exec "${FLNODE:-flnode}" host up --folder "$(dirname "$0")" "$@"
"""


def write_host(network: Network, host: Host, place: Path, *, local_nodes: int) -> None:
    """Bring a host's folder in line with the network's facts.

    Settings that a user or a deployment made stay; only where the daemons listen is written anew.

    :param local_nodes: how many trainers share the host's machine
    :raises FlnodeError: when something there cannot be used
    """
    sweep(place)
    private_folder(place / "logs")
    keep(place / NETWORK_FILE, network_bytes(network))
    keep(place / geth.CONFIG, geth.config_bytes(network, host))
    kubo.configure(place, host, network.others(host.name))
    keep(place / START, _START, PROGRAM_MODE)
    _write_settings(host, place, local_nodes)
    if host.node is None:
        keep(place / MEMBERS_FILE, members_bytes(network))


def hand_over(source: Path, place: Path) -> None:
    """Copy the network's genesis and swarm key into a host's folder.

    :raises NetworkError: when the folder already belongs to another genesis
    """
    genesis = (source / geth.GENESIS).read_bytes()
    if keep(place / geth.GENESIS, genesis) and geth.has_chain(place):
        raise NetworkError(f"{place} holds the chain of another genesis: move it away")
    keep(place / kubo.FOLDER / kubo.SWARM_KEY, (source / kubo.SWARM_KEY).read_bytes())


def require_swarm_key(network: Network, place: Path) -> None:
    """See that a host has the swarm's key of today.

    :raises NetworkError: when it has none, or another
    """
    path = place / kubo.FOLDER / kubo.SWARM_KEY
    found = kubo.fingerprint(path.read_bytes()) if path.is_file() else "none"
    if found != network.swarm_key:
        raise NetworkError(
            f"{path} should have the SHA-256 {network.swarm_key[:16]}…, found {found[:16]}: "
            "copy the swarm's key from where the network was made"
        )


def members_bytes(network: Network) -> bytes:
    """Give the file that says who takes part, as a deployment reads it."""
    header = next(each for each in network.hosts if each.node is None)
    nodes = sorted((each.node, each.account) for each in network.hosts if each.node is not None)
    lines = [f'header = "{header.account}"', "", "[nodes]"]
    return "\n".join([*lines, *(f'{node} = "{account}"' for node, account in nodes), ""]).encode()


def programs_of(host: Host, place: Path, geth_binary: Path, ipfs: Path, run: Path) -> list[Program]:
    """Describe a host's two daemons.

    :param place: the host's folder, as seen from where the daemons run
    :param run: the folder for sockets
    """
    settings = kubo.ENVIRONMENT | {"IPFS_PATH": str(place / kubo.FOLDER)}
    logs = place / "logs"
    return [
        Program(
            f"{host.name}-geth",
            geth.command(geth_binary, host, place, run / f"{host.name}.ipc"),
            str(logs / "geth.log"),
        ),
        Program(f"{host.name}-ipfs", kubo.command(ipfs), str(logs / "ipfs.log"), settings),
    ]


def _write_settings(host: Host, place: Path, local_nodes: int) -> None:
    if (place / FILE_NAME).is_file():
        found = load_settings(place, {})
        wanted = replace(found, chain=host.chain, store=host.store)
        if wanted != found:
            save_settings(place, wanted)
        return
    settings = Settings(
        chain=host.chain,
        store=host.store,
        keystore=keystore_of(host.name),
        owner_keystore=OWNER_KEYSTORE if host.node is None else "",
        password_file=PASSWORD,
        local_nodes=local_nodes,
    )
    save_settings(place, settings)
