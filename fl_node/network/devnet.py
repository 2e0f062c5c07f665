"""A whole private network on this machine: up, down, how it is, away."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from fl_node.cache import cache_folder
from fl_node.errors import DaemonError, NetworkError
from fl_node.network import geth
from fl_node.network.build import find_daemon
from fl_node.network.daemons import GETH, IPFS, Say
from fl_node.network.folder import hand_over, programs_of, write_host
from fl_node.network.host import (
    HEADER,
    Network,
    Ports,
    holds_network,
    load_network,
    save_network,
)
from fl_node.network.locked import locked
from fl_node.network.ports import free_ports
from fl_node.network.private import private_folder, runtime_place
from fl_node.network.readiness import (
    highest_block,
    missing,
    stands_still,
    unpeered,
    wait_until_listening,
    wait_until_ready,
)
from fl_node.network.supervision import (
    RUNNING,
    Program,
    facts,
    family,
    processes,
    start_program,
    stop,
    stop_program,
    supervise,
)

DEFAULT_NODES = 2
READY_SECONDS = 40.0
_LISTEN_SECONDS = 15.0
_TRIES, _TRY_SECONDS = 3, 8.0
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Up:
    """What a call to bring a devnet up has done.

    :ivar created: the network is new
    :ivar changed: anything was written or started
    """

    network: Network
    created: bool
    changed: bool


def up(folder: Path, say: Say, nodes: int | None = None) -> Up:
    """Make sure that a devnet runs and is ready; make it when the folder holds none.

    Called again it changes nothing. What a killed call has left is completed.

    :param nodes: trainers of a new devnet, 2 if None; of one that is there it must be their number
    :raises FlnodeError: when it cannot be brought up
    """
    private_folder(folder)
    with locked(folder / "lock", f"the devnet in {folder}"):
        if holds_network(folder) and _runs(folder, load_network(folder)):
            return Up(_same_size(folder, nodes), created=False, changed=False)
        binaries = find_daemon(GETH, say), find_daemon(IPFS, say)
        private_folder(cache_folder() / "daemons")
        # Two devnets that start at once must not choose the same free ports.
        with locked(cache_folder() / "daemons" / "ports.lock", "a devnet that starts"):
            done = _bring_up(folder, nodes, *binaries, say)
            wait_until_listening(done.network.hosts, _LISTEN_SECONDS)
        # What was sealed before a restart may be fresh still: see a block from after it.
        beyond = 0 if done.created else highest_block(done.network.hosts)
        _wait_until_ready(folder, done.network, beyond, say)
        return done


def down(folder: Path) -> bool:
    """Stop a devnet's daemons; say whether any ran.

    :raises FlnodeError: when there is no devnet, or they do not end
    """
    load_network(folder)
    with locked(folder / "lock", f"the devnet in {folder}"):
        return stop(folder)


def reset(folder: Path) -> None:
    """Stop a devnet and delete its folder: keys, chain and store.

    :raises FlnodeError: when the folder holds no devnet, or its daemons do not end
    """
    if folder.exists() and not holds_network(folder) and not (folder / HEADER).is_dir():
        raise NetworkError(f"{folder} holds no devnet: nothing was deleted")
    if folder.exists():
        with locked(folder / "lock", f"the devnet in {folder}"):
            stop(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _bring_up(folder: Path, nodes: int | None, geth_binary: Path, ipfs: Path, say: Say) -> Up:
    created = not holds_network(folder)
    if created:
        network = _create(folder, DEFAULT_NODES if nodes is None else nodes, ipfs, say)
    else:
        network = _same_size(folder, nodes)
        _require_none_alone(folder, network)
        if not family(folder):
            network = _with_free_ports(folder, network, say)
    _write(folder, network, geth_binary)
    if not processes(folder):
        say("starting the daemons")
    programs = _programs(folder, network, geth_binary, ipfs)
    return Up(network, created, changed=supervise(folder, programs, facts(network)))


def _wait_until_ready(folder: Path, network: Network, beyond: int, say: Say) -> None:
    """Wait; two Geth nodes that dialled each other at once and both hung up need a new start.

    They would try again after 35 s; one that starts dials all others immediately. So it compares
    its chain with theirs, where each has sealed a first block of its own and none goes on.
    """
    for place in range(_TRIES):
        try:
            return wait_until_ready(network, network.hosts, _TRY_SECONDS, beyond)
        except DaemonError as error:
            say(str(error))
            still = network.hosts[place:] if stands_still(network) else ()
            for host in (*unpeered(network), *still)[:1]:
                stop_program(folder, f"{host.name}-geth")
                start_program(folder, f"{host.name}-geth")
    return wait_until_ready(network, network.hosts, READY_SECONDS, beyond)


def _require_none_alone(folder: Path, network: Network) -> None:
    for host in network.hosts:
        place = folder / host.name
        if processes(place):
            raise NetworkError(f"{place} runs by itself: flnode host down --folder {place}")


def _runs(folder: Path, network: Network) -> bool:
    states = processes(folder)
    if len(states) != 2 * len(network.hosts) or any(each.state != RUNNING for each in states):
        return False
    return not missing(network, network.hosts)


def _same_size(folder: Path, nodes: int | None) -> Network:
    network = load_network(folder)
    found = len(network.hosts) - 1
    if nodes not in (None, found):
        raise NetworkError(
            f"a devnet of {nodes} nodes was asked for, {folder} holds one of {found}: "
            "take another folder, or reset this one"
        )
    return network


def _create(folder: Path, nodes: int, ipfs: Path, say: Say) -> Network:
    names = [HEADER, *(f"node-{node}" for node in range(1, nodes + 1))]
    from fl_node.network.create import Site, create_network

    say(f"making keys, genesis and settings for {', '.join(names)} in {folder}")
    ports = free_ports(names, {})
    return create_network(folder, {name: Site(_LOOPBACK, ports[name]) for name in names}, ipfs)


def _with_free_ports(folder: Path, network: Network, say: Say) -> Network:
    had = {host.name: host.ports for host in network.hosts}
    ports = free_ports(list(had), had)
    if ports == had:
        return network
    for name in had:
        if ports[name] != had[name]:
            say(f"{name} moves to other ports, because some are taken: {_shown(ports[name])}")
    moved = network.moved(ports)
    save_network(folder, moved)
    return moved


def _shown(ports: Ports) -> str:
    return f"RPC {ports.rpc}, p2p {ports.p2p}, IPFS API {ports.api}, swarm {ports.swarm}"


def _write(folder: Path, network: Network, geth_binary: Path) -> None:
    def write(name: str) -> None:
        place = folder / name
        hand_over(folder, place)
        write_host(network, network.host(name), place, local_nodes=len(network.hosts) - 1)
        geth.start_chain(geth_binary, place)

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, [host.name for host in network.hosts]))


def _programs(folder: Path, network: Network, geth_binary: Path, ipfs: Path) -> list[Program]:
    run = runtime_place(folder)
    return [
        program
        for host in network.hosts
        for program in programs_of(host, Path(host.name), geth_binary, ipfs, run)
    ]
