"""Stands between a ledger and its node, and does with the answers what a test says."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

from fl_node.chain.rpc import RpcConnection

_JSON = {"Content-Type": "application/json"}


@dataclass
class Exchange:
    """One request and what becomes of its answer."""

    handler: BaseHTTPRequestHandler
    upstream: str
    body: bytes
    asked: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.asked = json.loads(self.body)

    @property
    def method(self) -> str:
        return str(self.asked["method"])

    def forwarded(self) -> dict[str, Any]:
        """Let the node do what was asked, and give its answer."""
        with urlopen(Request(self.upstream, self.body, _JSON), timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def send(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.head(len(content), status, **headers)
        self.handler.wfile.write(content)

    def head(self, length: int, status: int = 200, **headers: str) -> None:
        self.handler.send_response(status)
        for name, value in {"Content-Length": str(length), **headers}.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()

    def close(self) -> None:
        self.handler.close_connection = True
        self.handler.wfile.flush()
        self.handler.connection.shutdown(socket.SHUT_RDWR)


Trick = Callable[[Exchange], None]


def honest(exchange: Exchange) -> None:
    exchange.send(json.dumps(exchange.forwarded()).encode())


def dropped(exchange: Exchange) -> None:
    exchange.close()


def answer_lost(exchange: Exchange) -> None:
    """The node has done it, and nobody hears of it."""
    exchange.forwarded()
    exchange.close()


def closed_midway(exchange: Exchange) -> None:
    content = json.dumps(exchange.forwarded()).encode()
    exchange.head(len(content))
    exchange.handler.wfile.write(content[: len(content) // 2])
    exchange.close()


def delayed(exchange: Exchange) -> None:
    time.sleep(2.5)
    exchange.close()


def dripping(exchange: Exchange) -> None:
    """A byte at a time, each soon enough after the one before."""
    exchange.head(10_000)
    for _ in range(60):
        exchange.handler.wfile.write(b" ")
        exchange.handler.wfile.flush()
        time.sleep(0.04)
    exchange.close()


def status(code: int) -> Trick:
    return lambda exchange: exchange.send(b"no", code)


def says(content: bytes, **headers: str) -> Trick:
    return lambda exchange: exchange.send(content, **headers)


def framed(**fields: object) -> Trick:
    """Answer with a frame of one's own; a field that is `...` is left out."""

    def trick(exchange: Exchange) -> None:
        frame = {"jsonrpc": "2.0", "id": exchange.asked["id"], "result": "0x1", **fields}
        present = {name: value for name, value in frame.items() if value is not ...}
        exchange.send(json.dumps(present).encode())

    return trick


def refuses(message: str, **fields: object) -> Trick:
    return framed(result=..., error={"code": -32000, "message": message, **fields})


def lies(method: str, change: Callable[[Any], Any]) -> Trick:
    """Change a method's results; everything else is as the node says."""

    def trick(exchange: Exchange) -> None:
        answer = exchange.forwarded()
        if exchange.method == method and "result" in answer:
            answer["result"] = change(answer["result"])
        exchange.send(json.dumps(answer).encode())

    return trick


def only(method: str, trick: Trick) -> Trick:
    return lambda exchange: (trick if exchange.method == method else honest)(exchange)


def first(times: int, trick: Trick) -> Trick:
    """Be honest after so many tricks."""
    left = [trick] * times
    return lambda exchange: (left.pop() if left else honest)(exchange)


@dataclass
class Proxy:
    """Serves what a node serves, with a trick.

    :ivar asked: the methods that were asked for
    """

    url: str
    trick: Trick = honest
    asked: list[str] = field(default_factory=list, repr=False)

    def connection(self) -> RpcConnection:
        return RpcConnection(self.url)


@contextmanager
def proxy_before(upstream: str) -> Iterator[Proxy]:
    """Serve on a free loopback port until the end of the block."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a client that went away; a trick's own error shows in what the client gets

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            exchange = Exchange(self, upstream, body)
            proxy.asked.append(exchange.method)
            try:
                proxy.trick(exchange)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # who asked did not wait

        def log_message(self, *_: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy = Proxy(f"http://127.0.0.1:{server.server_address[1]}")
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield proxy
        server.shutdown()
        thread.join()
