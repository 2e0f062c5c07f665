"""A node that is away, slow or broken: one line says so, and whether waiting may help."""

import gzip
import socket
import sys
import threading
import time

import pytest
from eth_abi.abi import encode

from fl_node.chain import node_provider
from fl_node.chain.ethereum import EthereumLedger
from fl_node.chain.rpc import RpcConnection
from fl_node.errors import LedgerError, UnreachableError
from tests.chain.faulty_acts import ACTS
from tests.chain.faulty_proxy import (
    Trick,
    answer_lost,
    closed_midway,
    delayed,
    dripping,
    dropped,
    first,
    framed,
    honest,
    only,
    refuses,
    says,
    status,
)
from tests.chain.rpc_nodes import Anvil, free_port, running
from tests.chain.scene import address, deployed, update_of
from tests.network.networks import eventually

pytestmark = pytest.mark.usefixtures("hasty")

DEEP = b'{"jsonrpc":"2.0","id":0,"result":' + b"[" * 100_000 + b"]" * 100_000 + b"}"

PASSES: dict[str, Trick] = {
    "drops the connection": dropped,
    "closes midway": closed_midway,
    "answers late": delayed,
    "answers byte by byte": dripping,
    "HTTP 500": status(500),
    "HTTP 502": status(502),
    "HTTP 503": status(503),
    "HTTP 429": status(429),
    "has not the block": refuses("header not found"),
    "has not the state": refuses("missing trie node 12ab (path )"),
    "needs too long": refuses("request timed out", code=-32002),
}
DOES_NOT_PASS: dict[str, Trick] = {
    "HTTP 401": status(401),
    "HTTP 404": status(404),
    "a redirect": lambda exchange: exchange.send(b"", 307, Location="http://127.0.0.1:9/"),
    "nothing": says(b""),
    "a web page": says(b"<html>hello</html>"),
    "half an object": says(b'{"jsonrpc":'),
    "other bytes": says(bytes(range(256))),
    "UTF-16": says('{"jsonrpc":"2.0","id":0,"result":"0x1"}'.encode("utf-16")),
    "a list": says(b"[]"),
    "a number": says(b"7"),
    "brackets": says(b"[" * 100_000),
    "a deep result": says(DEEP),
    "too much": says(b'"' + b"a" * 200_000 + b'"'),
    "many values in few bytes": says(b'{"a":[' + b"[]," * 10_000 + b"[]]}"),
    "a compressed desert": says(gzip.compress(bytes(10**7)), Content_Encoding="gzip"),
    "another version": framed(jsonrpc="1.0"),
    "no version": framed(jsonrpc=...),
    "another id": framed(id=10**6),
    "no id": framed(id=...),
    "neither result nor error": framed(result=...),
    "an error that is a text": framed(result=..., error="no"),
    "an error without a message": framed(result=..., error={"code": 1}),
    "an error whose message is a list": framed(result=..., error={"code": 1, "message": []}),
    "a refusal": refuses("not for you"),
    "a refusal of several lines": refuses("one\ntwo\r\nthree\x1b[2J"),
    "a long refusal": refuses("x" * 100_000),
    "no such method": refuses("the method does not exist", code=-32601),
}


@pytest.fixture(autouse=True)
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_provider, "_MAX_ANSWER_BYTES", 250_000)


def one_line(error: BaseException) -> bool:
    return str(error).isprintable() and 0 < len(str(error)) < 1000


@pytest.mark.parametrize("trick", PASSES.values(), ids=PASSES)
def test_a_node_that_is_away_or_behind_may_come_back(through, proxy, trick):
    proxy.trick = trick
    with pytest.raises(UnreachableError, match="was asked of the chain, found: ") as caught:
        through.ledger(None).snapshot()
    assert one_line(caught.value)


@pytest.mark.parametrize("trick", DOES_NOT_PASS.values(), ids=DOES_NOT_PASS)
def test_for_a_node_that_answers_otherwise_nobody_waits(through, proxy, trick, monkeypatch):
    monkeypatch.setattr(node_provider, "_MAX_ANSWER_BYTES", 150_000)
    proxy.trick, proxy.asked = trick, []
    with pytest.raises(LedgerError, match="was asked of the chain, found: ") as caught:
        through.ledger(None).snapshot()
    assert not isinstance(caught.value, UnreachableError)
    assert one_line(caught.value)
    assert len(proxy.asked) == 1


def test_a_deep_answer_does_not_end_the_process_where_recursion_may_go_deep(through, proxy):
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)  # as py-evm does
    try:
        for content in (DEEP, b"[" * 200_000, b'{"a":' * 40_000):
            proxy.trick = says(content)
            with pytest.raises(LedgerError, match="levels was expected"):
                through.ledger(None).head()
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
@pytest.mark.parametrize(
    ("trick", "error"), [(dropped, UnreachableError), (says(b"<html>"), LedgerError)]
)
def test_whatever_is_asked_a_broken_node_is_one_line(through, proxy, act, trick, error):
    proxy.trick = trick
    with pytest.raises(LedgerError) as caught:
        act(through, proxy)
    assert type(caught.value) is error
    assert one_line(caught.value)


