"""What a daemon of the store answers, from its first byte of HTTP on."""

import io
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from fl_node.cid import Cid
from fl_node.store import exchange
from fl_node.store.kubo import Kubo
from fl_node.store.kubo_api import KuboApi
from tests.fuzz.folders import FOLDER

_NAMED = Cid(bytes(32))
_SECONDS, _MAX_BYTES = 10.0, 10_000
_HEADS = (
    b"",  # the bytes are all of the answer
    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: %d\r\n\r\n",
)


class _Answered:
    """A socket at whose other end a whole answer waits."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def sendall(self, _: object) -> None:
        """Take a question."""

    def makefile(self, *_: object) -> io.BufferedReader:
        """Give the answer."""
        return io.BufferedReader(io.BytesIO(self._content))

    def close(self) -> None:
        """Hang up."""


def kubo(content: bytes) -> None:
    """Ask a daemon; the first byte says what for, the second how the rest is an answer."""
    if len(content) < 2:
        return
    head, body = _HEADS[content[1] % len(_HEADS)], content[2:]
    answer = head % len(body) + body if head else body
    with patch.object(exchange, "_connected", lambda *_: _Answered(answer)):
        ACTS[content[0] % len(ACTS)](Kubo(KuboApi("/ip4/127.0.0.1/tcp/1", ())))


def add(store: Kubo) -> None:
    """Store a file."""
    (FOLDER / "added").write_bytes(b"added")
    store.add(FOLDER / "added", _NAMED)


def cat(store: Kubo) -> None:
    """Read a file."""
    deadline = time.monotonic() + _SECONDS
    received = sum(map(len, store.cat(_NAMED, max_bytes=_MAX_BYTES, deadline=deadline)))
    assert received <= 2 * _MAX_BYTES


def pins(store: Kubo) -> None:
    """Pin and unpin."""
    store.pin(_NAMED, 1)
    store.unpin(_NAMED)
    store.has_pinned(_NAMED)


def connect(store: Kubo) -> None:
    """Connect to the peers that should be there and are not."""
    here = {peer.id for peer in store.peers()}
    for peer in store.peering():
        if peer.id not in here:
            store.connect(peer, _SECONDS)


def state(store: Kubo) -> Any:
    """Ask for all that tells whether it is ready."""
    return store.state()


ACTS: tuple[Callable[[Kubo], object], ...] = (add, cat, pins, connect, state)
