"""What strangers are refused: on the chain, in the swarm, and on this machine."""

import json
import os
import shutil
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from fl_node.errors import DaemonError
from fl_node.network import kubo
from fl_node.network.genesis import genesis_bytes
from fl_node.network.geth import command as geth_command
from fl_node.network.geth import config_bytes, start_chain
from fl_node.network.host import Host, Ports
from fl_node.network.private import private_folder
from fl_node.network.probe import ask_geth, ask_kubo
from fl_node.network.readiness import missing, swarm_peers
from fl_node.network.supervision import processes, start_program, stop_program
from tests.network.networks import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
def stranger():
    """A host that the network does not know."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.socket()) for _ in range(4)]
        for each in taken:
            each.bind(("127.0.0.1", 0))
        ports = Ports(*(each.getsockname()[1] for each in taken))
    return Host("node-9", "127.0.0.1", ports, "", "0x" + "00" * 20, "ab" * 64, "12D3KooWx")


def run(command: list[str], log: Path, **settings: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as stream:
        return subprocess.Popen(command, stdout=stream, stderr=stream, env=os.environ | settings)


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(20)


def test_a_peer_with_another_genesis_is_refused_even_with_a_members_key(
    devnet, stranger, geth, tmp_path
):
    folder, network = devnet
    genesis = genesis_bytes(network.chain_id, 1, ["0x" + "01" * 20], [])
    (tmp_path / "genesis.json").write_bytes(genesis)
    start_chain(geth, tmp_path)
    (tmp_path / "geth" / "config.toml").write_bytes(config_bytes(network, stranger))
    private_folder(tmp_path / "keys")
    shutil.copy(folder / "node-2" / "keys" / "nodekey", tmp_path / "keys")
    command = [*geth_command(geth, stranger, tmp_path, tmp_path / "ipc"), "--verbosity", "5"]
    sealing = command.index("--mine")
    stop_program(folder, "node-2-geth")
    process = run([*command[:sealing], *command[-2:]], tmp_path / "log")
    try:
        # Geth dials the same peer again after 35 s at the earliest.
        eventually(lambda: "genesis mismatch" in (tmp_path / "log").read_text(), seconds=90)
        assert ask_geth(stranger.ports.rpc, "net_peerCount") == "0x0"
    finally:
        end(process)
        start_program(folder, "node-2-geth")
    eventually(lambda: missing(network, network.hosts) == "")


@pytest.mark.parametrize("key", ["another", "none"])
def test_a_peer_without_the_swarms_key_is_refused(devnet, stranger, ipfs, tmp_path, key):
    _, network = devnet
    kubo.make_repository(ipfs, tmp_path)
    kubo.configure(tmp_path, stranger, network.hosts)
    settings = {"IPFS_PATH": str(tmp_path / "ipfs"), "IPFS_TELEMETRY": "off"}
    if key == "another":
        (tmp_path / "ipfs" / "swarm.key").write_bytes(kubo.new_swarm_key())
    process = run(list(kubo.command(ipfs)), tmp_path / "log", **settings)
    try:
        eventually(lambda: "Daemon is ready" in (tmp_path / "log").read_text())
        for member in network.hosts:
            address = f"{member.swarm_address}/p2p/{member.peer_id}"
            with pytest.raises(DaemonError, match=r"refuses|does not answer"):
                ask_kubo(stranger.ports.api, "swarm/connect", arg=address)
        assert swarm_peers(stranger) == frozenset()
        known = kubo.peer_id(tmp_path)
        assert not any(known in swarm_peers(member) for member in network.hosts)
    finally:
        end(process)


def test_without_its_key_a_members_own_daemon_does_not_start(ipfs, tmp_path, stranger):
    kubo.make_repository(ipfs, tmp_path)
    kubo.configure(tmp_path, stranger, [])
    settings = kubo.ENVIRONMENT | {"IPFS_PATH": str(tmp_path / "ipfs")}
    process = run(list(kubo.command(ipfs)), tmp_path / "log", **settings)
    assert process.wait(20) != 0
    assert "private network was not configured" in (tmp_path / "log").read_text()


FORBIDDEN = [
    "admin_nodeInfo",
    "admin_addPeer",
    "personal_listAccounts",
    "personal_unlockAccount",
    "debug_traceBlockByNumber",
    "miner_stop",
    "txpool_content",
    "clique_propose",
    "engine_forkchoiceUpdatedV1",
]


@pytest.mark.parametrize("method", FORBIDDEN)
def test_a_neighbour_on_the_rpc_port_cannot_call(devnet, method):
    for each in devnet[1].hosts:
        with pytest.raises(DaemonError, match=f"the method {method} does not exist"):
            ask_geth(each.ports.rpc, method)


def test_a_neighbour_finds_one_account_that_owns_nothing_and_moves_nothing(devnet):
    _, network = devnet
    for each in network.hosts:
        accounts = ask_geth(each.ports.rpc, "eth_accounts")
        assert accounts == [each.sealer.lower()]
        assert ask_geth(each.ports.rpc, "eth_getBalance", each.sealer, "latest") == "0x0"
        for thief, words in (
            (each.sealer, "insufficient funds"),
            (each.account, "unknown account"),
        ):
            order = {"from": thief, "to": "0x" + "66" * 20, "value": "0x1"}
            with pytest.raises(DaemonError, match=words):
                ask_geth(each.ports.rpc, "eth_sendTransaction", order)


def test_members_and_owner_are_funded_and_sealers_are_not(devnet):
    _, network = devnet
    rpc = network.host("header").ports.rpc
    for account in (network.owner, *(each.account for each in network.hosts)):
        assert int(ask_geth(rpc, "eth_getBalance", account, "latest"), 16) == 10**24


def test_every_daemon_listens_on_loopback_only(devnet):
    folder, network = devnet
    sockets = listening()
    ports = set()
    for each in processes(folder):
        own = {link for link in map(_inode, Path(f"/proc/{each.pid}/fd").iterdir()) if link}
        for inode in own & set(sockets):
            address, port = sockets[inode]
            assert address == "0100007F", f"{each.name} listens on {address} port {port}"
            ports.add(port)
    assert {port for host in network.hosts for port in host.ports.all()} <= ports


def listening() -> dict[str, tuple[str, int]]:
    """Give address and port of every listening TCP and every UDP socket, by inode."""
    found = {}
    for kind, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == state:
                address, _, port = words[1].partition(":")
                found[words[9]] = (address, int(port, 16))
    return found


def _inode(link: Path) -> str:
    try:
        return str(link.readlink()).removeprefix("socket:[").removesuffix("]")
    except OSError:
        return ""


def test_no_secret_is_in_a_command_line_a_log_or_a_setting(devnet):
    folder, network = devnet
    secrets = [(folder / "swarm.key").read_text().split()[-1]]
    for each in network.hosts:
        keys = folder / each.name / "keys"
        secrets += [(keys / "password").read_text().strip(), (keys / "nodekey").read_text().strip()]
        config = json.loads((folder / each.name / "ipfs" / "config").read_text())
        secrets.append(config["Identity"]["PrivKey"])
    told = [Path(f"/proc/{each.pid}/cmdline").read_text() for each in processes(folder)]
    told += [Path(f"/proc/{each.pid}/environ").read_text() for each in processes(folder)]
    told += [path.read_text(errors="replace") for path in folder.rglob("*.log")]
    told += [path.read_text() for path in folder.rglob("*.toml")]
    told += [path.read_text() for path in folder.rglob("network.json")]
    told.append((folder / "supervisor.conf").read_text())
    assert len(secrets) == 10
    assert not [secret for secret in secrets if any(secret in text for text in told)]


def test_the_socket_for_administration_is_in_a_closed_folder(devnet):
    folder, network = devnet
    place = (folder / "run").resolve()
    assert place.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in place.glob("*.ipc")} == {f"{h.name}.ipc" for h in network.hosts}
