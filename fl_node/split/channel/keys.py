"""What a party holds for one session: a certificate, a key to sign with, a key to open with."""

import os
import re
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from fl_node.errors import CertificateError, KeystoreError, SealedError
from fl_node.files import write_atomically
from fl_node.split.channel.certificate import (
    Certificate,
    issue_certificate,
    public_key_of,
    read_certificate,
)

KEY_BYTES = 32
SIGNATURE_BYTES = 64
FILE_NAME = "session-keys.pem"
_OWNER_ONLY, _OTHERS = 0o600, 0o077
_MAX_FILE_BYTES = 10_000
_PEM = re.compile(rb"-----BEGIN (?:[A-Z ]+)-----\n[A-Za-z0-9+/=\n]+-----END (?:[A-Z ]+)-----\n")
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
# The points of small order and their other encodings, without the sign bit: with such a key
# anybody makes signatures that hold, so it would say nothing about who signed.
_SMALL_ORDER = {
    bytes.fromhex(y)
    for y in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
}


@dataclass(frozen=True)
class SessionKeys:
    """The secrets of one party in one session; they appear in no text of it.

    :ivar announced: the certificate, as the peer is to find it
    """

    announced: Certificate
    _tls: ec.EllipticCurvePrivateKey = field(repr=False)
    _signing: Ed25519PrivateKey = field(repr=False)
    _sealing: X25519PrivateKey = field(repr=False)

    @classmethod
    def create(cls, name: str, days: int) -> "SessionKeys":
        """Draw new ones.

        :param name: what to call session and party; at most 40 ASCII letters
        :param days: how long the certificate is valid from now on
        :raises CertificateError: when name or days cannot be
        """
        tls = ec.generate_private_key(ec.SECP256R1())
        sealing = X25519PrivateKey.generate()
        public = sealing.public_key().public_bytes_raw()
        announced = issue_certificate(name, days, time.time(), tls, public)
        return cls(announced, tls, Ed25519PrivateKey.generate(), sealing)

    @classmethod
    def load_or_create(cls, folder: Path, name: str, days: int) -> "SessionKeys":
        """Give those kept in a folder, or draw new ones and keep them there.

        Bytes that were signed before a crash must be sent again as they were: so with these keys.
        Whoever holds the account's lock is alone here.

        :raises KeystoreError: when the file is not as it was written, or others may read it
        :raises CertificateError: when name or days cannot be
        :raises OSError: when the folder cannot be written
        """
        path = folder / FILE_NAME
        if path.exists():
            return cls._load(path)
        keys = cls.create(name, days)
        write_atomically(path, keys._pem_blocks(), mode=_OWNER_ONLY)
        return keys

    @property
    def certificate(self) -> bytes:
        """The certificate's DER bytes."""
        return self.announced.der

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate."""
        return self.announced.fingerprint

    @property
    def expires(self) -> int:
        """Unix seconds, until which the certificate is valid."""
        return self.announced.expires

    @property
    def key(self) -> bytes:
        """The Ed25519 public key for messages: 32 bytes."""
        return self._signing.public_key().public_bytes_raw()

    @property
    def tls_pem(self) -> bytes:
        """The certificate's private key and the certificate, for TLS alone: never to be shown."""
        key, certificate, *_ = self._pem_blocks()
        return key + certificate

    def sign(self, content: bytes) -> bytes:
        """Sign with Ed25519 (RFC 8032): 64 bytes, the same for the same content."""
        return self._signing.sign(content)

    def open_sealed(self, sealed: bytes, context: bytes) -> bytes:
        """Read what was sealed for this party.

        :param context: what it was said to belong to when it was sealed
        :raises SealedError: when it is for another, of another context, or was changed
        """
        try:
            return _SUITE.decrypt(sealed, self._sealing, context)
        except InvalidTag as error:
            raise SealedError(
                f"these {len(sealed)} sealed bytes do not open with the key of {self.announced}: "
                "they are for another party or step, or were changed; have them sealed again"
            ) from error

    def _pem_blocks(self) -> tuple[bytes, bytes, bytes, bytes]:
        """Give the certificate's key, the certificate, the signing key, the sealing key."""
        tls, signing, sealing = (
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            for key in (self._tls, self._signing, self._sealing)
        )
        return tls, ssl.DER_cert_to_PEM_cert(self.certificate).encode(), signing, sealing

    @classmethod
    def _load(cls, path: Path) -> "SessionKeys":
        content = _read_private(path)
        blocks = _PEM.findall(content)
        try:
            return cls._from_blocks(content, blocks)
        except (ValueError, TypeError, UnsupportedAlgorithm, CertificateError) as error:
            raise KeystoreError(
                f"{path} does not hold a session's keys as they were written: "
                "restore a copy, or move it away and announce new ones"
            ) from error

    @classmethod
    def _from_blocks(cls, content: bytes, blocks: list[bytes]) -> "SessionKeys":
        tls_block, certificate_block, signing_block, sealing_block = blocks
        announced = read_certificate(ssl.PEM_cert_to_DER_cert(certificate_block.decode()))
        tls, signing, sealing = (
            load_pem_private_key(block, None) for block in (tls_block, signing_block, sealing_block)
        )
        if not (
            isinstance(tls, ec.EllipticCurvePrivateKey)
            and isinstance(signing, Ed25519PrivateKey)
            and isinstance(sealing, X25519PrivateKey)
        ):
            raise TypeError("keys of other kinds")
        keys = cls(announced, tls, signing, sealing)
        if b"".join(keys._pem_blocks()) != content or not keys._belong_together():
            raise ValueError("keys of several sessions")
        return keys

    def _belong_together(self) -> bool:
        tls = public_key_of(self.announced) == self._tls.public_key()
        sealing = self._sealing.public_key().public_bytes_raw()
        return tls and self.announced.sealing_key == sealing


def verify(key: bytes, content: bytes, signature: bytes) -> bool:
    """Say whether a party's key signed this content (Ed25519, RFC 8032).

    :param key: 32 bytes as announced; one for which anybody can sign verifies nothing
    """
    if is_weak(key):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except InvalidSignature:
        return False
    return True


def is_weak(key: bytes) -> bool:
    """Say whether an Ed25519 key is one for which anybody can sign: refuse it when announced."""
    return key[:-1] + bytes([key[-1] & 0x7F]) in _SMALL_ORDER


def seal(content: bytes, to: bytes, context: bytes) -> bytes:
    """Encrypt for one party: HPKE base mode (RFC 9180) with X25519, HKDF-SHA256, ChaCha20-Poly1305.

    Who sealed it is not part of it: a signed record over the sealed bytes says that.

    :param to: the sealing key in that party's certificate, 32 bytes
    :param context: what it belongs to; the other must name the same to open it
    :returns: 48 bytes more than the content: the encapsulated key first, the tag last
    :raises SealedError: when the key is none that anything can be sealed for
    """
    try:
        return _SUITE.encrypt(content, X25519PublicKey.from_public_bytes(to), context)
    except ValueError as error:
        raise SealedError(f"nothing can be sealed for the key {to.hex()}: {error}") from error


def _read_private(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            content = stream.read(_MAX_FILE_BYTES)
    except OSError as error:
        raise KeystoreError(f"{path} cannot be read: {error.strerror}") from error
    if mode & _OTHERS:
        raise KeystoreError(f"{path} can be read by others (mode {mode & 0o777:o}): chmod 600 it")
    return content
