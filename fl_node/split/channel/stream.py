"""A stream of whole messages to and from one peer."""

import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import takewhile

import numpy as np

from fl_node.errors import (
    ChannelClosedError,
    DeadlineError,
    MessageTooLargeError,
    SplitError,
)
from fl_node.split.channel.tls import READ, WRITE, TlsSocket

_LENGTH = struct.Struct(">I")
_CHUNK_BYTES = 256 * 1024
# What a stream keeps while it sends and nobody receives: both may have so many messages under way
# at once before two parties that only send wait for each other. As many batches may be in flight.
HELD_MESSAGES = 16
_SLICE_SECONDS = 0.25
_REASON_BYTES = 256
_ALIGNMENT = 64
_SHORT_BYTES = 4096


def go_on() -> None:
    """Check nothing while waiting."""


class Stream:
    """Whole messages to and from one peer, in order, over one TLS connection.

    One thread may send while another receives. A sender waits for a slow receiver; meanwhile it
    takes in up to `HELD_MESSAGES` messages itself. There is no thread behind it.

    :ivar peer: who is at the other end, for messages
    """

    def __init__(
        self,
        tls: TlsSocket,
        peer: str,
        *,
        max_message_bytes: int,
        send_seconds: float,
        check: Callable[[], None] = go_on,
    ) -> None:
        """Take over a connection.

        :param max_message_bytes: a longer message is neither sent nor read
        :param send_seconds: how long a message may take to be taken by the other
        :param check: called some times a second while waiting; what it raises ends the wait
        """
        self.peer = peer
        self._tls = tls
        self._max_message_bytes = max_message_bytes
        self._send_seconds = send_seconds
        self._check = check
        self._lock, self._sending, self._receiving = (threading.Lock() for _ in range(3))
        self._is_read_by_receiver = False
        self._inbox: deque[memoryview] = deque()
        self._length = memoryview(bytearray(_LENGTH.size))
        self._partial, self._filled, self._is_body = self._length, 0, False
        self._end: SplitError | None = None

    def send(self, *pieces: bytes | memoryview) -> None:
        """Send one message, given in pieces; when this returns, the kernel has all of it.

        A send that does not end well leaves half a message behind it and so ends the stream.

        :raises MessageTooLargeError: when it is over the bound; nothing is sent then
        :raises DeadlineError: when the other takes nothing for too long
        :raises ChannelClosedError: when the other is gone: connect again
        """
        views = [memoryview(piece).cast("B") for piece in pieces]
        size = sum(len(view) for view in views)
        self._require_size(size, "to send")
        end = time.monotonic() + self._send_seconds
        with self._sending:
            try:
                for chunk in _chunks(_joined([memoryview(_LENGTH.pack(size)), *views])):
                    self._put(chunk, end)
                self._drain(end)
            except BaseException as error:
                self._break(error)
                raise

    def receive(self, timeout_seconds: float) -> memoryview:
        """Wait for the next message, no longer than this; what has come of it stays.

        :returns: read-only; its end lies at a multiple of 64 bytes in memory
        :raises DeadlineError: when it has not come: receive again, or give up
        :raises MessageTooLargeError: when it is over the bound, before it is read
        :raises ChannelClosedError: when the other is gone: connect again
        """
        end = time.monotonic() + timeout_seconds
        with self._receiving:
            try:
                return self._receive(end)
            except DeadlineError:
                raise
            except BaseException as error:
                self._break(error)
                raise
            finally:
                self._is_read_by_receiver = False

    def close(self) -> None:
        """End the stream; whoever waits in it gets a `ChannelClosedError` at once."""
        self._break(ChannelClosedError(f"the connection with {self.peer} was closed here"))
        with self._sending, self._receiving, self._lock:
            self._inbox.clear()
            self._tls.close()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def peer_certificate(self) -> bytes:
        """The certificate that the other showed, in DER bytes."""
        return self._tls.peer_certificate

    def shake_hands(self, timeout_seconds: float) -> None:
        """Do the TLS handshake, before anything else.

        :raises ChannelRefusedError: when one does not accept the other's certificate
        :raises DeadlineError: when the other does not go on with it
        """
        end = time.monotonic() + timeout_seconds
        while not self._tls.shake_hands():
            if not self._tls.fill():
                events = READ | WRITE if self._tls.waiting_bytes else READ
                self._wait(events, end, "shaken hands")

    def allow(self, max_message_bytes: int, send_seconds: float) -> None:
        """Set other bounds from the next message on: once it is known who is there."""
        self._max_message_bytes, self._send_seconds = max_message_bytes, send_seconds

    def refuse(self, reason: str) -> None:
        """Tell the peer why, and end."""
        self.send(reason.encode()[:_REASON_BYTES])
        self._tls.linger(1)

    def linger(self) -> None:
        """Wait a moment until the peer has read the alert that ends the handshake."""
        self._tls.linger(1)

    def _receive(self, end: float) -> memoryview:
        while True:
            with self._lock:
                self._is_read_by_receiver = True
                if not self._inbox:
                    self._require_open()
                    self._take_in(1)
                if self._inbox:
                    return self._inbox.popleft()
            self._wait(READ, end, "sent a whole message")

    def _put(self, chunk: memoryview, end: float) -> None:
        with self._lock:
            self._require_open()
            self._tls.encrypt(chunk)
            is_little = self._tls.waiting_bytes < _CHUNK_BYTES
        if not is_little:
            self._drain(end)

    def _drain(self, end: float) -> None:
        """Send what is encrypted; while that waits, receive, or two senders wait for each other."""
        while True:
            with self._lock:
                self._require_open()
                if self._tls.flush():
                    return
                events = WRITE
                if not self._is_read_by_receiver and self._take_in(HELD_MESSAGES):
                    events |= READ
            self._wait(events, end, "taken what was sent")

    def _take_in(self, limit: int) -> bool:
        """Read what is there until so many messages are held; says whether there is room yet."""
        while len(self._inbox) < limit:
            count = self._tls.read_into(self._partial[self._filled :])
            if count:
                self._filled += count
                self._complete()
            elif not self._tls.fill():
                return True
        return False

    def _complete(self) -> None:
        """Go on to the body when the length is there, and to the next message after the body."""
        if self._filled < len(self._partial):
            return
        if not self._is_body:
            (size,) = _LENGTH.unpack(self._partial)
            self._require_size(size, "announced by the other")
            self._partial, self._filled, self._is_body = _room(size), 0, True
            if size:
                return
        self._inbox.append(self._partial.toreadonly())
        self._partial, self._filled, self._is_body = self._length, 0, False

    def _wait(self, events: int, end: float, wanted: str) -> None:
        left = end - time.monotonic()
        if left <= 0:
            raise DeadlineError(f"{self.peer} has not {wanted} in time: it is slow, or stuck")
        self._check()
        self._tls.wait(events, min(left, _SLICE_SECONDS))

    def _require_open(self) -> None:
        if self._end is not None:
            raise self._end

    def _require_size(self, size: int, what: str) -> None:
        if size > self._max_message_bytes:
            raise MessageTooLargeError(
                f"a message of {size:,} bytes {what} ({self.peer}) is over the bound of "
                f"{self._max_message_bytes:,}: both must have the same plan"
            )

    def _break(self, error: BaseException) -> None:
        """Let nothing more be sent or received."""
        with self._lock:
            if self._end is None:
                self._end = _for_later(error, self.peer)
                self._tls.shut()


def _room(size: int) -> memoryview:
    """Give memory for a message, which ends where TensorFlow wants its tensors to begin.

    A body's tensors are its end. Those that are so aligned TensorFlow takes without a copy.
    """
    room = np.empty(size + _ALIGNMENT, np.uint8)  # not filled with zeros first, as a bytearray is
    start = -(room.ctypes.data + size) % _ALIGNMENT
    return room[start : start + size].data


def _joined(views: list[memoryview]) -> list[memoryview]:
    """Put the short pieces that come first into one, since each takes a record of TLS."""
    short = list(takewhile(lambda view: len(view) < _SHORT_BYTES, views))
    return [memoryview(b"".join(short)), *views[len(short) :]]


def _chunks(views: list[memoryview]) -> Iterator[memoryview]:
    for view in views:
        for start in range(0, len(view), _CHUNK_BYTES):
            yield view[start : start + _CHUNK_BYTES]


def _for_later(error: BaseException, peer: str) -> SplitError:
    """Give what the next call is to raise."""
    if isinstance(error, SplitError) and not isinstance(error, DeadlineError):
        return error
    return ChannelClosedError(f"the stream with {peer} ended within a message: connect again")
