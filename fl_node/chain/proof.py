"""What of a chain can be checked with nothing but its bytes: hashes, roots and signatures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import rlp
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature, ValidationError
from eth_utils import keccak
from eth_utils.address import to_checksum_address
from rlp.exceptions import RLPException
from trie import HexaryTrie

from fl_node.chain.header import EMPTY_ROOT, EXTRA, SEAL_BYTES, Header
from fl_node.chain.rlp_list import read_list
from fl_node.errors import ProofError

_MAX_TYPE = 0x7F  # EIP-2718
# By type: how many fields, and which are nonce, receiver and data (EIP-2930, 1559, 4844, 7702).
_TYPED = {1: (11, 1, 4, 6), 2: (12, 1, 5, 7), 3: (14, 1, 5, 7), 4: (13, 1, 5, 7)}
_LEGACY_FIELDS, _LEGACY_V = 9, 27
_REPLAY_PROTECTED_V = 35  # EIP-155
_ADDRESS_BYTES, _TOPIC_BYTES, _MAX_TOPICS = 20, 32, 4
_MAX_WHOLE_BYTES = 32

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class SignedTransaction:
    """A transaction, and who signed it.

    :ivar chain_id: what it is signed for; None when it holds on every chain (before EIP-155)
    :ivar receiver: None for the creation of a contract
    """

    sender: str
    receiver: str | None
    nonce: int
    data: bytes
    chain_id: int | None


@dataclass(frozen=True)
class Log:
    """What a contract said in a transaction."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True)
class Receipt:
    """What became of a transaction."""

    succeeded: bool
    logs: tuple[Log, ...]


def header_hash(header: Header) -> bytes:
    """Name a block: keccak-256 of its header's RLP."""
    return keccak(rlp.encode(header.fields))


def sealer_of(header: Header) -> bytes:
    """Find who signed a block (EIP-225): 20 bytes.

    :raises ProofError: when there is no signature in it
    """
    *before, extra = header.fields[: EXTRA + 1]
    unsealed = [*before, extra[:-SEAL_BYTES], *header.fields[EXTRA + 1 :]]
    return _signer(extra[-SEAL_BYTES:], keccak(rlp.encode(unsealed)))


def root_of(items: Sequence[bytes]) -> bytes:
    """Give the root of a block's transactions or receipts (Yellow Paper, 4.4.3)."""
    if not items:
        return EMPTY_ROOT
    trie = HexaryTrie({})
    for index, item in enumerate(items):
        trie[rlp.encode(index)] = item
    return bytes(trie.root_hash)


def contract_address(sender: str, nonce: int) -> str:
    """Name the contract that an account's transaction creates (Yellow Paper, 7)."""
    digest = keccak(rlp.encode([bytes.fromhex(sender.removeprefix("0x")), nonce]))
    return str(to_checksum_address(digest[-_ADDRESS_BYTES:]))


def read_transaction(raw: bytes) -> SignedTransaction:
    """Read a transaction and recover its sender.

    :param raw: as it stands in a block: of any type up to 4 (EIP-2718)
    :raises ProofError: when it is another, or none
    """
    return _read(
        lambda: _typed(raw) if raw and raw[0] <= _MAX_TYPE else _legacy(raw), "transaction"
    )


def read_receipt(raw: bytes) -> Receipt:
    """Read a receipt of any type (EIP-658, EIP-2718).

    :raises ProofError: when it is none
    """
    return _read(lambda: _receipt(raw), "receipt")


def encode_receipt(
    kind: int, succeeded: bool, gas_used: int, bloom: bytes, logs: Sequence[Log]
) -> bytes:
    """Give a receipt as the receipts' root has it; its inverse is `read_receipt`.

    :param kind: the transaction's type
    :param gas_used: up to its end, in its block
    """
    said = [[_canonical(log.address), list(log.topics), log.data] for log in logs]
    payload: bytes = rlp.encode([int(succeeded), gas_used, bloom, said])
    return bytes([kind]) + payload if kind else payload


def _read(read: Callable[[], _Result], what: str) -> _Result:
    try:
        return read()
    except (RLPException, ValueError, TypeError, IndexError) as error:
        shown = " ".join(str(error).split())[:100]
        raise ProofError(f"a {what} was expected, found other bytes: {shown}") from error


