"""The public facts of a private network: its chain, and where each host's daemons are."""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fl_node.canonical import parse_json
from fl_node.errors import CanonicalError, NetworkError
from fl_node.files import write_atomically

NETWORK_FILE = "network.json"
HEADER = "header"
OWNER_KEYSTORE = "keys/owner.json"
PASSWORD = "keys/password"  # noqa: S105  a file's name
_NODE = re.compile(r"node-([1-9][0-9]{0,8})\Z")
_MAX_BYTES = 10_000_000
_LOOPBACK = "127.0.0.1"
# OverflowError: what JSON calls 1e999 is no whole number.
_NO_NETWORK = (
    OSError,
    CanonicalError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
)


@dataclass(frozen=True)
class Ports:
    """Where a host's daemons listen: RPC and API on loopback, the others on its address."""

    rpc: int
    p2p: int
    api: int
    swarm: int

    def all(self) -> tuple[int, int, int, int]:
        """Give the four of them."""
        return self.rpc, self.p2p, self.api, self.swarm


@dataclass(frozen=True)
class Host:
    """One member's pair of daemons.

    :ivar name: ``header`` or ``node-N``
    :ivar address: an IPv4 address that the other hosts reach
    :ivar account: signs for the header or the node
    :ivar sealer: signs blocks; owns nothing and is registered nowhere
    :ivar public_key: of the Geth node, 128 hexadecimal digits
    :ivar peer_id: of the Kubo node
    """

    name: str
    address: str
    ports: Ports
    account: str
    sealer: str
    public_key: str
    peer_id: str

    @property
    def node(self) -> int | None:
        """Give the node's id; None for the header."""
        return node_of(self.name)

    @property
    def enode(self) -> str:
        """Give the URL by which other Geth nodes find this one."""
        return f"enode://{self.public_key}@{self.address}:{self.ports.p2p}?discport=0"

    @property
    def swarm_address(self) -> str:
        """Give the multiaddress by which other Kubo nodes find this one."""
        return f"/ip4/{self.address}/tcp/{self.ports.swarm}"

    @property
    def chain(self) -> str:
        """Give the URL of its chain, as settings have it."""
        return f"http://{_LOOPBACK}:{self.ports.rpc}"

    @property
    def store(self) -> str:
        """Give its store, as settings have it."""
        return f"ipfs:/ip4/{_LOOPBACK}/tcp/{self.ports.api}"


@dataclass(frozen=True)
class Network:
    """A private network.

    :ivar owner: the account that the genesis funds for deployments
    :ivar sealers: those of the genesis; votes may have changed them since
    :ivar swarm_key: the SHA-256 of the swarm's key file, in hexadecimal digits
    """

    chain_id: int
    period_seconds: int
    owner: str
    sealers: tuple[str, ...]
    swarm_key: str
    hosts: tuple[Host, ...]

    def host(self, name: str) -> Host:
        """Look up a host.

        :raises NetworkError: when there is none of this name
        """
        for each in self.hosts:
            if each.name == name:
                return each
        raise NetworkError(f"no host {name!r}; there are: {', '.join(h.name for h in self.hosts)}")

    def others(self, name: str) -> tuple[Host, ...]:
        """Give the hosts of all other names."""
        return tuple(each for each in self.hosts if each.name != name)

    def moved(self, ports: Mapping[str, Ports]) -> "Network":
        """Give the same network with its daemons on these ports."""
        return replace(self, hosts=tuple(replace(h, ports=ports[h.name]) for h in self.hosts))


def node_of(name: str) -> int | None:
    """Give the node id in a host's name; None for the header.

    :raises NetworkError: for other names
    """
    found = _NODE.match(name)
    if name != HEADER and found is None:
        raise NetworkError(f"a host is called {HEADER} or node-1, node-2, …, found {name!r}")
    return int(found[1]) if found else None


def keystore_of(name: str) -> str:
    """Name a host's keystore, as seen from its folder."""
    return f"keys/{name}.json"


def checked_address(text: str) -> str:
    """Give an address that hosts can have.

    :raises NetworkError: when it is no IPv4 address, or names no single host
    """
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError as error:
        raise NetworkError(f"a host's address is like 192.0.2.1, found {text!r}") from error
    if address.is_unspecified or address.is_multicast:
        raise NetworkError(f"{text} is no address of one host: name the one that others reach")
    return str(address)


def holds_network(folder: Path) -> bool:
    """Say whether a network's facts are in this folder."""
    return (folder / NETWORK_FILE).is_file()


def network_bytes(network: Network) -> bytes:
    """Give the content of a network's file."""
    document = asdict(network)
    for host, said in zip(network.hosts, document["hosts"], strict=True):
        said |= said.pop("ports") | {"enode": host.enode, "swarm_address": host.swarm_address}
    return (json.dumps(document, indent=2) + "\n").encode()


def save_network(folder: Path, network: Network) -> None:
    """Write a network's facts, whole or not at all.

    :raises OSError: when they cannot be written
    """
    write_atomically(folder / NETWORK_FILE, [network_bytes(network)])


def load_network(folder: Path) -> Network:
    """Read a network's facts.

    :raises NetworkError: when the folder holds none, or they cannot be read
    """
    path = folder / NETWORK_FILE
    try:
        with path.open("rb") as stream:
            return _network(parse_json(stream.read(_MAX_BYTES)))
    except FileNotFoundError as error:
        raise NetworkError(f"no network here: {path.absolute()} does not exist") from error
    except _NO_NETWORK as error:
        raise NetworkError(f"{path} is no network's file: {error!r}") from error


def _network(document: Mapping[str, Any]) -> Network:
    return Network(
        chain_id=int(document["chain_id"]),
        period_seconds=int(document["period_seconds"]),
        owner=str(document["owner"]),
        sealers=tuple(map(str, document["sealers"])),
        swarm_key=str(document["swarm_key"]),
        hosts=tuple(map(_host, document["hosts"])),
    )


def _host(said: Mapping[str, Any]) -> Host:
    node_of(said["name"])
    ports = Ports(*(int(said[key]) for key in ("rpc", "p2p", "api", "swarm")))
    texts = {key: str(said[key]) for key in ("name", "account", "sealer", "public_key", "peer_id")}
    return Host(address=checked_address(said["address"]), ports=ports, **texts)
