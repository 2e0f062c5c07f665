"""Hashes, roots and signatures, from bytes alone; vectors and hostile bytes."""

import pytest
import rlp
from eth_account import Account
from eth_utils import keccak
from hypothesis import example, given
from hypothesis import strategies as st

from fl_node.chain.embedded import embedded_account
from fl_node.chain.header import EMPTY_OMMERS, EMPTY_ROOT, Header
from fl_node.chain.proof import (
    Log,
    Receipt,
    contract_address,
    encode_receipt,
    header_hash,
    read_receipt,
    read_transaction,
    root_of,
)
from fl_node.errors import ProofError
from tests.small_federation import small_federation

SIGNER = embedded_account("owner")
TO = "0x" + "Ab" * 20
COMMON = {"nonce": 7, "gas": 21_000, "value": 0, "data": b"\x01\x02", "chainId": 77}
KINDS = {
    "legacy": {"gasPrice": 5},
    "access list": {
        "type": 1,
        "gasPrice": 5,
        "accessList": [{"address": TO, "storageKeys": ["0x" + "00" * 32]}],
    },
    "fees": {"type": 2, "maxFeePerGas": 5, "maxPriorityFeePerGas": 1},
}


def signed(**fields):
    return bytes(Account.sign_transaction(COMMON | fields, SIGNER.key).raw_transaction)


@pytest.mark.parametrize("fields", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("to", [TO, None])
def test_a_transaction_says_who_signed_what(fields, to):
    receiver = {} if to is None else {"to": Account.from_key(b"\1" * 32).address}
    found = read_transaction(signed(**fields, **receiver))
    assert found.sender == SIGNER.address
    assert found.receiver == receiver.get("to")
    assert (found.nonce, found.data, found.chain_id) == (7, b"\x01\x02", 77)


def test_a_transaction_from_before_eip_155_holds_on_every_chain():
    fields = {name: value for name, value in COMMON.items() if name != "chainId"}
    raw = Account.sign_transaction(
        fields | {"gasPrice": 5, "to": SIGNER.address}, SIGNER.key
    ).raw_transaction
    found = read_transaction(bytes(raw))
    assert (found.sender, found.chain_id) == (SIGNER.address, None)


def test_the_empty_digests_are_what_they_stand_for():
    assert keccak(rlp.encode(b"")) == EMPTY_ROOT == root_of([])
    assert keccak(rlp.encode([])) == EMPTY_OMMERS


def test_a_contracts_address_is_that_of_the_yellow_paper():
    # Cryptokitties' core: created by this account with nonce 1 at this address.
    creator = "0xba52c75764d6F594735dc735Be7F1830CDf58dDf"
    address = "0x06012c8cf97BEaD5deAe237070F9587f8E7A266d"
    found = {contract_address(creator, nonce) for nonce in range(4000)}
    assert address in found


def test_headers_and_roots_are_those_of_another_implementation(tmp_path):
    federation = small_federation(tmp_path)
    federation.run_round(1, 2)
    chain = federation.chain
    for number in range(chain.web3.eth.block_number + 1):
        block, header = chain.web3.eth.get_block(number), chain.header(number)
        body = chain.body(number)
        assert header_hash(header) == block["hash"]
        assert header.fields[4:6] == (root_of(body.transactions), root_of(body.receipts))
        assert header.is_idle == (not body.transactions)


def test_many_items_have_a_root_that_depends_on_each_and_their_order():
    items = [bytes([number]) * 40 for number in range(200)]
    assert len({root_of(items), root_of(items[:-1]), root_of(items[::-1])}) == 3


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_receipt_comes_back(kind):
    logs = (Log(SIGNER.address, (bytes(32), b"\1" * 32), b"data"), Log(SIGNER.address, (), b""))
    for succeeded in (True, False):
        raw = encode_receipt(kind, succeeded, 50_000, bytes(256), logs)
        assert read_receipt(raw) == Receipt(succeeded, logs)


DEEP = b"\xc1" * 50 + b"\xc0"


def nested(levels):
    content = b"\xc0"
    for _ in range(levels):
        content = rlp.encode([rlp.decode(content)]) if levels < 100 else _wrapped(content)
    return content


def _wrapped(content):
    size = len(content)
    if size < 56:
        return bytes([0xC0 + size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([0xF7 + len(length)]) + length + content


@pytest.mark.parametrize("levels", [10, 50, 30_000])
def test_lists_in_lists_end_at_a_few_levels(levels):
    for read in (read_transaction, read_receipt):
        with pytest.raises(ProofError):
            read(nested(levels))


@given(st.binary(max_size=300))
@example(b"")
@example(b"\x02")
@example(DEEP)
@example(b"\xbf" + b"\xff" * 8)
@example(b"\xff" * 9)
def test_junk_is_a_named_error(junk):
    for read in (read_transaction, read_receipt):
        with pytest.raises(ProofError):
            read(junk)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_transaction_has_another_sender_or_none(place, byte):
    raw = bytearray(signed(**KINDS["access list"]))
    if raw[place % len(raw)] == byte:
        return
    raw[place % len(raw)] = byte
    try:
        found = read_transaction(bytes(raw))
    except ProofError:
        return
    assert found.sender != SIGNER.address


@pytest.mark.parametrize("count", [0, 14, 22])
def test_a_header_of_another_number_of_fields_is_none(count):
    with pytest.raises(ProofError, match="15 to 21 fields"):
        Header((b"",) * count)


def test_a_header_with_a_field_of_another_length_is_none(tmp_path):
    fields = list(small_federation(tmp_path).chain.header(0).fields)
    for place, wrong in {0: b"1", 2: b"1", 6: b"", 8: b"\0\1", 11: b"1" * 33, 15: b"\0"}.items():
        changed = [*fields[:place], wrong, *fields[place + 1 :]]
        with pytest.raises(ProofError, match=f"field {place} "):
            Header(tuple(changed))
