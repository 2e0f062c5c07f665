"""One machine's part of a private network: the daemons of one host's folder."""

import time
from dataclasses import dataclass
from pathlib import Path

from fl_node.errors import NetworkError
from fl_node.network import geth
from fl_node.network.build import find_daemon
from fl_node.network.daemons import GETH, IPFS, Say
from fl_node.network.folder import programs_of, require_swarm_key, write_host
from fl_node.network.host import Host, Network, keystore_of, load_network
from fl_node.network.locked import locked
from fl_node.network.ports import require_free
from fl_node.network.private import private_folder, runtime_place
from fl_node.network.readiness import missing, wait_until_answering
from fl_node.network.supervision import facts, processes, stop, supervise

READY_SECONDS = 60.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class HostUp:
    """What a call to bring a host up has done.

    :ivar lacks: what the network still waits for, such as other hosts; empty when it is ready
    """

    network: Network
    host: Host
    changed: bool
    lacks: str


def own_host(folder: Path) -> tuple[Network, Host]:
    """Say whose folder this is: the one host's whose keystore is there.

    :raises NetworkError: when it is no host's folder
    """
    network = load_network(folder)
    here = [each for each in network.hosts if (folder / keystore_of(each.name)).is_file()]
    if len(here) != 1:
        raise NetworkError(
            f"{folder} should hold the keystore of one host of its network, found {len(here)}: "
            "name a host's folder with --folder"
        )
    return network, here[0]


def host_up(folder: Path, say: Say, patience_seconds: float = 10.0) -> HostUp:
    """Make sure that a host's daemons run and answer.

    Other hosts may come later: what is still missing after a while is told, and no error.

    :param patience_seconds: how long to wait for the other hosts
    :raises FlnodeError: when the host's own daemons cannot be brought up
    """
    network, host = own_host(folder)
    require_swarm_key(network, folder)
    with locked(folder / "lock", f"the host in {folder}"):
        binary, ipfs = find_daemon(GETH, say), find_daemon(IPFS, say)
        private_folder(folder)
        if not processes(folder):
            stop(folder)  # what a killed supervisor has left
            require_free(host)
        write_host(network, host, folder, local_nodes=1)
        geth.start_chain(binary, folder)
        programs = programs_of(host, Path(), binary, ipfs, runtime_place(folder))
        changed = supervise(folder, programs, facts(network))
        wait_until_answering(host, READY_SECONDS)
    return HostUp(network, host, changed, _wait_for_others(network, host, patience_seconds))


def host_down(folder: Path) -> bool:
    """Stop a host's daemons; say whether any ran.

    :raises FlnodeError: when it is no host's folder, or they do not end
    """
    own_host(folder)
    with locked(folder / "lock", f"the host in {folder}"):
        return stop(folder)


def _wait_for_others(network: Network, host: Host, seconds: float) -> str:
    deadline = time.monotonic() + seconds
    while (lacks := missing(network, [host])) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return lacks
