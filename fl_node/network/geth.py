"""Geth 1.13.15 as a sealer of a private Clique chain: files, command, first start."""

import json
import subprocess
from pathlib import Path

from fl_node.errors import DaemonError
from fl_node.network.host import Host, Network
from fl_node.network.private import private_folder, scratch_folder
from fl_node.network.toolchain import last_line

FOLDER = "geth"
CONFIG = "geth/config.toml"
GENESIS = "genesis.json"
NODE_KEY = "keys/nodekey"
SEALER_KEYSTORE = "geth/keystore/sealer.json"
_CHAIN = "geth/geth"
# A tip of one wei is enough: what a sealer earns then buys nothing, though its key is unlocked.
_TIP_WEI = 1
_CACHE_MIB = 64
# Archive nodes need it, and a killed one keeps its blocks: the default rewinds to about genesis.
_STATE = ("--state.scheme", "hash")


def config_bytes(network: Network, host: Host) -> bytes:
    """Give the configuration file: who this node talks to, and nobody else.

    Trusted peers count beyond MaxPeers, which only says how many a node dials and how many it
    waits for before it synchronises: by default that takes 10 s.
    """
    peers = json.dumps([other.enode for other in network.others(host.name)])
    allowed = json.dumps(sorted({f"{each.address}/32" for each in network.hosts}))
    lines = [
        "[Node.P2P]",
        f'ListenAddr = "{host.address}:{host.ports.p2p}"',
        "NoDiscovery = true",
        f"MaxPeers = {most_dialled(len(network.hosts))}",
        "DialRatio = 1",
        f"StaticNodes = {peers}",
        f"TrustedNodes = {peers}",
        f"NetRestrict = {allowed}",
        "",
    ]
    return "\n".join(lines).encode()


def most_dialled(hosts: int) -> int:
    """Give MaxPeers: all others but one, so that one may be absent when a node synchronises."""
    return max(1, hosts - 2)


def command(binary: Path, host: Host, place: Path, socket: Path) -> tuple[str, ...]:
    """Give the command line; keys and passwords are in files that it names.

    :param place: the host's folder, as seen from where the command runs
    :param socket: for the owner's own administration, in a folder that nobody else may enter
    """
    return (
        str(binary),
        *("--config", str(place / CONFIG), "--datadir", str(place / FOLDER)),
        *("--nodekey", str(place / NODE_KEY), "--nat", "none", "--nodiscover"),
        *("--syncmode", "full", "--gcmode", "archive", *_STATE, "--cache", str(_CACHE_MIB)),
        *("--http", "--http.addr", "127.0.0.1", "--http.port", str(host.ports.rpc)),
        *("--http.api", "eth,net,web3", "--http.vhosts", "localhost"),
        *("--authrpc.addr", "127.0.0.1", "--authrpc.port", "0", "--ipcpath", str(socket)),
        *("--mine", "--miner.etherbase", host.sealer, "--miner.gasprice", str(_TIP_WEI)),
        *("--unlock", host.sealer, "--password", str(place / "keys" / "password")),
        "--allow-insecure-unlock",
    )


def has_chain(place: Path) -> bool:
    """Say whether a host's folder holds a chain."""
    return (place / _CHAIN).is_dir()


def start_chain(binary: Path, place: Path) -> None:
    """Write the genesis block into a host's folder, whole or not at all.

    :raises DaemonError: when Geth refuses
    """
    if has_chain(place):
        return
    private_folder(place / FOLDER)
    with scratch_folder(place) as scratch:
        asked = [str(binary), "--datadir", str(scratch), *_STATE, "init", str(place / GENESIS)]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            raise DaemonError(f"geth refuses {place / GENESIS}: {last_line(done.stderr)}")
        (scratch / "geth").replace(place / _CHAIN)
