"""TLS 1.3 over a TCP socket, with no call that waits but `wait`.

OpenSSL works on memory here and the socket is read and written apart from it, in larger pieces than
a record: half of the system calls that Python's TLS socket needs, and it may be read while a write
waits.
"""

import os
import select
import socket
import ssl
import struct
import time
from collections.abc import Iterable
from contextlib import suppress

from fl_node.errors import ChannelClosedError, ChannelRefusedError, SplitError
from fl_node.split.channel.keys import SessionKeys

READ, WRITE = select.POLLIN, select.POLLOUT
_READ_BYTES = 256 * 1024
# A peer that computes is silent and well: its kernel answers these. Five seconds after the last
# word, every two seconds, three times in vain: gone.
KEEPALIVE_SECONDS, KEEPALIVE_EVERY_SECONDS, KEEPALIVE_TRIES = 5, 2, 3
# Keepalive rests while anything sent is unacknowledged, and TCP_USER_TIMEOUT would end a slow
# reader's connection too: so this is looked at here.
UNANSWERED_SECONDS = 11
_TCP_INFO_BYTES, _UNACKNOWLEDGED_AT, _LAST_ANSWER_AT = 104, 24, 56  # struct tcp_info, linux/tcp.h


def client_context(keys: SessionKeys, provider: bytes) -> ssl.SSLContext:
    """Trust one certificate and no other; show one's own.

    :param provider: DER bytes
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # the certificate itself is what was announced, not a host
    return _complete(context, keys, [provider])


def server_context(keys: SessionKeys, admitted: Iterable[bytes]) -> ssl.SSLContext:
    """Ask for a certificate and trust these, in DER bytes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0  # nobody comes back but by a certificate
    return _complete(context, keys, admitted)


def _complete(
    context: ssl.SSLContext, keys: SessionKeys, trusted: Iterable[bytes]
) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    if roots := b"".join(trusted):
        context.load_verify_locations(cadata=roots)
    _load_keys(context, keys.tls_pem)
    return context


def _load_keys(context: ssl.SSLContext, pem: bytes) -> None:
    """Load a private key, which Python takes from a file only: from one that is in memory."""
    handle = os.memfd_create("session", os.MFD_CLOEXEC)
    with os.fdopen(handle, "wb") as stream:
        stream.write(pem)
        stream.flush()
        context.load_cert_chain(f"/proc/self/fd/{handle}")


class TlsSocket:
    """One end of a connection; not to be used by two threads at once, but for `wait`.

    Every method raises `ChannelClosedError` when the peer is gone, and `ChannelRefusedError` when
    one of the two does not accept the other's certificate.
    """

    def __init__(
        self, connected: socket.socket, context: ssl.SSLContext, *, server_side: bool
    ) -> None:
        connected.setblocking(False)
        _set_options(connected)
        self._socket = connected
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._received, self._to_send, server_side=server_side)
        self._read_buffer = memoryview(bytearray(_READ_BYTES))
        self._unsent = memoryview(b"")

    @property
    def peer_certificate(self) -> bytes:
        """The peer's certificate in DER bytes, once the handshake is done."""
        return self._tls.getpeercert(binary_form=True) or b""

    @property
    def waiting_bytes(self) -> int:
        """How much `flush` has to send."""
        return self._to_send.pending + len(self._unsent)

    def shake_hands(self) -> bool:
        """Go on with the handshake; says whether it is done and all of it sent."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self.flush()
            return False
        except ssl.SSLError as error:
            self._send_alert()
            raise _unspoken(error) or _named(error) from error
        return self.flush()

    def encrypt(self, content: memoryview) -> None:
        """Take what `flush` is to send."""
        try:
            self._tls.write(content)
        except ssl.SSLError as error:
            raise _named(error) from error

    def flush(self) -> bool:
        """Send what can be sent now; says whether that was everything."""
        while self.waiting_bytes:
            if not self._unsent:
                self._unsent = memoryview(self._to_send.read())
            try:
                self._unsent = self._unsent[self._socket.send(self._unsent) :]
            except BlockingIOError:
                return False
            except OSError as error:
                raise _gone(error) from error
        return True

    def read_into(self, room: memoryview) -> int:
        """Decrypt into this until it is full, or `fill` must come; gives how much there is."""
        read, filled, size = self._tls.read, 0, len(room)
        try:
            while filled < size and (count := int(read(size - filled, room[filled:]))):
                filled += count
        except ssl.SSLWantReadError:
            return filled
        except ssl.SSLError as error:
            raise _named(error) from error
        return filled

    def fill(self) -> bool:
        """Take what the socket has; says whether it had anything."""
        try:
            count = self._socket.recv_into(self._read_buffer)
        except BlockingIOError:
            return False
        except OSError as error:
            raise _gone(error) from error
        if not count:
            raise ChannelClosedError("the other party is gone: connect again")
        self._received.write(self._read_buffer[:count])
        return True

    def wait(self, events: int, seconds: float) -> None:
        """Wait until the socket can do one of these, or is broken, or so long.

        :raises ChannelClosedError: when nobody answers to what was sent
        """
        poll = select.poll()
        poll.register(self._socket, events)
        if not poll.poll(seconds * 1000):
            self._require_answers()

    def shut(self) -> None:
        """Say goodbye if that can be said at once, and wake whoever waits."""
        self._send_alert()
        with suppress(OSError):  # it was broken before
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the socket back; nobody may be waiting on it."""
        self._socket.close()

    def linger(self, seconds: float) -> None:
        """End sending, and wait so long until the peer has read why: closing at once loses it."""
        end = time.monotonic() + seconds
        with suppress(OSError):  # it is gone, or has had its time
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.settimeout(seconds)
            while time.monotonic() < end and self._socket.recv_into(self._read_buffer):
                continue

    def _send_alert(self) -> None:
        # The handshake may not be done, the peer not have said goodbye yet, or not be there.
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        with suppress(ChannelClosedError):
            self.flush()

    def _require_answers(self) -> None:
        info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        (unacknowledged,) = struct.unpack_from("=I", info, _UNACKNOWLEDGED_AT)
        (silent_milliseconds,) = struct.unpack_from("=I", info, _LAST_ANSWER_AT)
        if unacknowledged and silent_milliseconds > UNANSWERED_SECONDS * 1000:
            raise ChannelClosedError(
                f"the other party's machine has not answered for {silent_milliseconds / 1000:.0f} "
                "seconds: see the network between, and connect again"
            )


def _set_options(connected: socket.socket) -> None:
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_EVERY_SECONDS)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_TRIES)


def _gone(error: OSError) -> ChannelClosedError:
    return ChannelClosedError(f"the other party is gone ({error.strerror}): connect again")


def _named(error: ssl.SSLError) -> SplitError:
    """Give our name: who was refused, which may show late, or that the connection is over."""
    reason = error.reason or str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return ChannelRefusedError(
            f"the other party's certificate is not an announced one: {error.verify_message}"
        )
    if "CERTIFICATE" in reason or "UNKNOWN_CA" in reason:
        return ChannelRefusedError(f"a certificate was refused: {_words(reason)}")
    return ChannelClosedError(f"the connection is broken ({_words(reason)}): connect again")


def _unspoken(error: ssl.SSLError) -> SplitError | None:
    """Give our name for what the handshake finds where no TLS 1.3 is; later, bytes were changed."""
    reason = error.reason or ""
    if "VERSION" in reason or "PROTOCOL" in reason or "HTTP" in reason:
        return ChannelRefusedError(f"the other end does not speak TLS 1.3: {_words(reason)}")
    return None


def _words(reason: str) -> str:
    return reason.lower().replace("_", " ")
