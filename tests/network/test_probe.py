import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from fl_node.errors import DaemonError
from fl_node.network.probe import ask_geth, ask_kubo


@contextmanager
def answering(content: bytes, status: int = 200) -> Iterator[tuple[int, list[tuple[str, bytes]]]]:
    """Give the port of a daemon that always says the same, and what it was asked."""
    asked: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *words):
            """Keep standard error free."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1], asked
        finally:
            server.shutdown()
            thread.join()


def test_geth_is_asked_in_json_rpc():
    with answering(b'{"jsonrpc": "2.0", "id": 1, "result": ["0x1"]}') as (port, asked):
        assert ask_geth(port, "eth_call", "latest", False) == ["0x1"]
    path, body = asked[0]
    assert (path, json.loads(body)) == (
        "/",
        {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": ["latest", False]},
    )


def test_kubo_is_asked_by_path_with_its_arguments_escaped():
    with answering(b'{"Peers": null}') as (port, asked):
        assert ask_kubo(port, "swarm/connect", arg="/ip4/10.0.0.1?x") == {"Peers": None}
    assert asked == [("/api/v0/swarm/connect?arg=%2Fip4%2F10.0.0.1%3Fx", b"")]


def test_an_environment_s_proxy_is_not_asked(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with answering(b'{"result": 1}') as (port, _):
        assert ask_geth(port, "net_version") == 1


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b'{"error": {"code": -32601, "message": "no"}}', 200, "refuses eth_x: .*no"),
        (b"<html>", 200, "does not answer in JSON"),
        (b"[]", 200, "something else than an object"),
        (b"go away\n\nnow", 403, "refuses /: 403 go away now$"),
    ],
)
def test_what_is_no_answer_is_a_named_error(content, status, words):
    with answering(content, status) as (port, _), pytest.raises(DaemonError, match=words):
        ask_geth(port, "eth_x")


def test_nobody_there_is_a_named_error():
    with answering(b"") as (port, _):
        pass
    with pytest.raises(DaemonError, match=f"ipfs on port {port} does not answer"):
        ask_kubo(port, "id")
