"""An epoch's signature is EIP-712's, and only what the contract would take is recovered."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st

from fl_node.chain.epoch_signature import epoch_digest, recover_epoch, sign_epoch
from fl_node.chain.epochs import EpochRecord
from fl_node.cid import Cid
from fl_node.errors import SignatureError

CHAIN_ID, CONTRACT = 1337, "0x5FbDB2315678afecb367f032d93F642f64180aa3"
ACCOUNT = Account.from_key(keccak(text="an epoch's signer"))
RECORD = EpochRecord(
    node=2,
    epoch=3,
    steps=469,
    root=b"r" * 32,
    records=Cid(b"f" * 32),
    node_checkpoint=b"n" * 32,
    provider_checkpoint=b"p" * 32,
)
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
NUMBERS, DIGESTS = st.integers(0, 2**32 - 1), st.binary(min_size=32, max_size=32)
RECORDS = st.builds(
    EpochRecord, NUMBERS, NUMBERS, NUMBERS, DIGESTS, st.builds(Cid, DIGESTS), DIGESTS, DIGESTS
)


def by_hand(record: EpochRecord, chain_id: int, contract: str) -> bytes:
    """The digest as EIP-712 spells it."""
    domain_type = (
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    )
    record_type = (
        "EpochRecord(uint32 nodeId,uint32 epoch,uint32 steps,bytes32 root,bytes32 records,"
        "bytes32 nodeCheckpoint,bytes32 providerCheckpoint)"
    )
    names = [keccak(text=domain_type), keccak(text="flnode split session"), keccak(text="1")]
    domain = keccak(encode(["bytes32"] * 3 + ["uint256", "address"], [*names, chain_id, contract]))
    numbers = [record.node, record.epoch, record.steps]
    digests = [record.root, record.records.digest]
    digests += [record.node_checkpoint, record.provider_checkpoint]
    types = ["bytes32", *["uint32"] * 3, *["bytes32"] * 4]
    struct = keccak(encode(types, [keccak(text=record_type), *numbers, *digests]))
    return keccak(b"\x19\x01" + domain + struct)


@given(RECORDS)
def test_the_digest_is_that_of_eip_712(record):
    assert epoch_digest(record, CHAIN_ID, CONTRACT) == by_hand(record, CHAIN_ID, CONTRACT)


def test_the_digest_is_that_of_eth_account_from_a_whole_message():
    names = ("nodeId", "epoch", "steps", "root", "records", "nodeCheckpoint", "providerCheckpoint")
    types = ("uint32", "uint32", "uint32", "bytes32", "bytes32", "bytes32", "bytes32")
    domain = (("name", "string"), ("version", "string"), ("chainId", "uint256"))
    whole = {
        "types": {
            "EIP712Domain": [
                {"name": name, "type": kind}
                for name, kind in (*domain, ("verifyingContract", "address"))
            ],
            "EpochRecord": [
                {"name": name, "type": kind} for name, kind in zip(names, types, strict=True)
            ],
        },
        "primaryType": "EpochRecord",
        "domain": {
            "name": "flnode split session",
            "version": "1",
            "chainId": CHAIN_ID,
            "verifyingContract": CONTRACT,
        },
        "message": dict(
            zip(names, (2, 3, 469, b"r" * 32, b"f" * 32, b"n" * 32, b"p" * 32), strict=True)
        ),
    }
    signable = encode_typed_data(full_message=whole)
    assert sign_epoch(ACCOUNT, RECORD, CHAIN_ID, CONTRACT) == bytes(
        ACCOUNT.sign_message(signable).signature
    )


@given(RECORDS)
def test_who_signed_is_recovered(record):
    signature = sign_epoch(ACCOUNT, record, CHAIN_ID, CONTRACT)
    assert len(signature) == 65
    assert recover_epoch(record, signature, CHAIN_ID, CONTRACT) == ACCOUNT.address


def test_signing_again_gives_the_same_bytes():
    one, other = (sign_epoch(ACCOUNT, RECORD, CHAIN_ID, CONTRACT) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(
    "changed",
    [
        {"node": 3},
        {"epoch": 4},
        {"steps": 470},
        {"root": b"x" * 32},
        {"records": Cid(b"x" * 32)},
        {"node_checkpoint": b"x" * 32},
        {"provider_checkpoint": b"x" * 32},
    ],
    ids=lambda changed: "".join(changed),
)
def test_a_signature_is_for_one_record(changed):
    signature = sign_epoch(ACCOUNT, RECORD, CHAIN_ID, CONTRACT)
    found = _recovered(replace(RECORD, **changed), signature, CHAIN_ID, CONTRACT)
    assert found != ACCOUNT.address


@pytest.mark.parametrize("place", [(CHAIN_ID + 1, CONTRACT), (CHAIN_ID, "0x" + "11" * 20)])
def test_a_signature_is_for_one_contract_on_one_chain(place):
    signature = sign_epoch(ACCOUNT, RECORD, CHAIN_ID, CONTRACT)
    assert _recovered(RECORD, signature, *place) != ACCOUNT.address


def _recovered(record, signature, chain_id, contract):
    try:
        return recover_epoch(record, signature, chain_id, contract)
    except SignatureError:
        return None


def higher_s(signature: bytes) -> bytes:
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


NOT_TAKEN = {
    "none": lambda _: b"",
    "one byte too few": lambda signature: signature[:-1],
    "one byte too many": lambda signature: signature + b"\0",
    "zeros": lambda _: bytes(64) + b"\x1b",
    "the higher s": higher_s,
    "v as 0 or 1": lambda signature: signature[:64] + bytes([signature[64] - 27]),
    "an s of zero": lambda signature: signature[:32] + bytes(32) + signature[64:],
    "an r past the order": lambda signature: b"\xff" * 32 + signature[32:],
}


@pytest.mark.parametrize("change", NOT_TAKEN.values(), ids=NOT_TAKEN)
def test_what_the_contract_would_not_take_is_refused_in_one_line(change):
    signature = change(sign_epoch(ACCOUNT, RECORD, CHAIN_ID, CONTRACT))
    with pytest.raises(SignatureError) as caught:
        recover_epoch(RECORD, signature, CHAIN_ID, CONTRACT)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=80) | st.binary(min_size=65, max_size=65))
def test_no_bytes_raise_anything_else(signature):
    _recovered(RECORD, signature, CHAIN_ID, CONTRACT)


@pytest.mark.parametrize(
    "changed",
    [
        {"node": 2**32},
        {"steps": -1},
        {"root": b"x" * 31},
        {"root": b"x" * 33},
        {"node_checkpoint": b""},
        {"provider_checkpoint": b"x" * 64},
    ],
)
def test_a_record_out_of_range_is_not_signed(changed):
    with pytest.raises(SignatureError, match="an epoch's"):
        sign_epoch(ACCOUNT, replace(RECORD, **changed), CHAIN_ID, CONTRACT)


def test_a_contract_that_is_no_address_is_not_signed_for():
    with pytest.raises(SignatureError, match="an epoch's"):
        sign_epoch(ACCOUNT, RECORD, CHAIN_ID, "0x12")
