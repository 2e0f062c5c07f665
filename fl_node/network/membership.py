"""A private network grows and shrinks: the folders and files that this takes.

The chain knows members by their accounts; funding, registering and removing those is the owner's.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from fl_node.errors import NetworkError
from fl_node.network import kubo
from fl_node.network.create import Site, check_sites, host_at
from fl_node.network.folder import hand_over, write_host
from fl_node.network.host import (
    HEADER,
    NETWORK_FILE,
    Host,
    Network,
    load_network,
    node_of,
    save_network,
)
from fl_node.network.identity import ensure_identity
from fl_node.network.private import keep, private_folder
from fl_node.network.supervision import processes, stop

_REMOVED = "removed"


@dataclass(frozen=True)
class Copy:
    """A file or folder that has to go to a host's machine, into the host's folder there.

    :ivar inside: where in the host's folder; empty for the folder itself
    """

    source: Path
    host: Host
    inside: str


@dataclass(frozen=True)
class Change:
    """What adding or removing a host has done.

    :ivar host: that was added or removed
    :ivar copies: what each machine needs before its daemons are started anew
    """

    network: Network
    host: Host
    copies: tuple[Copy, ...]


def add_host(folder: Path, name: str, site: Site, ipfs: Path) -> Change:
    """Write the folder of a host that joins, and tell the others' folders about it.

    Its sealer makes blocks once most sealers have voted it in; until then it follows the chain.

    :param folder: the network's
    :param ipfs: Kubo's binary, which makes the repository
    :raises FlnodeError: when the name or the place is taken, or something cannot be written
    """
    network = load_network(folder)
    if any(each.name == name for each in network.hosts):
        raise NetworkError(f"{name} is in the network already: take another name")
    node_of(name)
    sites = {each.name: Site(each.address, each.ports) for each in network.hosts}
    check_sites(sites | {name: site})
    joined = host_at(name, site, ensure_identity(folder / name, name, ipfs))
    grown = replace(network, hosts=(*network.hosts, joined))
    save_network(folder, grown)
    rewrite(folder, grown)
    others = [Copy(folder / NETWORK_FILE, each, NETWORK_FILE) for each in network.hosts]
    return Change(grown, joined, (Copy(folder / name, joined, ""), *others))


def remove_host(folder: Path, name: str) -> Change:
    """Take a host out, and draw a new swarm key that it never gets to see.

    Its folder here is put aside: the same name would come back with new keys.

    :param folder: the network's; when its daemons run here, they are stopped
    :raises FlnodeError: when there is no such host, or it is the header
    """
    network = load_network(folder)
    leaving = network.host(name)
    if name == HEADER or len(network.hosts) == 2:
        raise NetworkError(f"{name} cannot leave: a network has a header and at least one node")
    if processes(folder):
        stop(folder)
    key = kubo.new_swarm_key()
    rest = replace(network, hosts=network.others(name), swarm_key=kubo.fingerprint(key))
    keep(folder / kubo.SWARM_KEY, key)
    save_network(folder, rest)
    _put_aside(folder, name)
    rewrite(folder, rest)
    copies = [
        Copy(folder / source, each, inside)
        for each in rest.hosts
        for source, inside in (
            (NETWORK_FILE, NETWORK_FILE),
            (kubo.SWARM_KEY, f"{kubo.FOLDER}/{kubo.SWARM_KEY}"),
        )
    ]
    return Change(rest, leaving, tuple(copies))


def rewrite(folder: Path, network: Network) -> None:
    """Bring those hosts' folders that are here in line with the network's facts."""
    shared = len(network.hosts) - 1 if on_one_machine(network) else 1
    for host in network.hosts:
        if (folder / host.name).is_dir():
            hand_over(folder, folder / host.name)
            write_host(network, host, folder / host.name, local_nodes=shared)


def on_one_machine(network: Network) -> bool:
    """Say whether all hosts have the same address."""
    return len({each.address for each in network.hosts}) == 1


def _put_aside(folder: Path, name: str) -> None:
    if (folder / name).is_dir():
        aside = private_folder(folder / _REMOVED) / f"{name}-{time.time_ns()}"
        (folder / name).replace(aside)
