"""A session's keys: kept whole, never shown, and good for exactly one party."""

import dataclasses
import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.errors import CertificateError, KeystoreError, SealedError
from fl_node.split.channel.keys import _SMALL_ORDER, FILE_NAME, SessionKeys, is_weak, seal, verify

ANA, BEN = (SessionKeys.create(name, days=2) for name in ("ana", "ben"))
PRIME = 2**255 - 19
EDWARDS_D = -121665 * pow(121666, -1, PRIME) % PRIME


def doubled(point):
    """Add a point of edwards25519 to itself (RFC 8032, section 5.1; affine, slow, readable)."""
    x, y = point
    product = EDWARDS_D * x * x * y * y
    return (
        2 * x * y * pow(1 + product, -1, PRIME) % PRIME,
        (y * y + x * x) * pow(1 - product, -1, PRIME) % PRIME,
    )


def decoded(key):
    """Give a point for a y coordinate in 32 bytes (RFC 8032, section 5.1.3)."""
    y = int.from_bytes(key, "little") % 2**255 % PRIME
    square = (y * y - 1) * pow(EDWARDS_D * y * y + 1, -1, PRIME) % PRIME
    root = pow(square, (PRIME + 3) // 8, PRIME)
    if root * root % PRIME != square:
        root = root * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    assert root * root % PRIME == square
    return root, y


def test_a_signature_holds_for_its_content_and_key_alone():
    signature = ANA.sign(b"step 7")
    assert len(signature) == 64
    assert len(ANA.key) == 32
    assert verify(ANA.key, b"step 7", signature)
    assert not verify(ANA.key, b"step 8", signature)
    assert not verify(BEN.key, b"step 7", signature)


@given(st.integers(0, 511))
def test_no_bit_of_a_signature_can_be_changed(bit):
    signature = int.from_bytes(ANA.sign(b"step 7"), "big") ^ (1 << bit)
    assert not verify(ANA.key, b"step 7", signature.to_bytes(64, "big"))


@pytest.mark.parametrize("length", [0, 63, 65])
def test_a_signature_of_another_length_does_not_hold(length):
    assert not verify(ANA.key, b"step 7", bytes(length))


def test_the_same_content_is_signed_with_the_same_bytes():
    assert ANA.sign(b"step 7") == ANA.sign(b"step 7")


@pytest.mark.parametrize("sign", [0, 0x80])
@pytest.mark.parametrize("weak", sorted(_SMALL_ORDER))
def test_a_key_for_which_anybody_can_sign_verifies_nothing(weak, sign):
    key = weak[:-1] + bytes([weak[-1] | sign])
    assert is_weak(key)
    neutral_point_and_nothing = (1).to_bytes(32, "little") + bytes(32)
    assert not verify(key, b"anything", neutral_point_and_nothing)


def test_eight_times_a_weak_key_is_the_neutral_point():
    for key in _SMALL_ORDER:
        assert doubled(doubled(doubled(decoded(key)))) == (0, 1)
    assert doubled(doubled(doubled(decoded(ANA.key)))) != (0, 1)


def test_drawn_keys_are_not_weak():
    assert not is_weak(ANA.key)


def test_two_sessions_of_one_name_share_nothing():
    first, second = (SessionKeys.create("ana", days=1) for _ in range(2))
    assert first.announced.name != second.announced.name
    assert first.fingerprint != second.fingerprint
    assert first.key != second.key
    assert first.announced.sealing_key != second.announced.sealing_key


def test_kept_keys_come_back_the_same(tmp_path):
    kept = SessionKeys.load_or_create(tmp_path, "ana", days=2)
    found = SessionKeys.load_or_create(tmp_path, "another", days=5)
    assert found.certificate == kept.certificate
    assert found.tls_pem == kept.tls_pem
    assert found.sign(b"step") == kept.sign(b"step")
    assert found.open_sealed(seal(b"x", kept.announced.sealing_key, b"c"), b"c") == b"x"


def test_the_file_is_for_its_owner_only_from_the_first_byte(tmp_path):
    before = os.umask(0)
    try:
        SessionKeys.load_or_create(tmp_path, "ana", days=2)
    finally:
        os.umask(before)
    assert [entry.name for entry in tmp_path.iterdir()] == [FILE_NAME]
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_keys_that_others_may_read_are_refused(tmp_path, mode):
    SessionKeys.load_or_create(tmp_path, "ana", days=2)
    (tmp_path / FILE_NAME).chmod(mode)
    with pytest.raises(KeystoreError, match=f"mode {mode:o}.*chmod 600"):
        SessionKeys.load_or_create(tmp_path, "ana", days=2)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content + b"\n",
        lambda content: content * 2,
        lambda content: content.replace(b"BEGIN CERTIFICATE", b"BEGIN PRIVATE KEY"),
        lambda content: b"\xff" + content,
    ],
)
def test_a_spoilt_file_is_refused_and_stays(tmp_path, spoil):
    SessionKeys.load_or_create(tmp_path, "ana", days=2)
    path = tmp_path / FILE_NAME
    path.write_bytes(spoilt := spoil(path.read_bytes()))
    with pytest.raises(KeystoreError, match="as they were written"):
        SessionKeys.load_or_create(tmp_path, "ana", days=2)
    assert path.read_bytes() == spoilt


