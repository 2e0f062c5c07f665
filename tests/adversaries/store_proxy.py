"""Stands between a role and its Kubo daemon, and gives contents as a test says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

_PIECE = bytes(65_536)
_SECONDS = 120


@dataclass
class StoreProxy:
    """Serves what a daemon serves until it lies.

    :ivar address: multiaddress
    :ivar honest: set when the lie is over
    """

    address: str
    honest: Event = field(default_factory=Event)


@dataclass(frozen=True)
class Exchange:
    """A question about a content, and the right answer to it."""

    handler: BaseHTTPRequestHandler
    content: bytes
    honest: Event

    def head(self, **headers: str) -> None:
        self.handler.send_response(200)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()

    def write(self, content: bytes) -> None:
        self.handler.wfile.write(content)
        self.handler.wfile.flush()


Trick = Callable[[Exchange], None]


def hangs(exchange: Exchange) -> None:
    exchange.honest.wait(_SECONDS)


def drips(exchange: Exchange) -> None:
    exchange.head(Content_Length=str(len(exchange.content)))
    for place in range(len(exchange.content)):
        if exchange.honest.wait(1):
            return
        exchange.write(exchange.content[place : place + 1])


def gives_half(exchange: Exchange) -> None:
    exchange.head(Content_Length=str(len(exchange.content)))
    exchange.write(exchange.content[: len(exchange.content) // 2])


def gives_other_bytes(exchange: Exchange) -> None:
    other = bytes(byte ^ 1 for byte in exchange.content)
    exchange.head(Content_Length=str(len(other)))
    exchange.write(other)


def never_ends(exchange: Exchange) -> None:
    exchange.head(Transfer_Encoding="chunked")
    while not exchange.honest.is_set():
        exchange.write(b"10000\r\n" + _PIECE + b"\r\n")


def is_no_kubo(exchange: Exchange) -> None:
    exchange.handler.send_response(404)
    exchange.handler.send_header("Content-Length", "20")
    exchange.handler.end_headers()
    exchange.write(b"<html>no page</html>")


STORE_TRICKS: dict[str, Trick] = {
    "store-hangs": hangs,
    "store-drips": drips,
    "store-gives-half": gives_half,
    "store-gives-other-bytes": gives_other_bytes,
    "store-never-ends": never_ends,
    "store-is-none": is_no_kubo,
}


@contextmanager
def store_proxy(upstream: str, trick: Trick) -> Iterator[StoreProxy]:
    """Serve on a free loopback port until the end of the block.

    :param upstream: multiaddress of the daemon's API
    """
    _, _, host, _, port = upstream.split("/")

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # who asked has hung up

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.close_connection = True
            status, kind, content = _forwarded(host, int(port), self)
            if self.path.startswith("/api/v0/cat?") and not proxy.honest.is_set():
                trick(Exchange(self, content, proxy.honest))
                return
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        proxy = StoreProxy(f"/ip4/127.0.0.1/tcp/{server.server_address[1]}")
        thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield proxy
        proxy.honest.set()
        server.shutdown()
        thread.join()


def _forwarded(host: str, port: int, handler: BaseHTTPRequestHandler) -> tuple[int, str, bytes]:
    kind = handler.headers.get("Content-Type")
    connection = HTTPConnection(host, port, timeout=_SECONDS)
    try:
        headers = {"Content-Type": kind} if kind else {}
        connection.request("POST", handler.path, body=_body(handler), headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", "text/plain"), answer.read()
    finally:
        connection.close()


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if "chunked" not in handler.headers.get("Transfer-Encoding", ""):
        return handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
    pieces = []
    while size := int(handler.rfile.readline(), 16):
        pieces.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(pieces)
