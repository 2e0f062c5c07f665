"""Kubo 0.40.1 in a private swarm: repository, configuration, command."""

import json
import os
import secrets
import subprocess
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from fl_node.canonical import parse_json
from fl_node.errors import CanonicalError, DaemonError
from fl_node.network.host import Host
from fl_node.network.private import FILE_MODE, FOLDER_MODE, keep, scratch_folder
from fl_node.network.toolchain import last_line

FOLDER = "ipfs"
SWARM_KEY = "swarm.key"
_CONFIG = "config"
_KEY_BYTES = 32
# Without a key a daemon with this refuses to start, instead of joining the public network.
ENVIRONMENT = {"LIBP2P_FORCE_PNET": "1", "IPFS_TELEMETRY": "off"}


def new_swarm_key() -> bytes:
    """Draw a swarm's key and give its file's content (libp2p's PSK, version 1)."""
    return f"/key/swarm/psk/1.0.0/\n/base16/\n{secrets.token_hex(_KEY_BYTES)}\n".encode()


def fingerprint(swarm_key: bytes) -> str:
    """Give what may be told about a swarm's key: members compare it."""
    return sha256(swarm_key).hexdigest()


def make_repository(binary: Path, place: Path) -> None:
    """Make an empty repository with a new identity, whole or not at all, if there is none.

    :param place: the host's folder
    :raises DaemonError: when Kubo refuses
    """
    repository = place / FOLDER
    if repository.is_dir():
        return
    with scratch_folder(place) as scratch:
        made = scratch / FOLDER
        done = subprocess.run(  # noqa: S603
            [str(binary), "init", "--empty-repo"],
            env=os.environ | ENVIRONMENT | {"IPFS_PATH": str(made)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise DaemonError(f"ipfs makes no repository in {place}: {last_line(done.stderr)}")
        made.chmod(FOLDER_MODE)
        made.replace(repository)


def peer_id(place: Path) -> str:
    """Read a repository's identity.

    :raises DaemonError: when its configuration cannot be read
    """
    return str(_read(place / FOLDER / _CONFIG)["Identity"]["PeerID"])


def configure(place: Path, host: Host, others: Iterable[Host]) -> bool:
    """Write what a private node needs into its configuration; say whether that changed it.

    :raises DaemonError: when its configuration cannot be read
    """
    path = place / FOLDER / _CONFIG
    found = _read(path)
    wanted = private_config(found, host, others)
    if wanted == found:
        return False
    return keep(path, json.dumps(wanted, indent=2).encode(), FILE_MODE)


def private_config(found: dict[str, Any], host: Host, others: Iterable[Host]) -> dict[str, Any]:
    """Give a configuration in which a node speaks to its peers by TCP and to nobody else."""
    return found | {
        "Addresses": {
            "API": f"/ip4/127.0.0.1/tcp/{host.ports.api}",
            "Gateway": [],
            "Swarm": [host.swarm_address],
            "Announce": [],
            "AppendAnnounce": [],
            "NoAnnounce": [],
        },
        "AutoConf": {"Enabled": False},
        "AutoNAT": {"ServiceMode": "disabled"},
        "AutoTLS": {"Enabled": False},
        "Bootstrap": [],
        "DNS": {"Resolvers": {}},
        "Discovery": {"MDNS": {"Enabled": False}},
        "HTTPRetrieval": {"Enabled": False},
        "Ipns": {"DelegatedPublishers": []},
        "Peering": {
            "Peers": [{"ID": each.peer_id, "Addrs": [each.swarm_address]} for each in others]
        },
        "Provide": {"Enabled": False},
        "Routing": {"Type": "none", "DelegatedRouters": []},
        "Swarm": _TCP_ONLY,
        "Version": {"SwarmCheckEnabled": False},
    }


_TCP_ONLY: dict[str, Any] = {
    "DisableNatPortMap": True,
    "EnableHolePunching": False,
    "RelayClient": {"Enabled": False},
    "RelayService": {"Enabled": False},
    "Transports": {
        "Network": {
            "QUIC": False,
            "Relay": False,
            "WebTransport": False,
            "WebRTCDirect": False,
            "Websocket": False,
        }
    },
}


def command(binary: Path) -> tuple[str, ...]:
    """Give the command line; the repository is named by ``IPFS_PATH``."""
    return (str(binary), "daemon", "--migrate=false")


def _read(path: Path) -> dict[str, Any]:
    try:
        found = parse_json(path.read_bytes())
    except (OSError, CanonicalError) as error:
        raise DaemonError(f"{path} is no configuration of Kubo: {error}") from error
    if not isinstance(found, dict):
        raise DaemonError(f"{path} is no configuration of Kubo: it should hold a JSON object")
    return found
