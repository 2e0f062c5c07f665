import shutil

import pytest

from fl_node.config import load_settings
from fl_node.errors import KeystoreError, NetworkError
from fl_node.network.create import Site, check_sites, create_network
from fl_node.network.host import Ports, load_network
from fl_node.network.layout import write_network
from fl_node.network.machine import own_host
from fl_node.network.membership import add_host, remove_host
from fl_node.network.ports import USUAL
from tests.network.networks import modes

HOSTS = """
[hosts]
header = "10.0.0.1"
node-1 = "10.0.0.2"
node-2 = { address = "10.0.0.2", rpc = 9545, p2p = 31303, api = 6001, swarm = 5101 }
"""


@pytest.fixture
def hosts_file(tmp_path):
    path = tmp_path / "hosts.toml"
    path.write_text(HOSTS)
    return path


@pytest.fixture
def folder(tmp_path, hosts_file, ipfs):
    write_network(tmp_path / "network", hosts_file, ipfs)
    return tmp_path / "network"


def test_each_host_gets_a_folder_with_only_its_own_keys(folder):
    for name in ("header", "node-1", "node-2"):
        keys = {path.name for path in (folder / name / "keys").iterdir()}
        assert keys == {"nodekey", "password", f"{name}.json"} | (
            {"owner.json"} if name == "header" else set()
        )
    passwords = {path.read_text() for path in folder.glob("*/keys/password")}
    assert len(passwords) == 3


def test_each_folder_has_all_that_its_machine_needs(folder):
    network = load_network(folder)
    assert network.host("node-2").ports == Ports(9545, 31303, 6001, 5101)
    assert network.host("node-1").ports == USUAL
    for host in network.hosts:
        place = folder / host.name
        assert own_host(place) == (network, host)
        assert (place / "start").stat().st_mode & 0o777 == 0o700
        assert (place / "genesis.json").read_bytes() == (folder / "genesis.json").read_bytes()
        assert (place / "ipfs" / "swarm.key").read_bytes() == (folder / "swarm.key").read_bytes()
        settings = load_settings(place, {})
        assert (settings.chain, settings.local_nodes) == (host.chain, 1)
    assert (folder / "header" / "members.toml").is_file()
    assert not (folder / "node-1" / "members.toml").exists()


def test_nothing_of_it_is_open_to_others(folder):
    open_to_others = {path for path, mode in modes(folder).items() if mode & 0o077}
    public = ("network.json", "flnode.toml", "ipfs/blocks", "ipfs/datastore", "ipfs/version")
    assert not {path for path in open_to_others if not any(part in path for part in public)}
    for name in ("header", "node-1", "node-2"):
        assert (folder / name).stat().st_mode & 0o777 == 0o700