def _typed(raw: bytes) -> SignedTransaction:
    kind, fields = raw[0], read_list(raw[1:])
    count, *places = _TYPED.get(kind, (0,))
    if len(fields) != count:
        raise ProofError(f"a transaction of type {kind} with {len(fields)} fields: no known one")
    nonce, receiver, data = (fields[place] for place in places)
    *unsigned, parity, r, s = fields
    digest = keccak(raw[:1] + rlp.encode(unsigned))
    sender = _checksummed(_recovered(_whole(parity), r, s, digest))
    return SignedTransaction(
        sender, _receiver(receiver), _whole(nonce), _bytes(data), _whole(fields[0])
    )


def _legacy(raw: bytes) -> SignedTransaction:
    fields = read_list(raw)
    if len(fields) != _LEGACY_FIELDS:
        raise ProofError(f"a transaction has {_LEGACY_FIELDS} fields, found {len(fields)}")
    nonce, _, _, receiver, _, data, v, r, s = fields
    chain_id, parity = _chain_and_parity(_whole(v))
    signed = [*fields[:6], *([] if chain_id is None else [chain_id, b"", b""])]
    sender = _checksummed(_recovered(parity, r, s, keccak(rlp.encode(signed))))
    return SignedTransaction(sender, _receiver(receiver), _whole(nonce), _bytes(data), chain_id)


def _chain_and_parity(v: int) -> tuple[int | None, int]:
    if v >= _REPLAY_PROTECTED_V:
        return (v - _REPLAY_PROTECTED_V) // 2, (v - _REPLAY_PROTECTED_V) % 2
    return None, v - _LEGACY_V


def _receipt(raw: bytes) -> Receipt:
    typed = bool(raw) and raw[0] <= _MAX_TYPE
    status, _gas_used, _bloom, logs = read_list(raw[1:] if typed else raw)
    if status not in (b"", b"\1"):
        raise ProofError("a receipt says whether its transaction succeeded, found something else")
    return Receipt(status == b"\1", tuple(_log(*each) for each in _list(logs)))


def _log(address: Any, topics: Any, data: Any) -> Log:
    _list(topics)
    if len(topics) > _MAX_TOPICS or any(len(_bytes(each)) != _TOPIC_BYTES for each in topics):
        raise ProofError("a log has up to 4 topics of 32 bytes, found others")
    return Log(_checksummed(_bytes(address)), tuple(topics), _bytes(data))


def _list(found: Any) -> Any:
    if not isinstance(found, list | tuple):
        raise ProofError("a list was expected in RLP, found bytes")
    return found


def _bytes(found: Any) -> bytes:
    if not isinstance(found, bytes):
        raise ProofError("bytes were expected in RLP, found a list")
    return found


def _whole(found: Any) -> int:
    if len(_bytes(found)) > _MAX_WHOLE_BYTES or found[:1] == b"\0":
        raise ProofError("a whole number was expected in RLP, found other bytes")
    return int.from_bytes(found)


def _receiver(found: Any) -> str | None:
    return _checksummed(found) if _bytes(found) else None


def _checksummed(address: bytes) -> str:
    if len(address) != _ADDRESS_BYTES:
        raise ProofError(f"an address has {_ADDRESS_BYTES} bytes, found {len(address)}")
    return str(to_checksum_address(address))


def _canonical(address: str) -> bytes:
    return bytes.fromhex(address.removeprefix("0x"))


def _recovered(parity: int, r: Any, s: Any, digest: bytes) -> bytes:
    halves = [_whole(half).to_bytes(_MAX_WHOLE_BYTES) for half in (r, s)]
    if parity > 1:
        raise ProofError(f"a signature's parity is 0 or 1, found {parity}")
    return _signer(b"".join([*halves, bytes([parity])]), digest)


def _signer(signature: bytes, digest: bytes) -> bytes:
    try:
        key = Signature(signature).recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError) as error:
        raise ProofError("a signature was expected, found other bytes") from error
    return bytes(key.to_canonical_address())
