"""Certificates that a peer announces: exactly those that are made here, or a named refusal."""

import contextlib
import datetime
import hashlib
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from fl_node.errors import CertificateError
from fl_node.split.channel.certificate import _SEALING_KEY_OID, read_certificate
from fl_node.split.channel.keys import SessionKeys

OURS = SessionKeys.create("ana", days=3)
SHA256 = hashes.SHA256()
NAME = "ana" * 12
KEY, OTHER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def made(
    subject=NAME,
    issuer=NAME,
    key=KEY,
    signer=KEY,
    digest=SHA256,
    basic=(False, True),
    sealing=bytes(range(32)),
    host=f"{NAME}.invalid",
    extra=None,
):
    """Build a certificate that breaks at most the rules that are asked for."""
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
    )
    if basic:
        ca, critical = basic
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical)
    if host:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False)
    if sealing is not None:
        builder = builder.add_extension(
            x509.UnrecognizedExtension(_SEALING_KEY_OID, sealing), False
        )
    if extra:
        builder = builder.add_extension(extra, False)
    return builder.sign(signer, digest).public_bytes(Encoding.DER)


def test_the_unbroken_one_is_taken():
    assert read_certificate(made()).sealing_key == bytes(range(32))


RSA = rsa.generate_private_key(65537, 2048)
P384 = ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()


@pytest.mark.parametrize(
    ("der", "reason"),
    [
        (made(issuer="root"), "not self-signed"),
        (made(signer=OTHER), "signature is wrong"),
        (made(key=RSA, signer=RSA), "ECDSA with SHA-256"),
        (made(key=P384, signer=P384), "another kind than P-256"),
        (made(key=RSA), "another kind than P-256"),
        (made(key=ED, signer=ED, digest=None), "ECDSA with SHA-256"),
        (made(digest=hashes.SHA512()), "ECDSA with SHA-256"),
        (made(basic=(True, True)), "could issue others"),
        (made(basic=(False, False)), "could issue others"),
        (made(basic=None), "three of a session"),
        (made(host=None), "three of a session"),
        (made(host="ben.invalid"), "alternative name"),
        (made(sealing=None), "three of a session"),
        (made(sealing=bytes(31)), "no sealing key"),
        (made(extra=x509.SubjectKeyIdentifier(b"1")), "three of a session"),
        (made(extra=x509.SubjectKeyIdentifier(bytes(2000))), "at most 2048"),
        (made() + b"\0", "no X.509"),
        (made()[:-1], "no X.509"),
        (b"", "no X.509"),
        (bytes(2048), "no X.509"),
        (bytes(2049), "at most 2048"),
    ],
)
def test_a_certificate_that_breaks_a_rule_is_refused_by_that_rule(der, reason):
    with pytest.raises(CertificateError, match=reason):
        read_certificate(der)


def test_no_bit_of_a_certificate_can_be_changed():
    whole = int.from_bytes(OURS.certificate, "big")
    for bit in range(8 * len(OURS.certificate)):
        with pytest.raises(CertificateError):
            read_certificate((whole ^ (1 << bit)).to_bytes(len(OURS.certificate), "big"))


@given(st.binary(max_size=2100))
def test_any_bytes_are_a_certificate_or_refused(der):
    with contextlib.suppress(CertificateError):
        read_certificate(der)


def test_ours_reads_as_what_it_was_made_from():
    found = read_certificate(OURS.certificate)
    assert found == OURS.announced
    assert found.name.startswith("ana ")
    assert found.fingerprint == hashlib.sha256(OURS.certificate).digest()
    assert len(OURS.certificate) < 600


def test_it_is_valid_from_an_hour_ago_for_as_long_as_was_asked():
    before = time.time()
    keys = SessionKeys.create("ana", days=3)
    after = time.time()
    assert int(before) + 3 * 86400 <= keys.expires <= after + 3 * 86400
    for moment in (before - 3500, after, before + 2.9 * 86400):
        keys.announced.require_valid(moment)
    for moment in (before - 3700, after + 3.1 * 86400):
        with pytest.raises(CertificateError, match="is valid from"):
            keys.announced.require_valid(moment)


def test_openssl_finds_it_sound(tmp_path):
    (tmp_path / "certificate.der").write_bytes(OURS.certificate)
    command = ["openssl", "x509", "-inform", "DER", "-in", "certificate.der", "-text"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    for line in ("Version: 3", "CA:FALSE", "prime256v1", OURS.announced.name):
        assert line in shown
