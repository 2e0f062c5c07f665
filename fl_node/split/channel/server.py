"""Where the provider listens: who connects is checked against the chain, one stream a node."""

import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from fl_node.errors import (
    CertificateError,
    ChannelClosedError,
    ChannelRefusedError,
    DeadlineError,
    FlnodeError,
)
from fl_node.split.channel.certificate import read_certificate
from fl_node.split.channel.client import HELLO, HELLO_BYTES, decode_hello
from fl_node.split.channel.keys import SessionKeys
from fl_node.split.channel.stream import Stream, go_on
from fl_node.split.channel.tls import TlsSocket, server_context

Admitted = Callable[[], Mapping[int, bytes]]
LOOPBACK = "127.0.0.1"
HANDSHAKE_SECONDS = 5
# Strangers can hold these for the handshake's time, not more of memory and threads.
_MAX_HANDSHAKES = 32
_SLICE_SECONDS = 0.25


class Server:
    """Listens while its context is open; each handshake has a thread of its own, a stream none."""

    def __init__(
        self,
        keys: SessionKeys,
        admitted: Admitted,
        *,
        port: int,
        max_message_bytes: int,
        send_seconds: float,
        say: Callable[[str], None],
        host: str = LOOPBACK,
        check: Callable[[], None] = go_on,
    ) -> None:
        """Prepare to listen.

        :param admitted: gives each node's announced certificate in DER bytes; asked anew, from
            another thread, whenever somebody connects
        :param port: 0 for any that is free
        :param send_seconds: see `Stream`, as `max_message_bytes` and `check`
        :param say: takes a line about everybody who is refused
        """
        self._keys, self._admitted = keys, admitted
        self._address = (host, port)
        self._max_message_bytes, self._send_seconds = max_message_bytes, send_seconds
        self._say, self._check = say, check
        self._changed = threading.Condition()
        self._streams: dict[int, Stream] = {}
        self._unclaimed: set[int] = set()
        self._pending: dict[threading.Thread, socket.socket] = {}
        self._is_closing = False

    def __enter__(self) -> "Server":
        """Listen.

        :raises CertificateError: when one's own certificate is not valid now
        :raises ChannelRefusedError: when the address cannot be listened at
        """
        self._keys.announced.require_valid(time.time())
        self._listener = _listen(*self._address)
        self._thread = threading.Thread(target=self._listen, name="split listener", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the port, of every stream and of every thread."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        _wake(self._listener)
        self._thread.join()
        self._listener.close()
        self._end_handshakes()
        for stream in self.streams.values():
            stream.close()

    @property
    def endpoint(self) -> str:
        """Where to connect to, as host:port."""
        host, port = self._listener.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def streams(self) -> Mapping[int, Stream]:
        """Each connected node's newest stream; it may be broken already."""
        with self._changed:
            return dict(self._streams)

    def accept(self, node: int, timeout_seconds: float) -> Stream:
        """Wait until a node has connected, or connected again, and give that stream once.

        :raises DeadlineError: when it has not in time
        :raises ChannelClosedError: when the server was closed
        """
        end = time.monotonic() + timeout_seconds
        with self._changed:
            while node not in self._unclaimed:
                self._require_time(node, end)
                self._changed.wait(min(_SLICE_SECONDS, max(end - time.monotonic(), 0)))
            self._unclaimed.remove(node)
            return self._streams[node]

    def _require_time(self, node: int, end: float) -> None:
        self._check()
        if self._is_closing:
            raise ChannelClosedError("the server was closed here")
        if time.monotonic() >= end:
            raise DeadlineError(f"node {node} has not connected in time: is it running?")

    def _listen(self) -> None:
        while not self._is_closing:
            try:
                connected, address = self._listener.accept()
            except OSError:
                # Closing, a connection that was gone at once, or no file descriptor left.
                time.sleep(0.01)
                continue
            self._begin(connected, f"{address[0]}:{address[1]}")

    def _begin(self, connected: socket.socket, peer: str) -> None:
        with self._changed:
            if self._is_closing or len(self._pending) >= _MAX_HANDSHAKES:
                connected.close()
                return
            thread = threading.Thread(
                target=self._shake_hands,
                args=(connected, peer),
                name="split handshake",
                daemon=True,
            )
            self._pending[thread] = connected
        thread.start()

    def _shake_hands(self, connected: socket.socket, peer: str) -> None:
        try:
            with _closed_unless_kept(connected), self._named(peer):
                self._let_in(connected, peer)
        except FlnodeError:
            # It was said.
            return
        finally:
            with self._changed:
                del self._pending[threading.current_thread()]

    @contextmanager
    def _named(self, peer: str) -> Iterator[None]:
        """Say who is refused, and why, while it is still connected: it cannot know before us."""
        try:
            yield
        except FlnodeError as error:
            if not self._is_closing:
                self._say(f"{peer} was not let in: {error}")
            raise

    def _let_in(self, connected: socket.socket, peer: str) -> None:
        end = time.monotonic() + HANDSHAKE_SECONDS
        announced = dict(self._admitted())
        context = server_context(self._keys, _usable(announced.values()))
        stream = Stream(
            TlsSocket(connected, context, server_side=True),
            peer,
            max_message_bytes=HELLO_BYTES,
            send_seconds=HANDSHAKE_SECONDS,
            check=self._check,
        )
        node = _meet(stream, announced, end)
        stream.peer = f"node {node}"
        stream.allow(self._max_message_bytes, self._send_seconds)
        stream.send(HELLO)
        self._take(node, stream)

    def _take(self, node: int, stream: Stream) -> None:
        """Put a node's new stream in the place of the one it had, which may be a dead one."""
        with self._changed:
            if self._is_closing:
                raise ChannelClosedError("the server was closed here")
            before = self._streams.get(node)
            if before is not None:
                before.close()
            self._streams[node] = stream
            self._unclaimed.add(node)
            self._changed.notify_all()

    def _end_handshakes(self) -> None:
        with self._changed:
            pending = dict(self._pending)
        for thread, connected in pending.items():
            _wake(connected)
            thread.join()


def _meet(stream: Stream, announced: Mapping[int, bytes], end: float) -> int:
    """Shake hands and find out which node it is.

    :raises ChannelRefusedError: when it is none; it is told so
    """
    try:
        stream.shake_hands(end - time.monotonic())
    except ChannelRefusedError:
        stream.linger()
        raise
    node = decode_hello(stream.receive(end - time.monotonic()))
    if announced.get(node) == stream.peer_certificate:
        return node
    expected = _fingerprint(announced[node]) if node in announced else "none"
    found = _fingerprint(stream.peer_certificate)
    reason = f"node {node} announced the certificate {expected}, and the one shown is {found}"
    stream.refuse(reason)
    raise ChannelRefusedError(reason)


def _usable(announced: Iterable[bytes]) -> Iterator[bytes]:
    """Leave out what is no certificate, so that a node cannot lock out the others with one."""
    for der in announced:
        with suppress(CertificateError):
            read_certificate(der).require_valid(time.time())
            yield der


def _fingerprint(der: bytes) -> str:
    return f"sha256 {hashlib.sha256(der).hexdigest()[:16]}…"


@contextmanager
def _closed_unless_kept(connected: socket.socket) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connected.close()
        raise


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise ChannelRefusedError(
            f"nobody can listen at {host}:{port} here ({error}): name another address or port"
        ) from error


def _wake(waiting: socket.socket) -> None:
    """Let whoever waits on a socket find that it is over."""
    with suppress(OSError):
        waiting.shutdown(socket.SHUT_RDWR)
