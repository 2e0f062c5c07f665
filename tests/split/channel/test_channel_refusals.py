"""Who is not who was announced gets no further than the handshake, and reads why."""

import datetime
import socket
import ssl
import threading
import time
from contextlib import contextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from fl_node.errors import (
    CertificateError,
    ChannelClosedError,
    ChannelRefusedError,
    DeadlineError,
    UnreachableError,
)
from fl_node.split.channel import certificate, server
from fl_node.split.channel.keys import SessionKeys
from tests.split.parties import (
    ANA,
    BEN,
    PROVIDER,
    SECONDS,
    STRANGER,
    connected,
    listening,
    pair,
)

DAY_SECONDS = 86_400


def stale(monkeypatch):
    """Make keys whose certificate ended yesterday."""
    with monkeypatch.context() as patch:
        before = time.time() - 2 * DAY_SECONDS
        patch.setattr(time, "time", lambda: before)
        return SessionKeys.create("late", days=1)


def issued_by(keys):
    """Make what the owner of these keys could sign for another: PEM of the chain and the key."""
    issuer = load_pem_private_key(keys.tls_pem.partition(b"-----BEGIN CERT")[0], None)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    issued = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "friend")]))
        .issuer_name(x509.load_der_x509_certificate(keys.certificate).subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(issuer, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain = issued.public_bytes(Encoding.PEM) + ssl.DER_cert_to_PEM_cert(keys.certificate).encode()
    return private + chain


def context(purpose, pem=None, folder=None, **settings):
    """Make a plain TLS context that trusts everybody."""
    made = ssl.SSLContext(purpose)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if pem:
        (folder / "chain.pem").write_bytes(pem)
        made.load_cert_chain(folder / "chain.pem")
    for name, value in settings.items():
        setattr(made, name, value)
    return made


def answer_of(endpoint, client_context):
    """Shake hands as a plain TLS client and read; gives what came."""
    host, port = endpoint.split(":")
    with (
        socket.create_connection((host, int(port)), timeout=SECONDS) as plain,
        client_context.wrap_socket(plain) as tls,
    ):
        return tls.recv(100)


@contextmanager
def answering(act):
    """Listen, and do this with whoever connects, as often as they do."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    peer.settimeout(SECONDS)
                    try:
                        act(peer)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(SECONDS)


def shake_hands(server_context):
    def act(peer):
        with server_context.wrap_socket(peer, server_side=True) as tls:
            tls.recv(100)

    return act


def is_open(listener):
    """Say whether those who were announced still get in."""
    with connected(listener.endpoint) as node:
        node.send(b"x")
        return listener.accept(1, SECONDS).receive(SECONDS) == b"x"


def test_a_stranger_does_not_get_in_and_reads_whose_certificate_was_refused():
    said = []
    with listening(said=said) as listener:
        with pytest.raises(ChannelRefusedError) as caught:
            connected(listener.endpoint, keys=STRANGER)
        assert str(STRANGER.announced) in str(caught.value)
        assert "of node 1" in str(caught.value)
        assert "unknown ca" in str(caught.value)
        assert not listener.streams
        assert is_open(listener)
    assert len(said) == 1
    assert "not let in" in said[0]


def test_a_provider_of_another_certificate_is_named_beside_the_announced_one():
    with listening(keys=STRANGER) as listener, pytest.raises(ChannelRefusedError) as caught:
        connected(listener.endpoint)
    assert f"should show the certificate {PROVIDER.announced}" in str(caught.value)
    assert f"shows {STRANGER.announced}" in str(caught.value)


def test_who_shows_no_certificate_does_not_get_in():
    with listening() as listener:
        with pytest.raises(ssl.SSLError, match=r"(?i)certificate.required"):
            answer_of(listener.endpoint, context(ssl.PROTOCOL_TLS_CLIENT))
        assert is_open(listener)


def test_who_has_a_certificate_that_an_announced_one_issued_does_not_get_in(tmp_path):
    with listening() as listener:
        plain = context(ssl.PROTOCOL_TLS_CLIENT, issued_by(ANA), tmp_path)
        with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
            answer_of(listener.endpoint, plain)
        assert not listener.streams


def test_a_provider_with_a_certificate_that_the_announced_one_issued_is_refused(tmp_path):
    plain = context(ssl.PROTOCOL_TLS_SERVER, issued_by(PROVIDER), tmp_path)
    with (
        answering(shake_hands(plain)) as endpoint,
        pytest.raises(ChannelRefusedError, match="shows one that is no session's"),
    ):
        connected(endpoint)


def test_a_node_whose_certificate_is_over_does_not_get_in(monkeypatch, tmp_path):
    late = stale(monkeypatch)
    with listening({1: late.certificate, 2: BEN.certificate}) as listener:
        with pytest.raises(CertificateError, match="is valid from"):
            connected(listener.endpoint, keys=late)
        plain = context(ssl.PROTOCOL_TLS_CLIENT, late.tls_pem, tmp_path)
        with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
            answer_of(listener.endpoint, plain)


def test_openssl_refuses_what_is_over_by_itself(monkeypatch, tmp_path):
    late = stale(monkeypatch)
    monkeypatch.setattr(certificate.Certificate, "require_valid", lambda *_: None)
    with listening({1: late.certificate}) as listener:
        plain = context(ssl.PROTOCOL_TLS_CLIENT, late.tls_pem, tmp_path)
        with pytest.raises(ssl.SSLError, match=r"(?i)certificate.expired"):
            answer_of(listener.endpoint, plain)


def test_a_provider_whose_certificate_is_over_is_refused(monkeypatch, tmp_path):
    late = stale(monkeypatch)
    plain = context(ssl.PROTOCOL_TLS_SERVER, late.tls_pem, tmp_path)
    with (
        answering(shake_hands(plain)) as endpoint,
        pytest.raises(CertificateError, match="is valid from"),
    ):
        connected(endpoint, provider=late.certificate)
    with pytest.raises(CertificateError, match="is valid from"), listening(keys=late):
        pass


def test_one_node_does_not_get_in_as_another():
    with listening() as listener:
        with pytest.raises(ChannelRefusedError) as caught:
            connected(listener.endpoint, keys=BEN, node=1)
        for keys in (ANA, BEN):
            assert keys.fingerprint.hex()[:16] in str(caught.value)
        with pytest.raises(ChannelRefusedError, match="node 9 announced the certificate none"):
            connected(listener.endpoint, keys=BEN, node=9)
        assert not listener.streams


def test_who_announces_the_certificate_of_another_does_not_get_its_streams():
    with listening({1: ANA.certificate, 2: ANA.certificate}) as listener:
        assert is_open(listener)
        assert set(listener.streams) == {1}


def test_tls_1_2_is_refused_on_both_sides(tmp_path):
    old = {"maximum_version": ssl.TLSVersion.TLSv1_2}
    with listening() as listener:
        plain = context(ssl.PROTOCOL_TLS_CLIENT, ANA.tls_pem, tmp_path, **old)
        with pytest.raises(ssl.SSLError, match=r"(?i)version"):
            answer_of(listener.endpoint, plain)
        assert is_open(listener)
    plain = context(ssl.PROTOCOL_TLS_SERVER, PROVIDER.tls_pem, tmp_path, **old)
    with (
        answering(shake_hands(plain)) as endpoint,
        pytest.raises(ChannelRefusedError, match=r"does not speak TLS 1\.3"),
    ):
        connected(endpoint)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0" * 1000,
        b"\x16\x03\x01\xff\xff" + b"\1" * 70_000,
        b"\xff" * 100_000,
    ],
)
def test_garbage_is_refused_and_others_still_get_in(garbage):
    with listening() as listener:
        host, port = listener.endpoint.split(":")
        with socket.create_connection((host, int(port)), timeout=SECONDS) as plain:
            try:
                plain.sendall(garbage)
                while plain.recv(1000):
                    continue
            except ConnectionError:
                pass
        assert is_open(listener)


def test_who_answers_with_something_else_is_refused():
    with (
        answering(lambda peer: peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as endpoint,
        pytest.raises((ChannelRefusedError, ChannelClosedError)),
    ):
        connected(endpoint)


def test_who_answers_nothing_is_given_up():
    with (
        answering(lambda peer: peer.recv(10**6) and peer.recv(10**6)) as endpoint,
        pytest.raises(DeadlineError, match="has not shaken hands in time"),
    ):
        connected(endpoint, timeout_seconds=0.5)


def test_who_is_silent_keeps_nobody_out_and_is_dropped(monkeypatch):
    monkeypatch.setattr(server, "HANDSHAKE_SECONDS", 3)
    said = []
    with listening(said=said) as listener:
        host, port = listener.endpoint.split(":")
        silent = [socket.create_connection((host, int(port))) for _ in range(10)]
        assert is_open(listener)
        for each in silent:
            each.settimeout(SECONDS)
            assert each.recv(1) == b""
            each.close()
    assert len(said) == 10


def test_handshakes_that_hang_do_not_hold_up_the_end(new_threads, monkeypatch):
    monkeypatch.setattr(server, "HANDSHAKE_SECONDS", SECONDS)
    with listening() as listener:
        host, port = listener.endpoint.split(":")
        silent = [socket.create_connection((host, int(port))) for _ in range(40)]
        time.sleep(0.3)
        started = time.monotonic()
    assert time.monotonic() - started < SECONDS / 4
    assert not new_threads()
    for each in silent:
        each.close()


def test_who_is_announced_later_gets_in_without_a_restart():
    announced = {}
    with listening(lambda: announced) as listener:
        with pytest.raises(ChannelRefusedError):
            connected(listener.endpoint)
        announced[1] = ANA.certificate
        assert is_open(listener)
        del announced[1]
        with pytest.raises(ChannelRefusedError):
            connected(listener.endpoint)


@pytest.mark.parametrize("announced", [b"", b"no certificate", bytes(5000)])
def test_one_bad_announcement_keeps_nobody_else_out(announced):
    with listening({1: ANA.certificate, 2: announced}) as listener:
        assert is_open(listener)
        with pytest.raises(ChannelRefusedError):
            connected(listener.endpoint, node=2)


def test_a_chain_that_is_away_keeps_out_until_it_is_back():
    answers = [UnreachableError("the chain does not answer"), {1: ANA.certificate}]

    def admitted():
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    said = []
    with listening(admitted, said=said) as listener:
        with pytest.raises(ChannelClosedError):
            connected(listener.endpoint)
        assert is_open(listener)
    assert "the chain does not answer" in said[0]


@pytest.mark.parametrize("endpoint", ["", "localhost", "127.0.0.1:", "127.0.0.1:70000", ":80"])
def test_what_is_no_endpoint_is_named(endpoint):
    with pytest.raises(ChannelRefusedError, match="should be host:port"):
        connected(endpoint)


def test_a_port_that_is_taken_is_named():
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ChannelRefusedError, match="name another address or port"),
        server.Server(
            PROVIDER,
            dict,
            port=taken.getsockname()[1],
            max_message_bytes=1,
            send_seconds=1,
            say=print,
        ),
    ):
        pass


def test_it_listens_on_loopback_unless_told_otherwise():
    with listening() as listener:
        assert listener.endpoint.startswith("127.0.0.1:")
    with listening(host="::1") as listener:
        assert listener.endpoint.startswith("[::1]:")
        assert is_open(listener)


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 5, 40, 1000, 20_000])
def test_a_byte_changed_on_the_way_ends_the_stream(at):
    with pair() as (provider, node):
        node._tls.encrypt(memoryview((30_000).to_bytes(4, "big") + bytes(30_000)))
        changed = bytearray(node._tls._to_send.read())
        changed[at] ^= 1
        node._tls._socket.setblocking(True)
        node._tls._socket.sendall(changed)
        with pytest.raises((ChannelClosedError, DeadlineError)):
            provider.receive(1)
