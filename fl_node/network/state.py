"""How a network's daemons on this machine are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fl_node.errors import DaemonError
from fl_node.network.host import Host, Network
from fl_node.network.readiness import head_of, missing, swarm_peers
from fl_node.network.supervision import Running, processes

STOPPED = "STOPPED"


@dataclass(frozen=True)
class HostState:
    """How a host's two daemons are.

    :ivar geth: supervisor's word for Geth, such as ``RUNNING``
    :ivar block: the newest block's number; None when Geth does not answer
    :ivar chain_peers: how many other Geth nodes it is connected with
    :ivar swarm_peers: how many other Kubo nodes; None when Kubo does not answer
    """

    name: str
    account: str
    chain: str
    geth: str
    geth_pid: int
    block: int | None
    chain_peers: int | None
    store: str
    ipfs: str
    ipfs_pid: int
    swarm_peers: int | None


@dataclass(frozen=True)
class State:
    """How a network is, as seen from this machine.

    :ivar lacks: what it still needs to be ready; empty when it is
    """

    folder: Path
    chain_id: int
    running: bool
    ready: bool
    lacks: str
    hosts: tuple[HostState, ...]


def state_of(folder: Path, network: Network, hosts: Sequence[Host]) -> State:
    """Look at the daemons of these hosts, which a supervisor in this folder runs."""
    known = {each.name: each for each in processes(folder)}
    lacks = missing(network, hosts) if known else "its daemons are stopped"
    return State(
        folder=folder,
        chain_id=network.chain_id,
        running=bool(known),
        ready=not lacks,
        lacks=lacks,
        hosts=tuple(_host_state(host, known) for host in hosts),
    )


def _host_state(host: Host, known: dict[str, Running]) -> HostState:
    stopped = Running("", STOPPED, 0)
    geth = known.get(f"{host.name}-geth", stopped)
    ipfs = known.get(f"{host.name}-ipfs", stopped)
    block, chain_peers = _chain(host) if geth.pid else (None, None)
    return HostState(
        name=host.name,
        account=host.account,
        chain=host.chain,
        geth=geth.state,
        geth_pid=geth.pid,
        block=block,
        chain_peers=chain_peers,
        store=host.store,
        ipfs=ipfs.state,
        ipfs_pid=ipfs.pid,
        swarm_peers=_swarm(host) if ipfs.pid else None,
    )


def _chain(host: Host) -> tuple[int | None, int | None]:
    try:
        head = head_of(host)
    except DaemonError:
        return None, None
    return head.number, head.peers


def _swarm(host: Host) -> int | None:
    try:
        return len(swarm_peers(host))
    except DaemonError:
        return None
