"""Sealing is RFC 9180: held against its published vector by a slow twin that anybody can read."""

import dataclasses
import hashlib
import hmac

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from fl_node.errors import SealedError
from fl_node.split.channel.keys import SessionKeys, seal

# RFC 9180, appendix A.2.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305, base mode,
# and the encryption of sequence number 0.
INFO = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
SENDER_SECRET = bytes.fromhex("f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600")
RECEIVER = bytes.fromhex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a")
RECEIVER_SECRET = bytes.fromhex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb")
SHARED = bytes.fromhex("0bbe78490412b4bbea4812666f7916932b828bba79942424abb65244930d69a7")
KEY = bytes.fromhex("ad2744de8e17f4ebba575b3f5f5a8fa1f69c2a07f6e7500bc60ca6e3e3ec1c91")
NONCE = bytes.fromhex("5c4d98150661b848853b547f")
PLAIN = bytes.fromhex("4265617574792069732074727574682c20747275746820626561757479")
EXTRA = bytes.fromhex("436f756e742d30")
ENCAPSULATED = bytes.fromhex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a")
SEALED = ENCAPSULATED + bytes.fromhex(
    "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"
)

KEM_SUITE = b"KEM" + bytes.fromhex("0020")  # DHKEM(X25519, HKDF-SHA256)
SUITE = b"HPKE" + bytes.fromhex("0020 0001 0003")  # and HKDF-SHA256, ChaCha20Poly1305


def extracted(salt, suite, label, content):
    """RFC 9180, section 4: LabeledExtract."""
    return hmac.digest(salt, b"HPKE-v1" + suite + label + content, hashlib.sha256)


def expanded(key, suite, label, info, length):
    """RFC 9180, section 4: LabeledExpand, for at most one block of HKDF (RFC 5869)."""
    labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(key, labeled + b"\1", hashlib.sha256)[:length]


def shared_secret(own_secret, other, encapsulated, receiver):
    """RFC 9180, section 4.1: Encap and Decap, which differ in whose secret they have."""
    product = X25519PrivateKey.from_private_bytes(own_secret).exchange(
        X25519PublicKey.from_public_bytes(other)
    )
    drawn = extracted(b"", KEM_SUITE, b"eae_prk", product)
    return expanded(drawn, KEM_SUITE, b"shared_secret", encapsulated + receiver, 32)


def key_and_nonce(shared, info):
    """RFC 9180, section 5.1: KeySchedule in base mode; the nonce is that of sequence number 0."""
    context = b"\0" + b"".join(
        extracted(b"", SUITE, label, content)
        for label, content in ((b"psk_id_hash", b""), (b"info_hash", info))
    )
    secret = extracted(shared, SUITE, b"secret", b"")
    return expanded(secret, SUITE, b"key", context, 32), expanded(
        secret, SUITE, b"base_nonce", context, 12
    )


def slowly_opened(sealed, info, extra):
    encapsulated = sealed[:32]
    shared = shared_secret(RECEIVER_SECRET, encapsulated, encapsulated, RECEIVER)
    key, nonce = key_and_nonce(shared, info)
    return ChaCha20Poly1305(key).decrypt(nonce, sealed[32:], extra)


def slowly_sealed(content, info, extra):
    shared = shared_secret(SENDER_SECRET, RECEIVER, ENCAPSULATED, RECEIVER)
    key, nonce = key_and_nonce(shared, info)
    return ENCAPSULATED + ChaCha20Poly1305(key).encrypt(nonce, content, extra)


@pytest.fixture(scope="module")
def receiver():
    """The keys of a party whose sealing key is the vector's."""
    secret = X25519PrivateKey.from_private_bytes(RECEIVER_SECRET)
    return dataclasses.replace(SessionKeys.create("ana", days=1), _sealing=secret)


def test_the_twin_agrees_with_the_published_vector():
    assert shared_secret(SENDER_SECRET, RECEIVER, ENCAPSULATED, RECEIVER) == SHARED
    assert key_and_nonce(SHARED, INFO) == (KEY, NONCE)
    assert slowly_sealed(PLAIN, INFO, EXTRA) == SEALED
    assert slowly_opened(SEALED, INFO, EXTRA) == PLAIN


def test_what_the_twin_seals_opens(receiver):
    assert receiver.open_sealed(slowly_sealed(PLAIN, INFO, b""), INFO) == PLAIN


def test_the_twin_opens_what_is_sealed():
    assert slowly_opened(seal(PLAIN, RECEIVER, INFO), INFO, b"") == PLAIN


def test_nothing_is_authenticated_beside_the_context(receiver):
    """The vector's own bytes have extra data with them, which sealing does not use."""
    with pytest.raises(SealedError, match="another party or step"):
        receiver.open_sealed(SEALED, INFO)
    with pytest.raises(InvalidTag):
        slowly_opened(seal(PLAIN, RECEIVER, INFO), INFO, EXTRA)
