import json
from pathlib import Path

import pytest

from fl_node.errors import DaemonError
from fl_node.network import kubo
from tests.network.networks import network

MADE = network("10.0.0.1", "10.0.0.2", "10.0.0.3")
NODE = MADE.host("node-1")
FRESH = {
    "Identity": {"PeerID": "12D3KooW1", "PrivKey": "secret"},
    "Datastore": {"StorageMax": "10GB"},
    "Addresses": {"Swarm": ["/ip4/0.0.0.0/tcp/4001"], "Gateway": "/ip4/127.0.0.1/tcp/8080"},
    "Bootstrap": ["auto"],
    "Swarm": {"RelayClient": {}},
}


def configured():
    return kubo.private_config(FRESH, NODE, MADE.others(NODE.name))


def test_a_node_knows_its_peers_and_no_public_one():
    found = configured()
    assert found["Bootstrap"] == []
    assert found["Peering"]["Peers"] == [
        {"ID": "12D3KooW0", "Addrs": ["/ip4/10.0.0.1/tcp/4001"]},
        {"ID": "12D3KooW2", "Addrs": ["/ip4/10.0.0.3/tcp/4003"]},
    ]
    assert found["Routing"]["Type"] == "none"
    assert "auto" not in json.dumps(found)


def test_the_api_is_on_loopback_and_the_swarm_on_the_hosts_address_by_tcp():
    found = configured()
    assert found["Addresses"]["API"] == "/ip4/127.0.0.1/tcp/5002"
    assert found["Addresses"]["Swarm"] == ["/ip4/10.0.0.2/tcp/4002"]
    assert found["Addresses"]["Gateway"] == []
    assert not any(found["Swarm"]["Transports"]["Network"].values())


def test_identity_and_datastore_stay_and_a_second_time_changes_nothing():
    found = configured()
    assert (found["Identity"], found["Datastore"]) == (FRESH["Identity"], FRESH["Datastore"])
    assert kubo.private_config(found, NODE, MADE.others(NODE.name)) == found


def test_configuring_again_writes_nothing(tmp_path):
    (tmp_path / "ipfs").mkdir()
    (tmp_path / "ipfs" / "config").write_text(json.dumps(FRESH))
    assert kubo.configure(tmp_path, NODE, MADE.others(NODE.name))
    assert not kubo.configure(tmp_path, NODE, MADE.others(NODE.name))
    assert (tmp_path / "ipfs" / "config").stat().st_mode & 0o777 == 0o600
    assert kubo.peer_id(tmp_path) == "12D3KooW1"


def test_a_daemon_without_a_swarm_key_does_not_start():
    assert kubo.ENVIRONMENT["LIBP2P_FORCE_PNET"] == "1"


def test_a_swarm_key_is_random_and_in_the_form_that_libp2p_reads():
    key, other = kubo.new_swarm_key(), kubo.new_swarm_key()
    assert key != other
    top, kind, digits, end = key.decode().split("\n")
    assert (top, kind, end) == ("/key/swarm/psk/1.0.0/", "/base16/", "")
    assert len(bytes.fromhex(digits)) == 32
    assert kubo.fingerprint(key) != kubo.fingerprint(other)
    assert digits not in kubo.fingerprint(key)


@pytest.mark.parametrize("content", ["", "[]", "not json"])
def test_a_damaged_configuration_is_refused(tmp_path, content):
    (tmp_path / "ipfs").mkdir()
    (tmp_path / "ipfs" / "config").write_text(content)
    with pytest.raises(DaemonError, match="is no configuration of Kubo"):
        kubo.peer_id(tmp_path)


def test_no_word_of_the_command_line_is_a_secret():
    assert kubo.command(Path("/b/ipfs")) == ("/b/ipfs", "daemon", "--migrate=false")
