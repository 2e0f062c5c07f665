"""A folder is a host's, or a network's with several."""

import pytest

from fl_node.hosts import homes_of
from fl_node.network.host import Host, Network, Ports, save_network

NAMES = ("header", "node-1", "node-2", "node-10")


def network():
    hosts = tuple(
        Host(name, "127.0.0.1", Ports(1, 2, 3, 4), "0x1", "0x2", "k", f"peer of {name}")
        for name in NAMES
    )
    return Network(7, 1, "0x3", ("0x2",), "f", hosts)


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "devnet"
    for name in NAMES:
        (place / name).mkdir(parents=True)
        (place / name / "flnode.toml").write_text("")
    save_network(place, network())
    return place


def test_a_network_has_its_hosts_in_its_order(folder):
    assert homes_of(folder, None) == {name: folder / name for name in NAMES}


def test_a_host_that_lives_elsewhere_is_left_out(folder):
    (folder / "node-2" / "flnode.toml").unlink()
    assert "node-2" not in homes_of(folder, None)


def test_one_host_may_be_named(folder):
    assert homes_of(folder, "node-1") == {"node-1": folder / "node-1"}
    assert homes_of(folder / "node-1", None) == {"node-1": folder / "node-1"}


def test_without_a_folder_it_is_this_one_or_the_devnet_in_it(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert [*homes_of(None, None)] == list(NAMES)
    monkeypatch.chdir(folder / "node-1")
    assert [*homes_of(None, None)] == ["node-1"]


def test_a_folder_of_nothing_is_examined_all_the_same(tmp_path):
    assert homes_of(tmp_path, None) == {tmp_path.name: tmp_path}
