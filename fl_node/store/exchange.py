"""One HTTP POST whose time is bounded as a whole and whose answer is never held as a whole."""

import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import Any

PIECE_BYTES = 65_536


class BrokenOffError(HTTPException):
    """The server ended its answer, as if it were whole, before all it had announced was sent."""


class _DeadlineSocket(socket.socket):
    """A socket whose waits all end at one moment, however slowly bytes trickle in.

    A timeout of the usual kind begins again with every byte.
    """

    deadline: float

    def recv_into(self, *arguments: Any) -> int:
        self._hurry()
        return super().recv_into(*arguments)

    def sendall(self, *arguments: Any) -> None:
        self._hurry()
        super().sendall(*arguments)

    def _hurry(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.settimeout(left)


@dataclass(frozen=True)
class Answer:
    """What a server answers; its body is read as it comes.

    :ivar said_bytes: how long the server says the content is, or None if it does not
    """

    connection: HTTPConnection
    response: HTTPResponse
    said_bytes: int | None

    @property
    def status(self) -> int:
        """The status code."""
        return self.response.status

    def pieces(self) -> Iterator[bytes]:
        """Read the body in pieces of up to 64 KiB.

        :raises OSError: when the connection fails, or time is up
        :raises http.client.IncompleteRead: when it ends before the body does
        :raises BrokenOffError: when the body ends before the content does
        """
        received = 0
        while piece := self.response.read1(PIECE_BYTES):
            received += len(piece)
            yield piece
        if self.response.length:
            raise IncompleteRead(b"", self.response.length)
        if self.said_bytes is not None and received < self.said_bytes:
            raise BrokenOffError(f"{received} bytes of {self.said_bytes}")

    def close(self) -> None:
        """End the connection, whatever is still to come."""
        self.response.close()
        self.connection.close()


def post(
    address: tuple[str, int],
    target: str,
    body: Iterable[bytes] | None,
    headers: Mapping[str, str],
    timeout_seconds: float,
) -> Answer:
    """Send a request and read the head of its answer; follows no redirection and no proxy.

    :param timeout_seconds: for all of it, to the body's end
    :raises OSError: when the connection fails, or time is up
    :raises http.client.HTTPException: when what answers speaks no HTTP
    """
    deadline = time.monotonic() + timeout_seconds
    connection = HTTPConnection(*address)
    try:
        connection.sock = _connected(address, deadline)
        connection.request("POST", target, body=body, headers=dict(headers))
        response = connection.getresponse()
    except BaseException:
        connection.close()
        raise
    answer = Answer(connection, response, _said_bytes(response))
    if response.length is None and not response.chunked:
        answer.close()
        raise HTTPException("an answer whose end cannot be told from a broken connection")
    return answer


def _connected(address: tuple[str, int], deadline: float) -> _DeadlineSocket:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    plain = socket.create_connection(address, timeout=left)
    guarded = _DeadlineSocket(fileno=plain.detach())
    guarded.deadline = deadline
    return guarded


def _said_bytes(response: HTTPResponse) -> int | None:
    """Read how long Kubo says a file is.

    Its chunked answer ends like a whole one when it breaks off: the error stands in a trailer,
    which ``http.client`` skips.
    """
    said = response.headers.get("X-Content-Length", "")
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 20 else None
