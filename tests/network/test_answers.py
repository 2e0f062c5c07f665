"""What daemons on this machine answer may be anything: their state, or one named error."""

import socket
from contextlib import ExitStack
from dataclasses import replace
from threading import Thread

import pytest

from fl_node.errors import DaemonError
from fl_node.network import sealers
from fl_node.network.host import Ports
from fl_node.network.readiness import head_of, swarm_peers
from fl_node.network.sealers import sealers_of
from tests.network.networks import network
from tests.network.test_probe import answering

OTHER = [
    b'{"result":null}',
    b'{"result":5}',
    b'{"result":{}}',
    b'{"result":"0x"}',
    b'{"result":[]}',
]


@pytest.mark.parametrize("content", OTHER)
def test_a_head_that_is_none_is_a_named_error(content):
    with answering(content) as (port, _), pytest.raises(DaemonError):
        head_of(replace(network().host("header"), ports=Ports(port, 1, 1, 1)))


@pytest.mark.parametrize(
    "content", [b"{}", b'{"Peers":5}', b'{"Peers":[5]}', b'{"Peers":[{}]}', b'{"Peers":{"a":1}}']
)
def test_peers_that_are_none_are_a_named_error(content):
    with answering(content) as (port, _), pytest.raises(DaemonError, match="something else"):
        swarm_peers(replace(network().host("header"), ports=Ports(1, 1, port, 1)))


@pytest.mark.parametrize(
    "content", [*OTHER[:4], b'{"result":[5]}', b"5", b"[]", b"null", b"", b"{", b"x" * 2_000_000]
)
def test_sealers_that_are_none_are_a_named_error(content, tmp_path, monkeypatch):
    monkeypatch.setattr(sealers, "runtime_place", lambda _: tmp_path)
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        server.bind(str(tmp_path / "header.ipc"))
        server.listen()
        thread = Thread(target=_answer_once, args=(server, content))
        thread.start()
        stack.callback(thread.join)
        with pytest.raises(DaemonError):
            sealers_of(tmp_path, "header")


def _answer_once(server, content):
    peer, _ = server.accept()
    with peer:
        peer.recv(65_536)
        try:
            peer.sendall(content + b"\n")
        except OSError:
            return  # it hung up, as it should
