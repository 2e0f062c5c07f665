"""What answers at the API's address may be anything: named errors, in time, in bounded memory."""

import itertools
import json
import resource
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest

from fl_node.cid import Cid
from fl_node.errors import (
    DigestMismatchError,
    FlnodeError,
    StoreError,
    StoreUnreachableError,
    TooLargeError,
    UnavailableError,
)
from fl_node.store.ipfs import IpfsStore
from tests.store.fake_api import Answering, content, fake_api, raw

CID = Cid.of_bytes(b"asked for")
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
MEBIBYTE = 1024**2
QUICK = (0.01, 0.01)


def trickle(first: bytes, then: bytes) -> Answering:
    """Send a byte every now and then: each wait is short, all together have no end."""

    def pieces() -> Iterator[bytes]:
        yield first
        for _ in range(600):
            time.sleep(0.05)
            yield then

    return raw(pieces)


def endless(first: bytes, then: bytes) -> Answering:
    return raw(lambda: itertools.chain([first], itertools.repeat(then)))


def fetch(api: str, folder, *, max_bytes: int = 100, timeout_seconds: float = 5) -> bytes:
    store = IpfsStore(api, folder, pauses_seconds=QUICK)
    return store.read(CID, max_bytes=max_bytes, timeout_seconds=timeout_seconds)


def peak_mebibytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def test_the_fake_daemon_would_be_believed_if_it_did_not_lie(tmp_path):
    with fake_api({"cat": content(b"asked for")}) as api:
        assert fetch(api, tmp_path) == b"asked for"


def test_other_bytes_are_not_taken(tmp_path):
    with (
        fake_api({"cat": content(b"something else")}) as api,
        pytest.raises(DigestMismatchError, match=f"{CID} .* {Cid.of_bytes(b'something else')}"),
    ):
        fetch(api, tmp_path)
    assert not list(tmp_path.rglob("Qm*"))


def test_another_name_for_what_was_put_is_not_taken(tmp_path):
    other = Cid.of_bytes(b"other")
    with fake_api({"add": content(json.dumps({"Hash": str(other)}).encode())}) as api:
        store = IpfsStore(api, tmp_path)
        with pytest.raises(DigestMismatchError, match=f"{CID} and calls it {other}"):
            store.put([b"asked for"])
    assert not list(tmp_path.rglob("Qm*"))


ENDLESS = {
    "one endless chunk": endless(CHUNKED + b"fffffffffff\r\n", bytes(MEBIBYTE)),
    "endless chunks": endless(CHUNKED, b"10000\r\n" + bytes(0x10000) + b"\r\n"),
    "a length without end": endless(
        HEAD + b"Content-Length: 999999999999\r\n\r\n", bytes(MEBIBYTE)
    ),
}


@pytest.mark.parametrize("answer", ENDLESS.values(), ids=ENDLESS)
def test_an_endless_file_is_too_large_in_bounded_memory(tmp_path, answer):
    before = peak_mebibytes()
    with fake_api({"cat": answer}) as api, pytest.raises(TooLargeError):
        fetch(api, tmp_path, max_bytes=50 * MEBIBYTE)
    assert peak_mebibytes() - before < 40
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


