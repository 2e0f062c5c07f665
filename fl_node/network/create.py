"""Make a private network: the secrets of its hosts, its genesis, its facts."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fl_node.errors import NetworkError
from fl_node.network import geth, kubo
from fl_node.network.genesis import draw_chain_id, genesis_bytes
from fl_node.network.host import (
    HEADER,
    OWNER_KEYSTORE,
    Host,
    Network,
    Ports,
    checked_address,
    node_of,
    save_network,
)
from fl_node.network.identity import Identity, ensure_account, ensure_identity
from fl_node.network.private import keep, private_folder


@dataclass(frozen=True)
class Site:
    """Where a host's daemons will be."""

    address: str
    ports: Ports


def create_network(
    folder: Path, sites: Mapping[str, Site], ipfs: Path, *, period_seconds: int = 1
) -> Network:
    """Make a network's folder; what an interrupted attempt has made already stays as it is.

    The facts are written last: a folder that holds them is complete.

    :param sites: by name: the header and its nodes
    :param ipfs: Kubo's binary, which makes the repositories
    :raises FlnodeError: when the names are not a header and nodes, or something cannot be made
    """
    check_sites(sites)
    private_folder(folder)
    with ThreadPoolExecutor() as pool:
        made = dict(
            zip(sites, pool.map(lambda n: ensure_identity(folder / n, n, ipfs), sites), strict=True)
        )
    owner = ensure_account(folder / HEADER, OWNER_KEYSTORE)
    network = Network(
        chain_id=draw_chain_id(),
        period_seconds=period_seconds,
        owner=owner,
        sealers=tuple(each.sealer for each in made.values()),
        swarm_key=kubo.fingerprint(ensure_swarm_key(folder)),
        hosts=tuple(host_at(name, sites[name], made[name]) for name in sites),
    )
    funded = [owner, *(each.account for each in made.values())]
    keep(
        folder / geth.GENESIS,
        genesis_bytes(network.chain_id, period_seconds, network.sealers, funded),
    )
    save_network(folder, network)
    return network


def host_at(name: str, site: Site, identity: Identity) -> Host:
    """Put a host's name, place and identity together."""
    return Host(
        name=name,
        address=checked_address(site.address),
        ports=site.ports,
        account=identity.account,
        sealer=identity.sealer,
        public_key=identity.public_key,
        peer_id=identity.peer_id,
    )


def ensure_swarm_key(folder: Path) -> bytes:
    """Make the swarm's key, if it is not there, and give its file's content."""
    path = folder / kubo.SWARM_KEY
    if not path.exists():
        keep(path, kubo.new_swarm_key())
    return path.read_bytes()


def check_sites(sites: Mapping[str, Site]) -> None:
    """See that the hosts are a header and nodes, each with a place of its own.

    :raises NetworkError: when they are not
    """
    if HEADER not in sites or len(sites) == 1:
        raise NetworkError(f"a network has a header and at least one node, found {list(sites)}")
    for name in sites:
        node_of(name)
    seen: dict[tuple[str, int], str] = {}
    for name, site in sites.items():
        for port in site.ports.all():
            place = checked_address(site.address), port
            if place in seen:
                raise NetworkError(
                    f"{seen[place]} and {name} have the same port {port} on {site.address}: "
                    "give one another"
                )
            seen[place] = name
