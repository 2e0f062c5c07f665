import hashlib

import pytest
from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from fl_node.errors import SplitError
from fl_node.split.record.message import Message
from fl_node.split.record.phase import Party, Phase
from fl_node.split.record.refusal import Refusal, UnfitError
from fl_node.split.record.signed import (
    LEAF_BYTES,
    RECORD_BYTES,
    Record,
    SignedRecord,
    body_digest,
    session_id,
)
from tests.split.chronicle import PEERS, signer
from tests.vectors import read_vectors

CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
DIGESTS = st.binary(min_size=32, max_size=32)
COUNTED = st.integers(1, 2**32 - 1)
RECORDS = st.builds(Record, DIGESTS, COUNTED, COUNTED, st.sampled_from(Phase), DIGESTS, DIGESTS)
# Published with BLAKE3: test_vectors.json, input 0, 1, ..., 250, 0, 1, ...
BLAKE3 = {
    0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    1024: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
}


@given(RECORDS)
def test_a_record_of_105_bytes_is_what_was_encoded(record):
    content = record.encode()
    assert len(content) == RECORD_BYTES == 105
    assert Record.decode(content) == record
    assert record.digest == hashlib.sha256(content).digest()


@given(RECORDS, st.binary(min_size=64, max_size=64))
def test_a_leaf_of_169_bytes_is_what_was_signed(record, signature):
    leaf = SignedRecord(record, signature).encode()
    assert len(leaf) == LEAF_BYTES == 169
    assert SignedRecord.decode(leaf) == SignedRecord(record, signature)


@given(RECORDS, st.integers(0, 8 * LEAF_BYTES - 1))
def test_one_changed_bit_is_no_longer_signed(record, bit):
    leaf = bytearray(SignedRecord.sign(record, signer(Party.NODE)).encode())
    leaf[bit // 8] ^= 1 << bit % 8
    try:
        changed = SignedRecord.decode(bytes(leaf))
    except UnfitError:
        return
    assert not changed.is_signed(PEERS[Party.NODE].verify)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda content: content[:-1], Refusal.NOT_CANONICAL),
        (lambda content: content + b"\0", Refusal.NOT_CANONICAL),
        (lambda content: content[:40] + b"\6" + content[41:], Refusal.WRONG_PHASE),
        (lambda content: content[:32] + bytes(4) + content[36:], Refusal.WRONG_EPOCH),
        (lambda content: content[:36] + bytes(4) + content[40:], Refusal.WRONG_STEP),
    ],
)
def test_other_bytes_are_no_record(change, refusal):
    content = Record(bytes(32), 1, 1, Phase.OUTPUTS, bytes(32), bytes(32)).encode()
    with pytest.raises(UnfitError) as caught:
        Record.decode(change(content))
    assert caught.value.refusal is refusal


@pytest.mark.parametrize(
    "values",
    [
        (bytes(31), 1, 1, Phase.OUTPUTS, bytes(32), bytes(32)),
        (bytes(32), 0, 1, Phase.OUTPUTS, bytes(32), bytes(32)),
        (bytes(32), 1, 2**32, Phase.OUTPUTS, bytes(32), bytes(32)),
        (bytes(32), 1, 1, Phase.OUTPUTS, b"", bytes(32)),
        (bytes(32), 1, 1, Phase.OUTPUTS, bytes(32), bytes(33)),
    ],
)
def test_no_record_is_made_that_the_layout_does_not_hold(values):
    with pytest.raises(SplitError, match="record's"):
        Record(*values)


def test_a_signature_has_64_bytes():
    with pytest.raises(SplitError, match="64 bytes, found 65"):
        SignedRecord(Record(bytes(32), 1, 1, Phase.OUTPUTS, bytes(32), bytes(32)), bytes(65))


@pytest.mark.parametrize(("length", "digest"), BLAKE3.items())
def test_a_body_is_digested_as_blake3_publishes(length, digest):
    content = bytes(index % 251 for index in range(length))
    assert body_digest(content).hex() == digest
    assert body_digest(memoryview(content)) == blake3(content).digest()


def test_the_golden_record_is_what_we_write_and_sign():
    vector = read_vectors("record.json")
    named = vector["session"]
    session = session_id(named["chain_id"], named["contract"], named["node"])
    assert session.hex() == named["id"]
    said = vector["record"]
    body = body_digest(vector["body"].encode())
    phase, previous = Phase(said["phase"]), bytes.fromhex(said["previous"])
    record = Record(session, said["epoch"], said["step"], phase, body, previous)
    assert record.body.hex() == said["body"]
    assert record.encode().hex() == vector["content"]
    assert record.digest.hex() == vector["digest"]
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["private_key"]))
    assert key.public_key().public_bytes_raw().hex() == vector["public_key"]
    assert SignedRecord.sign(record, key.sign).encode().hex() == vector["leaf"]


def test_sessions_differ_by_chain_contract_and_node():
    other = CONTRACT[:-1] + "4"
    ids = {session_id(*each) for each in [(1, CONTRACT, 1), (2, CONTRACT, 1), (1, other, 1)]}
    assert len(ids | {session_id(1, CONTRACT, 2)}) == 4
    assert session_id(1, CONTRACT, 1) == session_id(1, CONTRACT.lower(), 1)


@pytest.mark.parametrize(
    "named",
    [
        (1, CONTRACT[2:], 1),
        (1, CONTRACT[:-1], 1),
        (1, "0x" + "0g" * 20, 1),
        (1, "0x" + "+1" * 20, 1),
        (-1, CONTRACT, 1),
        (2**256, CONTRACT, 1),
        (1, CONTRACT, 0),
        (1, CONTRACT, 2**32),
    ],
)
def test_what_names_no_session_is_an_error(named):
    with pytest.raises(SplitError):
        session_id(*named)


@given(RECORDS, st.binary(max_size=40))
def test_a_message_is_its_leaf_and_its_body(record, body):
    message = Message(SignedRecord.sign(record, signer(Party.NODE)), body)
    assert Message.decode(b"".join(message.pieces())) == message


@pytest.mark.parametrize("length", [0, 1, 168])
def test_a_message_has_a_whole_record(length):
    with pytest.raises(UnfitError, match="not-canonical: a message has at least 169 bytes"):
        Message.decode(bytes(length))


def test_every_phase_has_one_sender():
    providers = {phase for phase in Phase if phase.sender is Party.PROVIDER}
    assert providers == {Phase.FEATURES, Phase.GRADIENTS, Phase.OUTPUTS}
    assert Phase.FEATURE_GRADIENTS.label == "feature-gradients"
