"""A server in the place of a Kubo daemon's API, which answers what a test wants."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answering = Callable[[BaseHTTPRequestHandler], None]

HONEST: Mapping[str, bytes] = {
    "swarm/peers": b'{"Peers":null}',
    "config/show": b'{"Peering":{"Peers":null}}',
    "pin/add": b'{"Pins":[]}',
}


def content(body: bytes, *, status: int = 200, said: Mapping[str, str] | None = None) -> Answering:
    """Answer with a body of known length."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        headers = {"Content-Length": str(len(body))} | dict(said or {})
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def raw(pieces: Callable[[], Iterator[bytes]]) -> Answering:
    """Answer with bytes that need be no HTTP, until the other hangs up."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        for piece in pieces():
            handler.wfile.write(piece)
            handler.wfile.flush()

    return answer


@contextmanager
def fake_api(answers: Mapping[str, Answering | list[Answering]]) -> Iterator[str]:
    """Serve answers by command; of a list, one after the other, then none at all.

    Gives the multiaddress.
    """
    waiting = {command: list(a) if isinstance(a, list) else a for command, a in answers.items()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.close_connection = True
            command = self.path.split("?")[0].removeprefix("/api/v0/")
            answer: Any = waiting.get(command)
            if isinstance(answer, list):
                answer = answer.pop(0) if answer else raw(lambda: iter([]))
            elif answer is None:
                answer = content(HONEST[command])
            try:
                _read_body(self)
                answer(self)
            except OSError:
                return  # it hung up, as it should

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    try:
        yield f"/ip4/127.0.0.1/tcp/{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


def _read_body(handler: BaseHTTPRequestHandler) -> None:
    if "chunked" in handler.headers.get("Transfer-Encoding", ""):
        while size := int(handler.rfile.readline(), 16):
            handler.rfile.read(size + 2)
        handler.rfile.readline()
