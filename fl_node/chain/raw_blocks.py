"""From a node's JSON to the bytes that a block's hash and roots are made of."""

from collections.abc import Mapping
from typing import Any

from web3.exceptions import BadResponseFormat

from fl_node.chain.header import Header, whole_bytes
from fl_node.chain.proof import Log, encode_receipt, header_hash
from fl_node.errors import ProofError

# In the order of the header's RLP; the later ones are those of forks, and may be left out.
_WHOLE = "whole number"
_BYTES = "bytes"
_FIELDS = {
    "parentHash": _BYTES,
    "sha3Uncles": _BYTES,
    "miner": _BYTES,
    "stateRoot": _BYTES,
    "transactionsRoot": _BYTES,
    "receiptsRoot": _BYTES,
    "logsBloom": _BYTES,
    "difficulty": _WHOLE,
    "number": _WHOLE,
    "gasLimit": _WHOLE,
    "gasUsed": _WHOLE,
    "timestamp": _WHOLE,
    "extraData": _BYTES,
    "mixHash": _BYTES,
    "nonce": _BYTES,
    "baseFeePerGas": _WHOLE,
    "withdrawalsRoot": _BYTES,
    "blobGasUsed": _WHOLE,
    "excessBlobGas": _WHOLE,
    "parentBeaconBlockRoot": _BYTES,
    "requestsHash": _BYTES,
}


def header_of(block: Mapping[str, Any]) -> Header:
    """Put a header together.

    :param block: a result of ``eth_getBlockByNumber``
    :raises BadResponseFormat: when its hash is not the block's
    """
    try:
        header = Header(tuple(_field(name, block[name]) for name in _FIELDS if name in block))
    except ProofError as error:
        raise BadResponseFormat(f"a block without a whole header: {error}") from error
    if header_hash(header) != to_bytes(block["hash"]):
        raise BadResponseFormat(f"block {header.number} has another hash than its header")
    return header


def receipt_of(receipt: Mapping[str, Any]) -> bytes:
    """Put a receipt together.

    :param receipt: one of a result of ``eth_getBlockReceipts``
    """
    kind, status, gas_used = (
        int(receipt[name], 16) for name in ("type", "status", "cumulativeGasUsed")
    )
    logs = [
        Log(log["address"], tuple(map(to_bytes, log["topics"])), to_bytes(log["data"]))
        for log in receipt["logs"]
    ]
    return encode_receipt(kind, status == 1, gas_used, to_bytes(receipt["logsBloom"]), logs)


def to_bytes(text: str) -> bytes:
    """Give the bytes that hexadecimal digits after 0x stand for."""
    return bytes.fromhex(text.removeprefix("0x"))


def _field(name: str, text: str) -> bytes:
    if _FIELDS[name] == _BYTES:
        return to_bytes(text)
    return whole_bytes(int(text, 16))
