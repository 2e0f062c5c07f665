import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.errors import NetworkError
from fl_node.network.host import (
    NETWORK_FILE,
    Ports,
    checked_address,
    load_network,
    network_bytes,
    node_of,
    save_network,
)
from tests.network.networks import network

ports = st.builds(Ports, *[st.integers(1, 65535)] * 4)


@given(st.lists(ports, min_size=3, max_size=3), st.integers(1, 2**31), st.integers(1, 99))
def test_what_is_saved_is_loaded(tmp_path_factory, drawn, chain_id, period):
    folder = tmp_path_factory.mktemp("n")
    made = replace(network(), chain_id=chain_id, period_seconds=period)
    made = made.moved({each.name: port for each, port in zip(made.hosts, drawn, strict=True)})
    save_network(folder, made)
    assert load_network(folder) == made


def test_the_file_says_how_each_daemon_is_reached():
    said = json.loads(network_bytes(network("10.0.0.1", "10.0.0.2")))["hosts"][1]
    assert said["enode"] == f"enode://{'02' * 64}@10.0.0.2:30304?discport=0"
    assert said["swarm_address"] == "/ip4/10.0.0.2/tcp/4002"
    assert {key: said[key] for key in ("rpc", "p2p", "api", "swarm")} == {
        "rpc": 8546,
        "p2p": 30304,
        "api": 5002,
        "swarm": 4002,
    }


def test_settings_speak_to_loopback_wherever_the_host_is():
    node = network("10.0.0.1", "10.0.0.2").host("node-1")
    assert (node.chain, node.store) == (
        "http://127.0.0.1:8546",
        "ipfs:/ip4/127.0.0.1/tcp/5002",
    )


@pytest.mark.parametrize(("name", "node"), [("header", None), ("node-1", 1), ("node-120", 120)])
def test_a_name_says_which_node_it_is(name, node):
    assert node_of(name) == node


@pytest.mark.parametrize(
    "name",
    ["", "node", "node-0", "node-01", "Header", "node-1/../x", "node-1\n", "node-9999999999"],
)
def test_other_names_are_refused(name):
    with pytest.raises(NetworkError, match="a host is called header or node-1"):
        node_of(name)


@pytest.mark.parametrize("text", ["", "localhost", "0.0.0.0", "224.0.0.1", "::1", "10.0.0.256"])
def test_what_is_no_address_of_one_host_is_refused(text):
    with pytest.raises(NetworkError):
        checked_address(text)


def test_an_unknown_host_is_told_who_is_there():
    with pytest.raises(NetworkError, match=r"no host 'node-7'; there are: header, node-1, node-2"):
        network().host("node-7")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"chain_id": "x"}',
        "null",
        network_bytes(network()).decode().replace('"node-1"', '"../x"'),
        network_bytes(network()).decode().replace('"rpc": 8545', '"rpc": null'),
        network_bytes(network()).decode().replace('"127.0.0.1"', '"everywhere"'),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(tmp_path, content):
    (tmp_path / NETWORK_FILE).write_text(content)
    with pytest.raises(NetworkError) as caught:
        load_network(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_network_is_named(tmp_path):
    with pytest.raises(NetworkError, match=f"no network here: {tmp_path}"):
        load_network(tmp_path)


@pytest.mark.parametrize("chain_id", ["1e999", "-1e999", "NaN", "null", "9" * 5000, "[]"])
def test_a_number_that_is_none_is_refused(tmp_path, chain_id):
    save_network(tmp_path, network())
    place = tmp_path / NETWORK_FILE
    written = f'"chain_id": {network().chain_id}'
    assert written in place.read_text()
    place.write_text(place.read_text().replace(written, f'"chain_id": {chain_id}'))
    with pytest.raises(NetworkError):
        load_network(tmp_path)
