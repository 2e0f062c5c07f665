"""A session's certificate: self-signed, for one party, never trusted for another's."""

import datetime
import hashlib
import re
import secrets
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID

from fl_node.errors import CertificateError

MAX_CERTIFICATE_BYTES = 2048
SEALING_KEY_BYTES = 32
_MAX_NAME_LETTERS = 40
_NAME_BYTES = 8
_MAX_DAYS = 366
# A peer whose clock is behind must find it valid at once.
_EARLIER = datetime.timedelta(hours=1)
# Below 2.25 anyone takes a UUID as an arc (ITU-T X.667); this one was drawn for X25519 keys.
_SEALING_KEY_OID = x509.ObjectIdentifier("2.25.177962341570183236458170396422187305521")
# Version 3, a positive serial number, ECDSA with SHA-256 twice without parameters, whole bytes of
# signature (RFC 5280, section 4.1): where it is otherwise, the library warns or takes it.
_ECDSA = rb"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
_SHAPE = re.compile(
    rb"\x30\x82..\x30\x82..\xa0\x03\x02\x01\x02\x02(?!\x01\x00).[\x00-\x7f].{0,19}"
    + _ECDSA
    + rb".+"
    + _ECDSA
    + rb"\x03.\x00.{8,140}",
    re.DOTALL,
)
# What the library raises for bytes of all kinds; it lists none of them.
_UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_EXTENSIONS = {
    ExtensionOID.BASIC_CONSTRAINTS,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    _SEALING_KEY_OID,
}


@dataclass(frozen=True)
class Certificate:
    """What an announced certificate says.

    :ivar der: its bytes
    :ivar name: the common name, that of one session and party only
    :ivar sealing_key: X25519 public key for bytes that only this party may read
    :ivar starts: Unix seconds, from which on it is valid
    :ivar expires: Unix seconds, until which it is
    """

    der: bytes
    name: str
    sealing_key: bytes
    starts: int
    expires: int

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the DER bytes: what an account announces."""
        return hashlib.sha256(self.der).digest()

    def __str__(self) -> str:
        """Give the name, and enough of the fingerprint to tell it from another."""
        return f"{self.name!r} (sha256 {self.fingerprint.hex()[:16]}…)"

    def require_valid(self, now: float) -> None:
        """See that its time has come and is not over.

        :param now: Unix seconds
        :raises CertificateError: when not
        """
        if not self.starts <= now <= self.expires:
            raise CertificateError(
                f"the certificate {self} is valid from {_date(self.starts)} to "
                f"{_date(self.expires)}, and it is {_date(now)}: announce another"
            )


def issue_certificate(
    name: str, days: int, now: float, key: ec.EllipticCurvePrivateKey, sealing_key: bytes
) -> Certificate:
    """Sign a certificate for a P-256 key with that key.

    :param name: what to call the session and the party; a random part is added
    :param now: Unix seconds
    :raises CertificateError: when the name is too long, or the life is not one day to a year
    """
    if not (name.isascii() and name.isprintable() and 0 < len(name) <= _MAX_NAME_LETTERS):
        raise CertificateError(f"{name!r} names no session: 1 to {_MAX_NAME_LETTERS} ASCII letters")
    if not 1 <= days <= _MAX_DAYS:
        raise CertificateError(f"a certificate for {days} days: it lasts 1 to {_MAX_DAYS}")
    label = f"{name} {secrets.token_hex(_NAME_BYTES)}"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, label)])
    start = datetime.datetime.fromtimestamp(int(now), datetime.UTC)
    unsigned = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - _EARLIER)
        .not_valid_after(start + datetime.timedelta(days=days))
        # Without it, whoever the key's owner signs a certificate for would be taken for the owner.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_alternative(label), critical=False)
        .add_extension(x509.UnrecognizedExtension(_SEALING_KEY_OID, sealing_key), critical=False)
    )
    return read_certificate(unsigned.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))


def read_certificate(der: bytes) -> Certificate:
    """Take a certificate that another announced, if it is exactly as `issue_certificate` makes it.

    Whether it is valid now is another question.

    :raises CertificateError: naming the rule that it breaks
    """
    _require(
        len(der) <= MAX_CERTIFICATE_BYTES,
        f"it has {len(der)} bytes, at most {MAX_CERTIFICATE_BYTES} are read",
    )
    _require(bool(_SHAPE.fullmatch(der)), "it is no X.509 v3 signed by ECDSA with SHA-256")
    try:
        return _read(x509.load_der_x509_certificate(der))
    except InvalidSignature as error:
        raise CertificateError("the certificate is refused: its signature is wrong") from error
    except _UNREADABLE as error:
        raise CertificateError(
            f"these {len(der)} bytes are no X.509 certificate: {error}"
        ) from error


def public_key_of(certificate: Certificate) -> ec.EllipticCurvePublicKey:
    """Give the P-256 key of a certificate that was read before."""
    key = x509.load_der_x509_certificate(certificate.der).public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise CertificateError(f"the certificate {certificate} holds another key than P-256")
    return key


def _read(found: x509.Certificate) -> Certificate:
    _require_p256(found)
    _require(found.issuer == found.subject, "another party issued it, it is not self-signed")
    found.verify_directly_issued_by(found)
    names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    _require(len(names) == len(found.subject.rdns) == 1, "its subject is not one common name")
    label = str(names[0].value)
    return Certificate(
        found.public_bytes(Encoding.DER),
        label,
        _read_extensions(found.extensions, label),
        int(found.not_valid_before_utc.timestamp()),
        int(found.not_valid_after_utc.timestamp()),
    )


def _require_p256(found: x509.Certificate) -> None:
    key = found.public_key()
    curve = key.curve.name if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__
    _require(curve == "secp256r1", f"its key is of another kind than P-256: {curve}")


def _read_extensions(found: x509.Extensions, label: str) -> bytes:
    """Check all of them; gives the sealing key."""
    by_oid = {extension.oid: extension for extension in found}
    _require(set(by_oid) == _EXTENSIONS, "its extensions are not the three of a session")
    basic = by_oid[ExtensionOID.BASIC_CONSTRAINTS]
    _require(
        basic.critical and basic.value == x509.BasicConstraints(ca=False, path_length=None),
        "it could issue others (BasicConstraints must be critical, with CA false)",
    )
    alternative = by_oid[ExtensionOID.SUBJECT_ALTERNATIVE_NAME].value
    _require(alternative == _alternative(label), "its alternative name is not its common name")
    sealing = by_oid[_SEALING_KEY_OID]
    key = sealing.value.value if isinstance(sealing.value, x509.UnrecognizedExtension) else b""
    _require(not sealing.critical and len(key) == SEALING_KEY_BYTES, "it holds no sealing key")
    return key


def _alternative(label: str) -> x509.SubjectAlternativeName:
    """Say the name where TLS implementations look for one: as a host that no resolver knows."""
    host = "".join(letter if letter.isalnum() else "-" for letter in label)
    return x509.SubjectAlternativeName([x509.DNSName(f"{host}.invalid")])


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise CertificateError(f"the certificate is refused: {reason}")


def _date(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
