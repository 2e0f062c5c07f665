"""A network of several machines grows and shrinks from the header's, with real daemons."""

import os
import shutil
from dataclasses import asdict

import pytest

from fl_node.backup.host import back_up
from fl_node.doctor.examination import examine
from fl_node.errors import NetworkError
from fl_node.growth.nodes import add_node, remove_node
from fl_node.network.build import find_daemon
from fl_node.network.daemons import IPFS
from fl_node.network.host import Ports, load_network
from fl_node.network.layout import write_network
from fl_node.network.machine import host_down, host_up
from fl_node.network.ports import free_ports
from fl_node.network.readiness import missing
from fl_node.network.supervision import processes
from tests.network.networks import eventually

pytestmark = pytest.mark.slow

NAMES = ["header", "node-1"]


def quiet(_line):
    return None


def _far(place):
    """Give ports far from those that devnets take one after another."""
    first = 20_000 + 20 * (os.getpid() % 500) + place
    return Ports(first, first + 5, first + 10, first + 15)


@pytest.fixture
def machines(tmp_path):
    """The folders of two hosts, each copied to a place of its own, as to two machines."""
    ports = free_ports(NAMES, {name: _far(place) for place, name in enumerate(NAMES)})
    lines = [
        f"{name} = {{ address = '127.0.0.1', "
        + ", ".join(f"{key} = {port}" for key, port in asdict(ports[name]).items())
        + " }"
        for name in NAMES
    ]
    (tmp_path / "hosts.toml").write_text("\n".join(["[hosts]", *lines]))
    write_network(tmp_path / "network", tmp_path / "hosts.toml", find_daemon(IPFS, quiet))
    folders = {name: tmp_path / f"machine-{name}" / "flnode" for name in [*NAMES, "node-2"]}
    for name in NAMES:
        folders[name].parent.mkdir()
        shutil.copytree(tmp_path / "network" / name, folders[name])
    shutil.rmtree(tmp_path / "network")
    try:
        yield folders
    finally:
        for folder in folders.values():
            if folder.exists():
                host_down(folder)


def test_the_headers_machine_is_enough_to_let_nodes_join_and_leave(machines, tmp_path):
    header, first, second = machines.values()
    for home in (header, first):
        host_up(home, quiet)
    with pytest.raises(NetworkError, match="give its IPv4 address with --address"):
        add_node(header, 2, None, None, quiet)

    added = add_node(header, 2, None, "127.0.0.1", quiet)
    assert added.folder == header / "joining" / "node-2"
    assert (added.registered, added.funded_wei) == (False, 50 * 10**18)
    copy, tell, start, vote_in = added.steps
    assert copy.startswith(f"copy {added.folder} to 127.0.0.1 and delete it here")
    assert tell.startswith(f"copy {header}/joining/network.json into the folder of node-1 ")
    assert start == "on 127.0.0.1: ./start"
    assert "flnode nodes vote 0x" in vote_in
    second.parent.mkdir()
    added.folder.rename(second)
    shutil.copy(header / "joining" / "network.json", first)
    for home in (first, second):
        host_up(home, quiet)
    network = load_network(header)
    assert [each.name for each in network.hosts] == ["header", "node-1", "node-2"]
    eventually(lambda: missing(network, network.hosts) == "")
    assert all(check.ok for check in examine(second))

    removed = remove_node(header, 2, quiet)
    assert (removed.revoked, removed.voted_out) == (False, True)
    key = header / "joining" / "swarm.key"
    assert removed.steps[:2] == (
        f"copy {header}/joining/network.json and {key} to node-1 (127.0.0.1), "
        "the key into ipfs/ there",
        "then run ./start on node-1 (127.0.0.1)",
    )
    shutil.copy(header / "joining" / "network.json", first)
    shutil.copy(key, first / "ipfs" / "swarm.key")
    host_up(first, quiet)
    rest = load_network(header)
    assert [each.name for each in rest.hosts] == NAMES
    assert missing(rest, rest.hosts) == ""
    assert all(check.ok for check in examine(first))

    done = back_up(first, tmp_path / "node-1.tar", quiet)
    assert (done.stopped, done.manifest.host) == (True, "node-1")
    assert processes(first)
    assert all(check.ok for check in examine(first))