def test_writing_again_changes_nothing(folder, hosts_file, ipfs):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    _, created = write_network(folder, hosts_file, ipfs)
    assert not created
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_other_hosts_than_the_folder_s_are_refused(folder, hosts_file, ipfs):
    hosts_file.write_text(HOSTS.replace("10.0.0.1", "10.0.0.9"))
    with pytest.raises(NetworkError, match="holds a network of other hosts"):
        write_network(folder, hosts_file, ipfs)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("hosts = 1", "should have a table"),
        ("[hosts", "cannot be read as TOML"),
        ("[hosts]\nheader = 1", "header should have an address"),
        ('[hosts]\nheader = "x"', "a host's address is like"),
        ('[hosts]\nheader = "10.0.0.1"', "a header and at least one node"),
        ('[hosts]\nnode-1 = "10.0.0.1"\nnode-2 = "10.0.0.2"', "a header and at least one node"),
        ('[hosts]\nheader = "10.0.0.1"\nbob = "10.0.0.2"', "a host is called header or node-1"),
        (
            '[hosts]\nheader = "10.0.0.1"\nnode-1 = "10.0.0.1"',
            "have the same port 8545 on 10.0.0.1",
        ),
        ('period = 3\n[hosts]\nheader = "10.0.0.1"', "has 'period'; there are: hosts, period_seco"),
        ('period_seconds = 0\n[hosts]\nheader = "10.0.0.1"', "period_seconds is a whole number"),
        ('[hosts]\nheader = {address = "10.0.0.1", ws = 1}', "header has 'ws'; there are: address"),
        (
            '[hosts]\nheader = {address = "10.0.0.1", rpc = 1, api = 1}\nnode-1 = "10.0.0.2"',
            "header and header have the same port 1",
        ),
        ('[hosts]\nheader = {address = "10.0.0.1", rpc = 0}', "the port rpc is from 1 to 65535"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_refused(tmp_path, hosts_file, ipfs, content, words):
    hosts_file.write_text(content)
    with pytest.raises(NetworkError, match=words):
        write_network(tmp_path / "network", hosts_file, ipfs)
    assert not (tmp_path / "network" / "network.json").exists()


def test_a_keystore_that_does_not_open_stops_the_making(tmp_path, ipfs):
    sites = {"header": Site("10.0.0.1", USUAL), "node-1": Site("10.0.0.2", USUAL)}
    check_sites(sites)
    create_network(tmp_path / "one", sites, ipfs)
    create_network(tmp_path / "two", sites, ipfs)
    (tmp_path / "one" / "network.json").unlink()
    shutil.copy(tmp_path / "two/header/keys/password", tmp_path / "one/header/keys/password")
    with pytest.raises(KeystoreError, match="does not open with this password"):
        create_network(tmp_path / "one", sites, ipfs)


def test_a_folder_of_no_host_is_told_so(folder):
    with pytest.raises(NetworkError, match="should hold the keystore of one host"):
        own_host(folder)


def test_a_host_that_joins_gets_a_folder_and_the_others_learn_of_it(folder, ipfs):
    before = load_network(folder)
    change = add_host(folder, "node-3", Site("10.0.0.3", USUAL), ipfs)
    joined = change.host
    assert (joined.node, joined.address) == (3, "10.0.0.3")
    assert change.network == load_network(folder)
    assert change.network.hosts == (*before.hosts, joined)
    assert change.network.sealers == before.sealers
    assert joined.sealer not in before.sealers
    for each in change.network.hosts:
        place = folder / each.name
        assert load_network(place) == change.network
        config = (place / "geth" / "config.toml").read_text()
        assert (joined.enode in config) == (each.name != "node-3")
    assert f'3 = "{joined.account}"' in (folder / "header" / "members.toml").read_text()
    assert (folder / "node-3" / "genesis.json").read_bytes() == (
        folder / "genesis.json"
    ).read_bytes()
    assert [(copy.host.name, copy.inside) for copy in change.copies] == [
        ("node-3", ""),
        ("header", "network.json"),
        ("node-1", "network.json"),
        ("node-2", "network.json"),
    ]


@pytest.mark.parametrize(
    ("name", "address", "words"),
    [
        ("node-2", "10.0.0.3", "node-2 is in the network already"),
        ("header", "10.0.0.3", "header is in the network already"),
        ("guest", "10.0.0.3", "a host is called header or node-1"),
        ("node-3", "10.0.0.1", "have the same port 8545 on 10.0.0.1"),
        ("node-3", "nowhere", "a host's address is like"),
    ],
)
def test_who_cannot_join_is_told_why(folder, ipfs, name, address, words):
    before = load_network(folder)
    with pytest.raises(NetworkError, match=words):
        add_host(folder, name, Site(address, USUAL), ipfs)
    assert load_network(folder) == before
    assert not (folder / "node-3").exists()


def test_whoever_leaves_does_not_get_the_new_swarm_key(folder):
    before, key = load_network(folder), (folder / "swarm.key").read_bytes()
    change = remove_host(folder, "node-2")
    assert change.host == before.host("node-2")
    assert [each.name for each in change.network.hosts] == ["header", "node-1"]
    assert change.network.swarm_key != before.swarm_key
    new = (folder / "swarm.key").read_bytes()
    assert new != key
    for name in ("header", "node-1"):
        assert (folder / name / "ipfs" / "swarm.key").read_bytes() == new
        assert change.host.enode not in (folder / name / "geth" / "config.toml").read_text()
        assert change.host.peer_id not in (folder / name / "ipfs" / "config").read_text()
    (aside,) = (folder / "removed").iterdir()
    assert (aside / "ipfs" / "swarm.key").read_bytes() == key
    assert {(copy.host.name, copy.inside) for copy in change.copies} == {
        (name, inside)
        for name in ("header", "node-1")
        for inside in ("network.json", "ipfs/swarm.key")
    }


def test_the_same_name_comes_back_with_new_keys(folder, ipfs):
    left = remove_host(folder, "node-2").host
    back = add_host(folder, "node-2", Site("10.0.0.3", USUAL), ipfs).host
    assert back.name == left.name
    assert not {back.account, back.sealer, back.public_key, back.peer_id} & {
        left.account,
        left.sealer,
        left.public_key,
        left.peer_id,
    }


def test_a_network_keeps_its_header_and_a_node(folder):
    with pytest.raises(NetworkError, match="header cannot leave"):
        remove_host(folder, "header")
    remove_host(folder, "node-2")
    with pytest.raises(NetworkError, match="node-1 cannot leave"):
        remove_host(folder, "node-1")
