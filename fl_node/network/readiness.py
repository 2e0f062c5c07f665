"""When a network is ready: chains peered, in step and sealing, the swarm fully meshed."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from fl_node.errors import DaemonError
from fl_node.network.host import Host, Network
from fl_node.network.probe import ask_geth, ask_kubo

_POLL_SECONDS = 0.05
# A sealed block is in time when it is at most this many periods old, with a second for the clock.
_FRESH_PERIODS = 3


@dataclass(frozen=True)
class Head:
    """What a Geth node says.

    :ivar number: of its newest block
    :ivar age_seconds: since that block's time
    """

    number: int
    digest: str
    age_seconds: float
    peers: int


def head_of(host: Host) -> Head:
    """Ask a host's Geth for its newest block and its peers.

    :raises DaemonError: when it does not answer
    """
    block = ask_geth(host.ports.rpc, "eth_getBlockByNumber", "latest", False)
    count = ask_geth(host.ports.rpc, "net_peerCount")
    with _as_asked("geth", host.ports.rpc):
        age = time.time() - int(block["timestamp"], 16)
        return Head(int(block["number"], 16), str(block["hash"]), age, int(count, 16))


def swarm_peers(host: Host) -> frozenset[str]:
    """Ask a host's Kubo which peers it is connected with.

    :raises DaemonError: when it does not answer
    """
    answer = ask_kubo(host.ports.api, "swarm/peers")
    with _as_asked("ipfs", host.ports.api):
        return frozenset(str(each["Peer"]) for each in answer["Peers"] or ())


@contextmanager
def _as_asked(daemon: str, port: int) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise DaemonError(
            f"{daemon} on port {port} answers with something else: {error!r}"
        ) from error


def missing(network: Network, hosts: Sequence[Host], beyond: int = 0) -> str:
    """Say what these hosts of a network still lack to be ready; empty when they are.

    Kubo nodes that do not know each other are connected on the way.

    :param beyond: the block that each chain has to be past
    """
    found = [_chain_lacks(network, host, beyond) or _swarm_lacks(network, host) for host in hosts]
    lacks = [each for each in found if each]
    if lacks:
        return "; ".join(lacks)
    return _step_lacks(hosts)


def highest_block(hosts: Sequence[Host]) -> int:
    """Give the number of the newest block that one of these hosts has; 0 when none answers."""
    found = [0]
    for host in hosts:
        with suppress(DaemonError):
            found.append(head_of(host).number)
    return max(found)


def wait_until_ready(
    network: Network, hosts: Sequence[Host], seconds: float, beyond: int = 0
) -> None:
    """Return when these hosts, all on this machine, are ready.

    :param beyond: the block that each chain has to be past
    :raises DaemonError: when they are not in time
    """
    deadline = time.monotonic() + seconds
    while lacks := missing(network, hosts, beyond):
        if time.monotonic() > deadline:
            raise DaemonError(f"the network is not ready after {seconds:.0f} s: {lacks}")
        time.sleep(_POLL_SECONDS)


def unpeered(network: Network) -> list[Host]:
    """Give the hosts whose Geth answers and lacks a peer."""
    found = []
    for host in network.hosts:
        with suppress(DaemonError):
            if head_of(host).peers < len(network.hosts) - 1:
                found.append(host)
    return found


def stands_still(network: Network) -> bool:
    """Tell whether every chain answers and none has a block of late."""
    try:
        heads = [head_of(host) for host in network.hosts]
    except DaemonError:
        return False
    return not any(_is_fresh(network, head) for head in heads)


def wait_until_answering(host: Host, seconds: float) -> None:
    """Return when a host's own daemons answer, whoever else is there.

    :raises DaemonError: when they do not in time
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            head_of(host)
            swarm_peers(host)
        except DaemonError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return


def wait_until_listening(hosts: Sequence[Host], seconds: float) -> None:
    """Return when the daemons of these hosts answer, or after so many seconds."""
    deadline = time.monotonic() + seconds
    for host in hosts:
        with suppress(DaemonError):
            wait_until_answering(host, deadline - time.monotonic())


def _chain_lacks(network: Network, host: Host, beyond: int) -> str:
    try:
        head = head_of(host)
    except DaemonError as error:
        return f"{host.name}: {error}"
    wanted = len(network.hosts) - 1
    if head.peers < wanted:
        return f"{host.name}: geth has {head.peers} of {wanted} peers"
    if head.number <= beyond or not _is_fresh(network, head):
        return f"{host.name}: no block is sealed since {head.number}"
    return ""


def _is_fresh(network: Network, head: Head) -> bool:
    return head.age_seconds <= _FRESH_PERIODS * network.period_seconds + 1


def _swarm_lacks(network: Network, host: Host) -> str:
    try:
        known = swarm_peers(host)
        unknown = [each for each in network.others(host.name) if each.peer_id not in known]
        for each in unknown:
            arg = f"{each.swarm_address}/p2p/{each.peer_id}"
            ask_kubo(host.ports.api, "swarm/connect", arg=arg)
    except DaemonError as error:
        return f"{host.name}: {error}"
    names = ", ".join(each.name for each in unknown)
    return f"{host.name}: ipfs is not connected with {names}" if unknown else ""


def _step_lacks(hosts: Sequence[Host]) -> str:
    """Compare the chains at the lowest of their heads: the block itself must be the same."""
    try:
        numbers = [head_of(host).number for host in hosts]
        lowest = hex(min(numbers))
        digests = {
            ask_geth(host.ports.rpc, "eth_getBlockByNumber", lowest, False)["hash"]
            for host in hosts
        }
    except DaemonError as error:
        return str(error)
    if len(digests) > 1 or max(numbers) - min(numbers) > 1:
        return f"the chains are not in step, their heads are {', '.join(map(str, numbers))}"
    return ""
