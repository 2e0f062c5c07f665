"""Signing an epoch's record, and finding out who did (EIP-712).

The domain is of name "flnode split session", version "1", the chain's id and the contract.
"""

from typing import Any

from eth_abi.exceptions import EncodingError
from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak

from fl_node.chain.epochs import EpochRecord
from fl_node.errors import SignatureError

SIGNATURE_BYTES, DIGEST_BYTES = 65, 32
DOMAIN_NAME, DOMAIN_VERSION = "flnode split session", "1"
EPOCH_RECORD = (
    ("nodeId", "uint32"),
    ("epoch", "uint32"),
    ("steps", "uint32"),
    ("root", "bytes32"),
    ("records", "bytes32"),
    ("nodeCheckpoint", "bytes32"),
    ("providerCheckpoint", "bytes32"),
)
# Half of secp256k1's order: of two signatures that are as good only one is taken (EIP-2).
_HIGHEST_S = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_RECOVERY_BYTES = (27, 28)


def record_values(record: EpochRecord) -> tuple[Any, ...]:
    """Give a record's fields as the contract takes them, in its order."""
    return (
        record.node,
        record.epoch,
        record.steps,
        record.root,
        record.records.digest,
        record.node_checkpoint,
        record.provider_checkpoint,
    )


def epoch_digest(record: EpochRecord, chain_id: int, contract: str) -> bytes:
    """Give the 32 bytes that are signed.

    :raises SignatureError: when a field is out of its range
    """
    message = _message(record, chain_id, contract)
    return keccak(b"\x19" + message.version + message.header + message.body)


def sign_epoch(account: LocalAccount, record: EpochRecord, chain_id: int, contract: str) -> bytes:
    """Sign a record: 65 bytes r, s, v, the same whenever it is signed again (RFC 6979).

    :raises SignatureError: when a field is out of its range
    """
    return bytes(account.sign_message(_message(record, chain_id, contract)).signature)


def recover_epoch(record: EpochRecord, signature: bytes, chain_id: int, contract: str) -> str:
    """Find which account signed a record.

    :raises SignatureError: when it is no signature that the contract would take, of anybody
    """
    message = _message(record, chain_id, contract)
    _require_form(signature)
    try:
        return str(Account.recover_message(message, signature=signature))
    except BadSignature as error:
        raise SignatureError("nobody can have given this signature of an epoch") from error


def _require_form(signature: bytes) -> None:
    """See that there are r, s and v, with the lower s, as the contract does."""
    if len(signature) != SIGNATURE_BYTES:
        raise SignatureError(
            f"a signature of an epoch has {SIGNATURE_BYTES} bytes, found {len(signature)}"
        )
    if int.from_bytes(signature[32:64], "big") > _HIGHEST_S or signature[64] not in _RECOVERY_BYTES:
        raise SignatureError("a signature of an epoch has the lower s, and v 27 or 28")


def _message(record: EpochRecord, chain_id: int, contract: str) -> SignableMessage:
    names = [name for name, _ in EPOCH_RECORD]
    for digest in (record.root, record.node_checkpoint, record.provider_checkpoint):
        if len(digest) != DIGEST_BYTES:  # a shorter one would be filled up in silence
            raise SignatureError(
                f"an epoch's digests have {DIGEST_BYTES} bytes each, found {len(digest)}"
            )
    try:
        return encode_typed_data(
            domain_data={
                "name": DOMAIN_NAME,
                "version": DOMAIN_VERSION,
                "chainId": chain_id,
                "verifyingContract": contract,
            },
            message_types={"EpochRecord": [{"name": n, "type": t} for n, t in EPOCH_RECORD]},
            message_data=dict(zip(names, record_values(record), strict=True)),
        )
    except (ValueError, TypeError, EncodingError) as error:
        raise SignatureError(f"an epoch's record has no such fields: {record}") from error
