import tomllib
from pathlib import Path

import pytest

from fl_node.errors import DaemonError
from fl_node.network import geth
from tests.network.networks import network

MADE = network("10.0.0.1", "10.0.0.2", "10.0.0.3")
NODE = MADE.host("node-1")


def flags() -> dict[str, str]:
    words = list(geth.command(Path("/bin/geth"), NODE, Path("node-1"), Path("/run/x.ipc")))
    pairs = zip(words, [*words[1:], ""], strict=True)
    return {word: value for word, value in pairs if word.startswith("--")}


def test_a_node_dials_all_others_and_takes_nobody_else():
    p2p = tomllib.loads(geth.config_bytes(MADE, NODE).decode())["Node"]["P2P"]
    others = [MADE.host("header").enode, MADE.host("node-2").enode]
    assert p2p["StaticNodes"] == p2p["TrustedNodes"] == others
    assert (p2p["MaxPeers"], p2p["DialRatio"], p2p["NoDiscovery"]) == (1, 1, True)
    assert p2p["NetRestrict"] == ["10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32"]
    assert p2p["ListenAddr"] == "10.0.0.2:30304"


def test_rpc_is_on_loopback_with_what_members_need_and_no_more():
    found = flags()
    assert found["--http.addr"] == found["--authrpc.addr"] == "127.0.0.1"
    assert found["--http.api"] == "eth,net,web3"
    assert not [flag for flag in found if flag.startswith(("--ws", "--graphql", "--http.cors"))]


def test_a_killed_node_keeps_its_blocks_since_it_archives():
    assert flags()["--gcmode"] == "archive"


def test_the_command_line_names_files_and_holds_no_secret(tmp_path):
    found = flags()
    assert found["--password"] == "node-1/keys/password"
    assert found["--nodekey"] == "node-1/keys/nodekey"
    assert not {"--nodekeyhex", "--private-key"} & set(found)


def test_what_seals_is_the_sealer_and_no_member():
    found = flags()
    assert found["--unlock"] == found["--miner.etherbase"] == NODE.sealer != NODE.account


def test_a_chain_that_cannot_be_started_leaves_nothing(tmp_path):
    refusing = tmp_path / "geth"
    refusing.write_text("#!/bin/sh\nmkdir -p $2/geth\necho 'Fatal: no' >&2\nexit 1\n")
    refusing.chmod(0o700)
    place = tmp_path / "host"
    place.mkdir()
    with pytest.raises(DaemonError, match=r"geth refuses .*genesis\.json: Fatal: no"):
        geth.start_chain(refusing, place)
    assert list(place.rglob("*")) == [place / "geth"]
