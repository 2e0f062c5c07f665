"""What a node may answer: each method's result, field by field; what nobody reads is dropped."""

import re
from collections.abc import Callable, Mapping
from typing import Any


class AnswerError(ValueError):
    """An answer of another shape than its method's."""


Shape = Callable[[object], Any]
"""Gives what is read of a result.

:raises AnswerError: when the result is none of this shape
"""


def result_of(method: str, result: object) -> Any:
    """Look at what a node answered; a method that is not listed here is let through.

    :raises AnswerError: when it is not what the method gives (Ethereum's JSON-RPC specification)
    """
    shape = _RESULTS.get(method)
    return result if shape is None else shape(result)


def _text(pattern: str) -> Shape:
    expected = re.compile(pattern)

    def shaped(value: object) -> str:
        if not isinstance(value, str) or not expected.fullmatch(value):
            raise AnswerError(f"{pattern} was expected")
        return value

    return shaped


def _fields(**shapes: Shape) -> Shape:
    def shaped(value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise AnswerError("an object was expected")
        return {name: _field(name, shape, value) for name, shape in shapes.items()}

    return shaped


def _field(name: str, shape: Shape, value: Mapping[str, object]) -> Any:
    try:
        return shape(value.get(name))
    except AnswerError as error:
        raise AnswerError(f"{name}: {error}") from error


def _with(required: Shape, **optional: Shape) -> Shape:
    """Add fields that not every node and not every block has."""

    def shaped(value: object) -> dict[str, Any]:
        found: dict[str, Any] = required(value)
        assert isinstance(value, dict)  # noqa: S101  as was just seen
        present = {name: shape for name, shape in optional.items() if name in value}
        return found | {name: _field(name, shape, value) for name, shape in present.items()}

    return shaped


def _listed(shape: Shape) -> Shape:
    def shaped(value: object) -> list[Any]:
        if not isinstance(value, list):
            raise AnswerError("a list was expected")
        return [shape(each) for each in value]

    return shaped


def _or_null(shape: Shape) -> Shape:
    return lambda value: None if value is None else shape(value)


def _nothing(value: object) -> None:
    if value not in (None, False):
        raise AnswerError("null or false was expected")


# Bounded so that sums of them fit whatever they are put into: the contract's 40-bit clock, a
# nonce (EIP-2681), the 256 bits of a fee.
_COUNT = _text("0x[0-9a-fA-F]{1,12}")
_SECONDS = _text("0x[0-9a-fA-F]{1,10}")
_WEI = _text("0x[0-9a-fA-F]{1,24}")
_BALANCE = _text("0x[0-9a-fA-F]{1,64}")
_CHAIN_ID = _text("0x[0-9a-fA-F]{1,16}")
_DATA = _text("0x(?:[0-9a-fA-F]{2})*")
_DIGEST = _text("0x[0-9a-fA-F]{64}")
_ADDRESS = _text("0x[0-9a-fA-F]{40}")

_BLOOM = _text("0x[0-9a-fA-F]{512}")
_TYPE = _text("0x[0-7]?[0-9a-fA-F]")  # EIP-2718: a byte up to 0x7f

_BLOCK = _with(
    _fields(
        number=_COUNT,
        hash=_DIGEST,
        timestamp=_SECONDS,
        baseFeePerGas=_WEI,  # none before London
        extraData=_DATA,
    ),
    # What else goes into its hash, and its transactions' hashes: for proofs.
    parentHash=_DIGEST,
    sha3Uncles=_DIGEST,
    miner=_ADDRESS,
    stateRoot=_DIGEST,
    transactionsRoot=_DIGEST,
    receiptsRoot=_DIGEST,
    logsBloom=_BLOOM,
    difficulty=_BALANCE,
    gasLimit=_CHAIN_ID,
    gasUsed=_CHAIN_ID,
    mixHash=_DIGEST,
    nonce=_text("0x[0-9a-fA-F]{16}"),
    withdrawalsRoot=_DIGEST,
    blobGasUsed=_CHAIN_ID,
    excessBlobGas=_CHAIN_ID,
    parentBeaconBlockRoot=_DIGEST,
    requestsHash=_DIGEST,
    transactions=_listed(_DIGEST),
)
_TRANSACTION = _fields(
    hash=_DIGEST, gas=_COUNT, input=_DATA, to=_or_null(_ADDRESS), **{"from": _ADDRESS}
)
_RECEIPT = _fields(transactionHash=_DIGEST, blockHash=_DIGEST, blockNumber=_COUNT, status=_COUNT)
_WHOLE_RECEIPT = _fields(
    type=_TYPE,
    status=_COUNT,
    cumulativeGasUsed=_CHAIN_ID,
    logsBloom=_BLOOM,
    logs=_listed(_fields(address=_ADDRESS, topics=_listed(_DIGEST), data=_DATA)),
)
_LOG = _fields(
    address=_ADDRESS,
    topics=_listed(_DIGEST),
    data=_DATA,
    blockNumber=_COUNT,
    blockHash=_DIGEST,
    transactionHash=_DIGEST,
    transactionIndex=_COUNT,
    logIndex=_COUNT,
    removed=_nothing,
)
_RESULTS: Mapping[str, Shape] = {
    "eth_blockNumber": _COUNT,
    "eth_call": _DATA,
    "eth_chainId": _CHAIN_ID,
    "eth_getBlockByHash": _or_null(_BLOCK),
    "eth_getBlockByNumber": _or_null(_BLOCK),
    "eth_getBlockReceipts": _or_null(_listed(_WHOLE_RECEIPT)),
    "eth_getBalance": _BALANCE,
    "eth_getCode": _DATA,
    "eth_getLogs": _listed(_LOG),
    "eth_getRawTransactionByHash": _or_null(_DATA),
    "eth_getTransactionByHash": _or_null(_TRANSACTION),
    "eth_getTransactionCount": _COUNT,
    "eth_getTransactionReceipt": _or_null(_RECEIPT),
    "eth_maxPriorityFeePerGas": _WEI,
    "eth_sendRawTransaction": _DIGEST,
    "net_peerCount": _COUNT,
}