TRICKLES = {
    "a body": trickle(HEAD + b"Content-Length: 1000\r\n\r\n", b"x"),
    "one chunk": trickle(CHUNKED + b"ffff\r\n", b"x"),
    "a chunk's length": trickle(CHUNKED, b"0"),
    "a status line": trickle(b"", b"H"),
    "a header": trickle(HEAD + b"X-Long: ", b"x"),
    "headers": trickle(HEAD, b"X: x\r\n"),
    "hundred times continue": trickle(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("answer", TRICKLES.values(), ids=TRICKLES)
def test_a_trickle_does_not_outlast_the_deadline(tmp_path, answer):
    started = time.monotonic()
    with fake_api({"cat": answer}) as api:
        with pytest.raises(UnavailableError, match=f"{CID} did not come in"):
            fetch(api, tmp_path, timeout_seconds=0.5)
        assert time.monotonic() - started < 3


@pytest.mark.parametrize("silent", ["swarm/peers", "config/show"])
def test_a_daemon_that_is_slow_to_say_anything_is_away(tmp_path, silent):
    with (
        fake_api({silent: trickle(CHUNKED + b"ffff\r\n", b" ")}) as api,
        pytest.raises(StoreUnreachableError, match="not done in time"),
    ):
        fetch(api, tmp_path, timeout_seconds=0.5)


def test_a_crowd_of_peers_that_hang_does_not_outlast_the_deadline(tmp_path):
    peers = [{"ID": f"peer {number}", "Addrs": ["/ip4/10.0.0.1/tcp/1"]} for number in range(5000)]
    crowd = content(json.dumps({"Peering": {"Peers": peers}}).encode())
    started = time.monotonic()
    with (
        fake_api({"config/show": crowd, "swarm/connect": trickle(b"", b"H")}) as api,
        pytest.raises(StoreUnreachableError, match="0 peers connected and 5000 away"),
    ):
        fetch(api, tmp_path, timeout_seconds=1)
    assert time.monotonic() - started < 10


def test_a_peer_with_letters_that_no_text_has_is_one_that_cannot_be_connected(tmp_path):
    peers = content(b'{"Peering":{"Peers":[{"ID":"\\ud800","Addrs":["/ip4/\\udfff"]}]}}')
    answers = {"config/show": peers, "cat": content(b"asked for")}
    with fake_api(answers | {"swarm/connect": content(b"{}", status=500)}) as api:
        assert fetch(api, tmp_path) == b"asked for"


def test_an_error_in_the_place_of_an_answer_is_one(tmp_path):
    error = content(b'{"Message":"not today","Code":0,"Type":"error"}')
    with fake_api({"add": error}) as api, pytest.raises(StoreError, match="not today"):
        IpfsStore(api, tmp_path, pauses_seconds=QUICK).put([b"content"])


GARBAGE = {
    "no JSON": content(b"<html>router login</html>"),
    "no text": content(b"\xff\xfe\x00"),
    "nothing": content(b""),
    "a list": content(b"[]"),
    "a number": content(b"5"),
    "two objects": content(b'{"Hash":"a"}{"Hash":"b"}'),
    "a bomb of brackets": content(b'{"Hash":' + b"[" * 100_000),
    "an endless string": endless(CHUNKED + b'fffffffffff\r\n{"Hash":"', b"x" * MEBIBYTE),
    "another object": content(b'{"Unknown":1}'),
    "another type": content(b'{"Hash":5,"Keys":5,"Pins":5,"ID":5,"Peers":5}'),
    "an error without a message": content(b"{}", status=500),
    "an error with a number": content(b'{"Message":5}', status=500),
    "an error of no JSON": content(b"Bad Gateway", status=502),
    "an endless error": endless(
        b"HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffff\r\n", b"x" * MEBIBYTE
    ),
    "a redirection": content(b"", status=302, said={"Location": "http://127.0.0.1:1/"}),
    "forbidden": content(b"403 - Forbidden", status=403),
    "no HTTP": raw(lambda: iter([b"SSH-2.0-OpenSSH_9.6\r\n"])),
    "an unknown length": raw(lambda: iter([HEAD + b"\r\n{}"])),
}
CALLS = {
    "add": lambda store: store.put([b"asked for"]),
    "pin/ls": lambda store: store.holds(CID),
    "id": lambda store: store.state(),
    "swarm/peers": lambda store: store.fetch(CID, max_bytes=9, timeout_seconds=5),
}


@pytest.mark.parametrize("command", CALLS)
@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_no_answer_of_a_daemon(tmp_path, command, answer):
    if command == "swarm/peers" and answer is GARBAGE["another object"]:
        return  # no peers, as far as one can tell
    before = peak_mebibytes()
    with fake_api({command: answer}) as api:
        store = IpfsStore(api, tmp_path, pauses_seconds=QUICK)
        with pytest.raises(StoreError, match=f"{api} was asked .* as Kubo does") as caught:
            CALLS[command](store)
    assert type(caught.value) is StoreError
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert peak_mebibytes() - before < 60
    assert not list(tmp_path.rglob("Qm*"))


BREAKS = {
    "hangs up at once": raw(lambda: iter([])),
    "in a chunk": raw(lambda: iter([CHUNKED + b"9\r\nasked"])),
    "before the end": raw(lambda: iter([HEAD + b"Content-Length: 9\r\n\r\nasked"])),
}
PART = content(b"asked", said={"X-Content-Length": "9"})  # Kubo writes the error in a trailer
NO_MORE = content(b"", said={"X-Content-Length": "4"})


@pytest.mark.parametrize("answer", BREAKS.values(), ids=BREAKS)
def test_an_answer_that_breaks_off_says_nothing_of_the_bytes(tmp_path, answer):
    with fake_api({"cat": [answer]}) as api, pytest.raises(StoreUnreachableError, match=str(CID)):
        fetch(api, tmp_path)


def test_a_file_that_never_comes_to_its_end_is_unavailable(tmp_path):
    with (
        fake_api({"cat": [PART, *[NO_MORE] * 3]}) as api,
        pytest.raises(UnavailableError, match=f"no whole file to read as {CID}: .* 0 bytes of 4"),
    ):
        fetch(api, tmp_path)


def test_a_daemon_that_breaks_off_and_goes_away_says_nothing_of_the_bytes(tmp_path):
    with fake_api({"cat": [PART]}) as api, pytest.raises(StoreUnreachableError, match=str(CID)):
        fetch(api, tmp_path)


@pytest.mark.parametrize("answer", [*BREAKS.values(), PART], ids=[*BREAKS, "ends early"])
def test_an_answer_that_breaks_off_once_is_asked_for_its_rest(tmp_path, answer):
    with fake_api({"cat": [answer, from_offset]}) as api:
        assert fetch(api, tmp_path) == b"asked for"


def from_offset(handler: BaseHTTPRequestHandler) -> None:
    (offset,) = parse_qs(urlsplit(handler.path).query).get("offset", ["0"])
    content(b"asked for"[int(offset) :])(handler)


OWN_FAULTS = ["write /repo/blocks/x: no space left on device", "read x: input/output error"]


@pytest.mark.parametrize("message", OWN_FAULTS)
def test_a_daemons_own_trouble_says_nothing_of_the_bytes(tmp_path, message):
    answer = content(json.dumps({"Message": message}).encode(), status=500)
    with fake_api({"cat": answer}) as api, pytest.raises(StoreError, match=message) as caught:
        fetch(api, tmp_path)
    assert not isinstance(caught.value, UnavailableError)


def test_what_cannot_be_pinned_is_not_kept(tmp_path):
    refusal = content(b'{"Message":"pin: no\\u001b[31m"}', status=500)
    with (
        fake_api({"cat": content(b"asked for"), "pin/add": refusal}) as api,
        pytest.raises(FlnodeError, match=r"to pin .* it says: pin: no\?\[31m$"),
    ):
        fetch(api, tmp_path)
    assert not list(tmp_path.rglob("Qm*"))