def test_keys_of_two_sessions_in_one_file_are_refused(tmp_path):
    for name in ("ana", "ben"):
        (tmp_path / name).mkdir()
        SessionKeys.load_or_create(tmp_path / name, name, days=2)
    ana, ben = (tmp_path / name / FILE_NAME for name in ("ana", "ben"))
    mark = b"-----BEGIN CERTIFICATE"
    mixed = ana.read_bytes().partition(mark)[0] + mark + ben.read_bytes().partition(mark)[2]
    ana.write_bytes(mixed)
    with pytest.raises(KeystoreError, match="as they were written"):
        SessionKeys.load_or_create(ana.parent, "ana", days=2)


def test_no_text_shows_a_secret():
    shown = repr(ANA) + str(ANA) + repr(dataclasses.fields(ANA))
    for line in ANA.tls_pem.decode().splitlines()[1:3]:
        assert line not in shown
    assert "PrivateKey object" not in shown


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_certificate_lasts_a_day_to_a_year(days):
    with pytest.raises(CertificateError, match="1 to 366"):
        SessionKeys.create("ana", days=days)


@pytest.mark.parametrize("name", ["", "a" * 41, "ä", "a\n"])
def test_a_name_that_no_certificate_can_hold_is_refused(name):
    with pytest.raises(CertificateError, match="ASCII"):
        SessionKeys.create(name, days=1)


@given(st.binary(max_size=5000), st.binary(max_size=100))
def test_what_is_sealed_for_one_party_opens_for_it(content, context):
    sealed = seal(content, ANA.announced.sealing_key, context)
    assert len(sealed) == len(content) + 48
    assert ANA.open_sealed(sealed, context) == content


def test_what_is_sealed_for_one_party_opens_for_no_other():
    sealed = seal(b"lower part", ANA.announced.sealing_key, b"epoch 1")
    with pytest.raises(SealedError, match="another party or step"):
        BEN.open_sealed(sealed, b"epoch 1")


def test_what_is_sealed_for_one_step_opens_for_no_other():
    sealed = seal(b"lower part", ANA.announced.sealing_key, b"epoch 1")
    with pytest.raises(SealedError, match="another party or step"):
        ANA.open_sealed(sealed, b"epoch 2")


@given(st.integers(0, 58 * 8 - 1))
def test_no_bit_of_sealed_bytes_can_be_changed(bit):
    sealed = int.from_bytes(seal(b"lower part", ANA.announced.sealing_key, b""), "big")
    # X25519 ignores the top bit of a public key (RFC 7748, section 5), but HPKE hashes it.
    with pytest.raises(SealedError):
        ANA.open_sealed((sealed ^ (1 << bit)).to_bytes(58, "big"), b"")


@pytest.mark.parametrize("length", [0, 31, 32, 47])
def test_too_few_sealed_bytes_are_refused(length):
    with pytest.raises(SealedError):
        ANA.open_sealed(bytes(length), b"")


@pytest.mark.parametrize("key", [bytes(32), b"", bytes(31)])
def test_nothing_is_sealed_for_a_key_that_everybody_has(key):
    with pytest.raises(SealedError, match="nothing can be sealed"):
        seal(b"lower part", key, b"")
