"""A node written from docs/protocol.md alone, with plain TLS, talks to our provider's end."""

import json
import socket
import ssl
import struct
import threading

import pytest

from fl_node.split.channel.link import Desk, Greeting, Link
from tests.split.parties import ANA, PROVIDER, SECONDS, listening

SESSION = bytes(range(32))
GREETING, MESSAGE, WORD = b"\0", b"\1", b"\2"
HELLO = b"flnode split 1"


class PlainNode:
    """A node's end of the channel: lengths, kinds and JSON as the page has them."""

    def __init__(self, endpoint, folder):
        (folder / "keys.pem").write_bytes(ANA.tls_pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.load_verify_locations(cadata=PROVIDER.certificate)
        context.load_cert_chain(folder / "keys.pem")
        host, port = endpoint.split(":")
        plain = socket.create_connection((host, int(port)), timeout=SECONDS)
        self._tls = context.wrap_socket(plain)
        assert self._tls.getpeercert(binary_form=True) == PROVIDER.certificate

    def say(self, content):
        self._tls.sendall(struct.pack(">I", len(content)) + content)

    def hear(self):
        (size,) = struct.unpack(">I", self._read(4))
        return self._read(size)

    def close(self):
        self._tls.close()

    def _read(self, count):
        found = b""
        while len(found) < count:
            found += (more := self._tls.recv(count - len(found)))
            assert more, "the other end is gone"
        return found


class Provider(Desk):
    """The provider's side of epoch 2, which has sent three messages and holds one."""

    heard = None

    def greeting(self):
        return Greeting(SESSION, 2, 1, (0, 0))

    def sent_after(self, count):
        yield from [(b"first",), (b"sec", b"ond"), (b"third",)][count:]

    def greeted(self, greeting):
        self.heard = greeting

    def overtaken(self):
        raise AssertionError("the node is in no later epoch")


@pytest.fixture
def node(tmp_path):
    with listening() as server:
        made = PlainNode(server.endpoint, tmp_path)
        made.server = server
        yield made
        made.close()


def greeted(**changes):
    said = {"session": SESSION.hex(), "epoch": 2, "held": 1, "samples": [60_000, 10_000]}
    return GREETING + json.dumps(said | changes, indent=2).encode()


def test_a_hello_is_answered_with_a_hello_or_a_reason(node):
    node.say(HELLO + struct.pack(">I", 1))
    assert node.hear() == HELLO


def test_a_hello_of_a_number_that_announced_another_certificate_is_refused(node):
    node.say(HELLO + struct.pack(">I", 2))
    reason = node.hear().decode()
    assert reason.startswith("node 2 announced the certificate")


def test_who_greets_is_sent_what_it_does_not_hold_and_then_both_talk(node):
    node.say(HELLO + struct.pack(">I", 1))
    assert node.hear() == HELLO
    stream, desk, lines = node.server.accept(1, SECONDS), Provider(), []
    link = Link(lambda _: stream, deadline_seconds=SECONDS, check=lambda: None, say=lines.append)
    link.begin(desk)
    met = threading.Thread(target=link.connect)
    met.start()
    first = node.hear()
    assert first[:1] == GREETING
    assert json.loads(first[1:]) == {
        "session": SESSION.hex(),
        "epoch": 2,
        "held": 1,
        "samples": [0, 0],
    }
    node.say(WORD + b'{"of": "an epoch that is over"}')
    node.say(greeted(epoch=1))  # where it was before; it comes to this epoch later
    node.say(greeted())
    assert [node.hear(), node.hear()] == [MESSAGE + b"second", MESSAGE + b"third"]
    met.join(SECONDS)
    assert desk.heard == Greeting(SESSION, 2, 1, (60_000, 10_000))
    node.say(MESSAGE + b"leaf and body")
    assert link.receive() == b"leaf and body"
    node.say(WORD + b'{"root": "ab"}')
    assert link.hear(again={}) == {"root": "ab"}
    link.tell({"root": "cd"})
    said = node.hear()
    assert (said[:1], json.loads(said[1:])) == (WORD, {"root": "cd"})
    assert lines == []
