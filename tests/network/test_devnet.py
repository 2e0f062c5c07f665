import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from fl_node.config import load_settings, save_settings
from fl_node.errors import NetworkError
from fl_node.network.devnet import down, reset, up
from fl_node.network.host import holds_network, load_network
from fl_node.network.private import runtime_place
from fl_node.network.probe import ask_geth
from fl_node.network.readiness import head_of, missing, wait_until_ready
from fl_node.network.supervision import family, processes
from tests.network.networks import eventually, heights, modes, store_text, stored_text

pytestmark = pytest.mark.slow


def nothing(line: str) -> None:
    """Take a line of progress."""


def pids(folder):
    return {each.name: each.pid for each in processes(folder)}


def test_it_comes_up_peered_in_step_sealing_and_meshed(devnet):
    folder, network = devnet
    assert missing(network, network.hosts) == ""
    assert set(pids(folder)) == {
        f"{name}-{daemon}" for name in ("header", "node-1", "node-2") for daemon in ("geth", "ipfs")
    }
    before = heights(network)
    eventually(lambda: min(heights(network)) > max(before) + 1)


def test_a_second_call_changes_nothing(devnet):
    folder, network = devnet
    daemons = pids(folder)
    changing = ("logs/", "/geth/geth/", "/ipfs/")
    files = {
        path: path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
        and path.name != "lock"
        and not any(part in str(path) for part in changing)
    }
    done = up(folder, nothing, 2)
    assert (done.created, done.changed, done.network) == (False, False, network)
    assert pids(folder) == daemons
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_another_size_is_refused(devnet):
    with pytest.raises(NetworkError, match=r"of 3 nodes was asked for, .* holds one of 2"):
        up(devnet[0], nothing, 3)


@pytest.mark.parametrize("daemon", ["node-1-geth", "node-1-ipfs", "header-geth"])
def test_a_killed_daemon_comes_back_and_has_lost_nothing(devnet, daemon):
    folder, network = devnet
    before, pid = max(heights(network)), pids(folder)[daemon]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: pids(folder)[daemon] not in (0, pid))
    wait_until_ready(network, network.hosts, 30)
    assert min(heights(network)) >= before


def test_down_and_up_bring_back_the_same_chain_and_store(devnet, ipfs):
    folder, network = devnet
    header, node = network.host("header"), network.host("node-1")
    cid = store_text(ipfs, node, "weights")
    before = head_of(header)
    socket_folder = runtime_place(folder)
    assert down(folder)
    assert not down(folder)
    assert family(folder) == []
    assert not socket_folder.exists()
    assert not up(folder, nothing).created
    found = ask_geth(header.ports.rpc, "eth_getBlockByNumber", hex(before.number), False)
    assert found["hash"] == before.digest
    assert head_of(header).number > before.number
    assert stored_text(ipfs, network.host("node-2"), cid) == "weights"


def test_after_a_restart_of_the_machine_a_new_call_brings_all_back(devnet):
    folder, network = devnet
    before = max(heights(network))
    for pid in family(folder):
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not family(folder))
    shutil.rmtree(runtime_place(folder))
    assert up(folder, nothing).network == network
    assert min(heights(network)) >= before


def test_nodes_that_did_not_find_each_other_are_started_anew(devnet, monkeypatch):
    folder, _ = devnet
    down(folder)
    monkeypatch.setattr("fl_node.network.devnet._TRY_SECONDS", 0.01)
    said = []
    network = up(folder, said.append).network
    assert [line for line in said if "the network is not ready after 0 s" in line]
    assert missing(network, network.hosts) == ""


def test_ports_that_others_have_taken_are_given_up_and_settings_follow(devnet):
    folder, network = devnet
    settings = load_settings(folder / "header", {})
    save_settings(folder / "header", replace(settings, federation="0x" + "12" * 20))
    down(folder)
    taken = network.host("header").ports
    with socket.socket() as rpc, socket.socket() as p2p:
        for other, port in ((rpc, taken.rpc), (p2p, taken.p2p)):
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))
            other.listen()
        moved = up(folder, nothing).network
        assert missing(moved, moved.hosts) == ""
    ports = moved.host("header").ports
    assert (ports.api, ports.swarm) == (taken.api, taken.swarm)
    assert ports.rpc != taken.rpc
    assert load_network(folder / "node-1") == moved
    found = load_settings(folder / "header", {})
    assert found.chain == f"http://127.0.0.1:{ports.rpc}"
    assert found.federation == "0x" + "12" * 20
    assert not up(folder, nothing).changed


def test_everything_is_closed_to_others(devnet):
    folder, _ = devnet
    assert folder.stat().st_mode & 0o777 == 0o700
    found = modes(folder)
    for name in ("header", "node-1", "node-2"):
        assert found[name] == found[f"{name}/keys"] == found[f"{name}/ipfs"] == 0o700
        for secret in (
            f"keys/{name}.json",
            "keys/password",
            "keys/nodekey",
            "geth/keystore/sealer.json",
            "ipfs/swarm.key",
            "ipfs/config",
        ):
            assert found[f"{name}/{secret}"] == 0o600, secret
    assert found["header/keys/owner.json"] == found["swarm.key"] == 0o600
    assert not (folder / "node-1" / "keys" / "owner.json").exists()


def test_settings_name_what_the_commands_need(devnet):
    folder, network = devnet
    settings = load_settings(folder / "node-2", {})
    assert (settings.chain, settings.store) == (
        network.host("node-2").chain,
        network.host("node-2").store,
    )
    assert (settings.keystore, settings.local_nodes) == ("keys/node-2.json", 2)
    assert load_settings(folder / "header", {}).owner_keystore == "keys/owner.json"
    assert not load_settings(folder / "node-1", {}).owner_keystore


def test_a_second_devnet_runs_beside_it_undisturbed(devnet, tmp_path):
    folder, network = devnet
    daemons = pids(folder)
    other = tmp_path.joinpath(*["quite-a-deep-folder"] * 8) / "100% mine"
    try:
        second = up(other, nothing, 1).network
        assert second.chain_id != network.chain_id
        used = {port for host in network.hosts for port in host.ports.all()}
        assert not used & {port for host in second.hosts for port in host.ports.all()}
    finally:
        reset(other)
    assert not other.exists()
    assert pids(folder) == daemons
    assert missing(network, network.hosts) == ""


BRING_UP = """
import sys
from pathlib import Path
from fl_node.network.devnet import up
up(Path(sys.argv[1]), print)
"""


@pytest.mark.parametrize(
    "reached",
    ["header/keys/password", "node-2/ipfs/config", "network.json", "header/geth/geth", "run"],
)
def test_what_a_killed_call_has_left_is_completed_by_the_next(tmp_path, reached):
    folder = tmp_path / "devnet"
    process = subprocess.Popen([sys.executable, "-c", BRING_UP, str(folder)])
    try:
        while not (folder / reached).exists():
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(0.001)
        process.kill()
        process.wait()
        keys = {path: path.read_bytes() for path in folder.glob("*/keys/*.json")}
        done = up(folder, nothing)
        assert missing(done.network, done.network.hosts) == ""
        assert {path: path.read_bytes() for path in keys} == keys
        assert not list(folder.rglob(".new-*"))
    finally:
        reset(folder)


def test_a_folder_that_holds_no_devnet_is_never_deleted(tmp_path):
    (tmp_path / "precious").touch()
    with pytest.raises(NetworkError, match="holds no devnet: nothing was deleted"):
        reset(tmp_path)
    assert (tmp_path / "precious").exists()
    assert not holds_network(tmp_path)
