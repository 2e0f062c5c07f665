"""Hosts as machines of their own, and a devnet that grows and shrinks: with real daemons."""

import json
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from fl_node.errors import DaemonError, NetworkError
from fl_node.network.create import Site
from fl_node.network.devnet import down, reset, up
from fl_node.network.host import Network, load_network
from fl_node.network.host_command import host
from fl_node.network.layout import write_network
from fl_node.network.machine import host_down, host_up
from fl_node.network.membership import add_host, remove_host
from fl_node.network.ports import free_ports
from fl_node.network.readiness import head_of, missing
from fl_node.network.sealers import sealers_of, vote
from fl_node.network.supervision import processes
from tests.network.networks import eventually, heights, store_text, stored_text
from tests.network.test_command import run

pytestmark = pytest.mark.slow

NAMES = ["header", "node-1", "node-2"]


def nothing(line: str) -> None:
    """Take a line of progress."""


@pytest.fixture
def machines(tmp_path, ipfs):
    """The folders of three hosts, each copied to a place of its own, as to three machines."""
    ports = free_ports(NAMES, {})
    hosts = [
        f"{name} = {{ address = '127.0.0.1', "
        + ", ".join(f"{key} = {port}" for key, port in asdict(ports[name]).items())
        + " }"
        for name in NAMES
    ]
    (tmp_path / "hosts.toml").write_text("\n".join(["[hosts]", *hosts]))
    write_network(tmp_path / "network", tmp_path / "hosts.toml", ipfs)
    places = {name: tmp_path / f"machine of {name}" / "flnode" for name in NAMES}
    for name, place in places.items():
        subprocess.run(
            ["cp", "-a", "--parents", name, str(_made(place))], cwd=tmp_path / "network", check=True
        )
        (place / name).rename(place / "host")
    shutil.rmtree(tmp_path / "network")
    folders = {name: place / "host" for name, place in places.items()}
    try:
        yield folders
    finally:
        for folder in folders.values():
            host_down(folder)


def _made(place: Path) -> Path:
    place.mkdir(parents=True)
    return place


def test_three_machines_find_each_other_in_any_order_and_one_comes_back(machines, ipfs):
    first = host_up(machines["node-2"], nothing, patience_seconds=0.2)
    assert (first.changed, first.host.name) == (True, "node-2")
    assert first.lacks == "node-2: geth has 0 of 2 peers"
    host_up(machines["header"], nothing, patience_seconds=0.2)
    last = host_up(machines["node-1"], nothing, patience_seconds=30)
    assert last.lacks == ""
    again = host_up(machines["node-2"], nothing, patience_seconds=30)
    assert (again.changed, again.lacks) == (False, "")
    network = last.network
    assert missing(network, network.hosts) == ""
    cid = store_text(ipfs, network.host("node-1"), "weights")
    assert stored_text(ipfs, network.host("header"), cid) == "weights"
    _comes_back(machines["node-1"], network)


def _comes_back(folder: Path, network: Network) -> None:
    """Take one machine away: the others go on, and it catches up when it is back."""
    before = head_of(network.host("node-1")).number
    assert host_down(folder)
    assert not host_down(folder)
    eventually(lambda: head_of(network.host("header")).number > before + 3)
    assert host_up(folder, nothing, patience_seconds=30).lacks == ""
    assert missing(network, network.hosts) == ""


def test_a_machine_is_run_from_the_command_line(machines):
    place = str(machines["header"])
    status, out, err = run(host, "up", "-C", place)
    assert (status, err) == (0, "")
    assert "it waits for header: geth has 0 of 2 peers" in out
    status, out, _ = run(host, "up", "-C", place, "--json")
    assert (status, json.loads(out)["changed"]) == (0, False)
    status, out, _ = run(host, "status", "-C", place)
    assert status == 1
    assert "not ready: header: geth has 0 of 2 peers" in out
    assert "header-geth: " in run(host, "logs", "-C", place)[1]
    assert run(host, "down", "-C", place)[1] == f"{place} is down\n"


def test_a_machine_with_an_old_swarm_key_is_told_which_one_it_needs(machines):
    (machines["node-1"] / "ipfs" / "swarm.key").write_text("old")
    with pytest.raises(NetworkError, match=r"swarm\.key should have the SHA-256 .* copy the swarm"):
        host_up(machines["node-1"], nothing)
    assert processes(machines["node-1"]) == ()


def test_a_machine_whose_port_is_taken_is_told_so(machines):
    host_up(machines["header"], nothing, patience_seconds=0)
    network = load_network(machines["header"])
    copied = machines["header"].with_name("copy")
    shutil.copytree(machines["header"], copied, symlinks=True)
    port = network.host("header").ports.rpc
    with pytest.raises(NetworkError, match=f"header needs port {port} on 127.0.0.1"):
        host_up(copied, nothing)
    assert len(processes(machines["header"])) == 2


def test_a_devnet_whose_host_runs_by_itself_is_not_started_twice(growing):
    down(growing)
    host_up(growing / "node-1", nothing, patience_seconds=0)
    with pytest.raises(NetworkError, match=r"node-1 runs by itself: flnode host down --folder"):
        up(growing, nothing)
    host_down(growing / "node-1")
    assert up(growing, nothing).changed


@pytest.fixture
def growing(tmp_path):
    folder = tmp_path / "devnet"
    try:
        up(folder, nothing)
        yield folder
    finally:
        reset(folder)


def test_a_devnet_grows_by_a_host_that_seals_once_it_is_voted_in_and_shrinks_again(growing, ipfs):
    had = {each.name: each.ports for each in load_network(growing).hosts}
    ports = free_ports([*had, "node-3"], had)["node-3"]
    joined = add_host(growing, "node-3", Site("127.0.0.1", ports), ipfs).host
    grown = up(growing, nothing).network
    assert missing(grown, grown.hosts) == ""
    assert len(processes(growing)) == 8
    assert joined.sealer.lower() not in sealers_of(growing, "header")
    cid = store_text(ipfs, grown.host("header"), "weights")
    assert stored_text(ipfs, joined, cid) == "weights"

    _vote(growing, joined.sealer, seals=True)
    eventually(lambda: joined.sealer.lower() in sealers_of(growing, "node-3"), 30)
    goes_on(grown)

    _vote(growing, joined.sealer, seals=False)
    eventually(lambda: joined.sealer.lower() not in sealers_of(growing, "header"), 30)
    remove_host(growing, "node-3")
    rest = up(growing, nothing, 2).network
    assert [each.name for each in rest.hosts] == NAMES
    assert missing(rest, rest.hosts) == ""
    assert stored_text(ipfs, rest.host("node-1"), cid) == "weights"
    goes_on(rest)


def _vote(folder: Path, sealer: str, *, seals: bool) -> None:
    for name in NAMES:
        vote(folder, name, sealer, seals=seals)


def goes_on(network: Network) -> None:
    before = max(heights(network))
    eventually(lambda: min(heights(network)) > before + len(network.hosts))


def test_a_vote_at_a_host_that_is_down_says_so(tmp_path):
    with pytest.raises(DaemonError, match="is it up"):
        sealers_of(tmp_path, "header")