def test_where_nobody_listens_the_line_says_so_and_names_the_node():
    port = free_port()
    with pytest.raises(UnreachableError) as caught:
        EthereumLedger(RpcConnection(f"http://127.0.0.1:{port}"), address("node 5"))
    assert str(caught.value) == (
        f"its id was asked of the chain, found: 127.0.0.1:{port}: Connection refused; see that the "
        "node runs: flnode doctor"
    )


def test_no_secret_of_a_url_is_in_a_line():
    port = free_port()
    for url in (
        f"http://user:hidden@127.0.0.1:{port}/hidden",
        "http://hidden@127.0.0.1:99999999/",
        "ftp://user:hidden@127.0.0.1/",
    ):
        with pytest.raises(LedgerError) as caught:
            EthereumLedger(RpcConnection(url), address("node 5"))
        assert "hidden" not in str(caught.value)
        assert one_line(caught.value)


def test_a_node_on_this_machine_is_asked_directly_whatever_the_environment_says(
    through, proxy, monkeypatch
):
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    assert (
        EthereumLedger(proxy.connection(), through.federation).plan() == through.ledger(None).plan()
    )


@pytest.mark.parametrize("trick", [dropped, closed_midway, answer_lost, status(503)])
def test_a_few_failures_are_not_even_noticed(through, proxy, trick):
    before = through.ledger(None).snapshot()
    for act in (lambda: through.ledger(None).snapshot(), lambda: through.own_ledger(None).events()):
        proxy.trick = first(3, trick)
        act()
    assert through.ledger(None).snapshot() == before


@pytest.mark.parametrize("times", [1, 3])
def test_a_transaction_whose_answer_was_lost_is_mined_once(through, proxy, times):
    before = through.own_ledger(None).events()
    eth = through.connection.web3.eth
    nonce = eth.get_transaction_count(address("owner"))
    proxy.trick = only("eth_sendRawTransaction", first(times, answer_lost))
    through.own_ledger("owner").set_header(address("header"))
    assert len(through.own_ledger(None).events()) == len(before) + 1
    assert eth.get_transaction_count(address("owner")) == nonce + 1


def test_a_transaction_of_which_no_answer_came_at_all_is_found_by_whoever_asks_again(
    through, proxy
):
    proxy.trick = only("eth_sendRawTransaction", answer_lost)
    node = through.own_ledger("node 2")
    with pytest.raises(UnreachableError):
        node.set_local_weight(update_of(2, "b"))
    proxy.trick = honest
    eventually(lambda: node.local_weight(2) == update_of(2, "b"))


def test_a_slow_answer_is_waited_for_once(through, proxy):
    proxy.trick, proxy.asked = delayed, []
    started = time.monotonic()
    with pytest.raises(UnreachableError, match="no answer in time"):
        through.ledger(None).head()
    assert time.monotonic() - started < 1.9 * node_provider._ANSWER_SECONDS
    assert len(proxy.asked) == 1


def test_a_contract_cannot_make_this_process_fetch_from_elsewhere(through, proxy):
    """OffchainLookup (EIP-3668), as a node that wants to know who asks would answer."""
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        url = f"https://127.0.0.1:{elsewhere.getsockname()[1]}/{{sender}}/{{data}}"
        types = ["address", "string[]", "bytes", "bytes4", "bytes"]
        lookup = encode(types, [through.federation, [url], b"", bytes(4), b""])
        proxy.trick = only(
            "eth_call", refuses("execution reverted", code=3, data="0x556f1830" + lookup.hex())
        )
        with pytest.raises(LedgerError) as caught:
            through.ledger(None).plan()
        assert one_line(caught.value)
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


def test_a_node_that_restarts_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(node_provider, "_FIRST_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(node_provider, "_ANSWER_SECONDS", 20)
    node = Anvil(tmp_path, "--state", str(tmp_path / "state.json"))
    with running(node):
        scene = deployed(node.connection(), node.wait)
        scene.start()
        for number, act in enumerate(
            (lambda: scene.submit(1), lambda: scene.ledger(None).snapshot())
        ):
            node.stop()
            again = threading.Timer(0.2 + 0.2 * number, node.start)
            again.start()
            act()
            again.join()
        assert scene.ledger(None).local_weight(1) == update_of(1)
        assert len(scene.own_ledger(None).events()) == 5


def test_a_node_that_is_away_for_longer_is_found_again(own_anvil):
    scene = deployed(own_anvil.connection(), own_anvil.wait)
    ledger = scene.ledger(None)
    own_anvil.kill()
    with pytest.raises(UnreachableError, match="Connection refused"):
        ledger.snapshot()
    own_anvil.start()
    with pytest.raises(UnreachableError, match="no federation at"):  # this one kept no state
        ledger.snapshot()
