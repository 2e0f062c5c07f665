"""From a data owner to the provider whose certificate is announced, and to nobody else.

TLS 1.3 with a pinned certificate on either side, over a socket: no thread, and both sides see the
certificate they talk to, which gRPC's client does not.
"""

import hashlib
import socket
import ssl
import time
from collections.abc import Callable

from fl_node.errors import CertificateError, ChannelClosedError, ChannelRefusedError
from fl_node.split.channel.certificate import Certificate, read_certificate
from fl_node.split.channel.keys import SessionKeys
from fl_node.split.channel.stream import Stream, go_on
from fl_node.split.channel.tls import TlsSocket, client_context

HELLO = b"flnode split 1"
HELLO_BYTES = 256
_LEAST_DIAL_SECONDS = 0.25


def connect(
    endpoint: str,
    *,
    keys: SessionKeys,
    node: int,
    provider: bytes,
    max_message_bytes: int,
    timeout_seconds: float,
    send_seconds: float,
    check: Callable[[], None] = go_on,
) -> Stream:
    """Connect to the provider, once; trying again is the caller's.

    :param endpoint: host:port, [host]:port for IPv6
    :param node: the id under which the certificate of `keys` is announced
    :param provider: the certificate that the provider announced, in DER bytes
    :param timeout_seconds: for everything until it has let us in
    :param send_seconds: see `Stream`, as `max_message_bytes` and `check`
    :raises CertificateError: when one of the two certificates is not valid, or not now
    :raises ChannelRefusedError: when another answers, or we are not who was announced
    :raises ChannelClosedError: when nobody answers
    :raises DeadlineError: when somebody does, and then is silent
    """
    expected = read_certificate(provider)
    for certificate in (expected, keys.announced):
        certificate.require_valid(time.time())
    end = time.monotonic() + timeout_seconds
    tls = TlsSocket(_dial(endpoint, end), client_context(keys, provider), server_side=False)
    stream = Stream(
        tls,
        f"the provider at {endpoint}",
        max_message_bytes=HELLO_BYTES,
        send_seconds=min(send_seconds, timeout_seconds),
        check=check,
    )
    try:
        _meet(stream, endpoint, expected, end)
        _introduce(stream, keys.announced, node, end)
    except BaseException:
        stream.close()
        raise
    stream.allow(max_message_bytes, send_seconds)
    return stream


def encode_hello(node: int) -> bytes:
    """Say which version this is and under which id one's certificate is announced."""
    return HELLO + node.to_bytes(4, "big")


def decode_hello(content: bytes | memoryview) -> int:
    """Give the node that says hello.

    :raises ChannelRefusedError: when it is something else
    """
    if len(content) != len(HELLO) + 4 or content[: len(HELLO)] != HELLO:
        raise ChannelRefusedError("who connected says no hello of this version of flnode")
    return int.from_bytes(content[len(HELLO) :], "big")


def _dial(endpoint: str, end: float) -> socket.socket:
    host, _, port = endpoint.rpartition(":")
    if not (host and port.isdecimal() and int(port) < 2**16):
        raise ChannelRefusedError(f"{endpoint!r} is no endpoint: it should be host:port")
    seconds = max(end - time.monotonic(), _LEAST_DIAL_SECONDS)
    try:
        return socket.create_connection((host.strip("[]"), int(port)), timeout=seconds)
    except OSError as error:
        raise ChannelClosedError(
            f"nobody answers at {endpoint} ({error.strerror or error}): is the provider running?"
        ) from error


def _meet(stream: Stream, endpoint: str, expected: Certificate, end: float) -> None:
    """Shake hands with the one who announced this certificate, and with nobody else."""
    try:
        stream.shake_hands(end - time.monotonic())
    except ChannelRefusedError as error:
        found = _shown(endpoint, end)
        if found in (b"", expected.der):
            raise ChannelRefusedError(f"{stream.peer}: {error}") from error
        raise _other(stream, expected, found) from error
    if stream.peer_certificate != expected.der:
        raise _other(stream, expected, stream.peer_certificate)


def _introduce(stream: Stream, ours: Certificate, node: int, end: float) -> None:
    """Say who we are; the provider judges our certificate only after its own handshake."""
    try:
        stream.send(encode_hello(node))
        answer = stream.receive(end - time.monotonic())
    except ChannelRefusedError as error:
        raise ChannelRefusedError(
            f"{stream.peer} does not accept the certificate {ours} of node {node}: {error}; "
            "see that it is announced on the same contract"
        ) from error
    if answer != HELLO:
        shown = bytes(answer).decode(errors="replace")
        raise ChannelRefusedError(f"{stream.peer} does not let in node {node}: {shown}")


def _shown(endpoint: str, end: float) -> bytes:
    """Ask once more who is there, to name it in an error; nothing is said to it or trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with _dial(endpoint, end) as dialled, context.wrap_socket(dialled) as tls:
            return tls.getpeercert(binary_form=True) or b""
    except (OSError, ChannelClosedError):
        return b""


def _other(stream: Stream, expected: Certificate, found: bytes) -> ChannelRefusedError:
    try:
        shown = str(read_certificate(found))
    except CertificateError:
        shown = f"one that is no session's (sha256 {hashlib.sha256(found).hexdigest()[:16]}…)"
    return ChannelRefusedError(
        f"{stream.peer} should show the certificate {expected}, as announced, and shows {shown}: "
        "see the endpoint, and whether the provider has announced another"
    )
