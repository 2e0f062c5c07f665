"""What is sealed for several parties: they alone open it, and all find the same in it."""

import hashlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from fl_node.errors import SealedError
from fl_node.split.channel.envelope import envelope_bytes, open_for, seal_for_all
from fl_node.split.channel.keys import SessionKeys, seal

ANA, BEN, CY, STRANGER = (SessionKeys.create(name, 1) for name in ("ana", "ben", "cy", "stranger"))
PARTIES = {3: CY, 1: ANA, 2: BEN}
KEYS = {node: keys.announced.sealing_key for node, keys in PARTIES.items()}
CONTENT, CONTEXT = b"lower part" * 50, b"epoch 1"
NONCE = bytes(12)


def test_every_party_opens_it():
    envelope = seal_for_all(CONTENT, KEYS, CONTEXT)
    for node, keys in PARTIES.items():
        assert open_for(node, keys, envelope, CONTEXT) == CONTENT


@given(content=st.binary(max_size=300), count=st.integers(1, 3))
def test_its_size_is_as_said(content, count):
    to = {node: KEYS[node] for node in range(1, count + 1)}
    envelope = seal_for_all(content, to, CONTEXT)
    assert len(envelope) == envelope_bytes(len(content), count)
    assert open_for(count, PARTIES[count], envelope, CONTEXT) == content


def test_the_content_is_not_in_it():
    assert CONTENT[:16] not in seal_for_all(CONTENT, KEYS, CONTEXT)


@pytest.mark.parametrize("node", [1, 2, 3, 4])
def test_a_stranger_opens_nothing(node):
    with pytest.raises(SealedError):
        open_for(node, STRANGER, seal_for_all(CONTENT, KEYS, CONTEXT), CONTEXT)


def test_whom_it_is_not_for_is_told():
    with pytest.raises(SealedError, match="hold nothing for node 4"):
        open_for(4, STRANGER, seal_for_all(CONTENT, KEYS, CONTEXT), CONTEXT)


def test_it_opens_in_its_own_context_only():
    with pytest.raises(SealedError):
        open_for(1, ANA, seal_for_all(CONTENT, KEYS, CONTEXT), b"epoch 2")


@given(st.data())
def test_any_changed_bit_is_noticed_or_not_this_partys(data):
    envelope = bytearray(seal_for_all(CONTENT, KEYS, CONTEXT))
    at = data.draw(st.integers(0, len(envelope) - 1))
    envelope[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(SealedError):
        open_for(1, ANA, bytes(envelope), CONTEXT)


@given(st.integers(0, 700))
def test_what_is_cut_off_is_refused(length):
    with pytest.raises(SealedError):
        open_for(1, ANA, seal_for_all(CONTENT, KEYS, CONTEXT)[:length], CONTEXT)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(content):
    with pytest.raises(SealedError):
        open_for(1, ANA, content, CONTEXT)


def test_two_contents_in_one_envelope_do_not_show():
    """A giver that knows the cipher still cannot show two parties two contents."""
    keys = [ChaCha20Poly1305.generate_key() for _ in range(2)]
    sealed = [
        node.to_bytes(4, "big") + seal(key, KEYS[node], CONTEXT)
        for node, key in zip((1, 2), keys, strict=True)
    ]
    head = (2).to_bytes(4, "big") + b"".join(sealed) + hashlib.sha256(CONTENT).digest()
    other = b"another one" * 50
    for key, content, promised in ((keys[0], other, False), (keys[0], CONTENT, True)):
        envelope = head + ChaCha20Poly1305(key).encrypt(NONCE, content, CONTEXT + head)
        if promised:
            assert open_for(1, ANA, envelope, CONTEXT) == content
        else:
            with pytest.raises(SealedError, match="show node 1 something else than they promise"):
                open_for(1, ANA, envelope, CONTEXT)
