"""Sending transactions: nonce, fees, replacement of one's own stuck ones, receipts."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3.contract.contract import ContractConstructor, ContractFunction
from web3.exceptions import TransactionNotFound, Web3RPCError
from web3.types import Nonce, TxParams, TxReceipt, Wei

from fl_node.chain.connection import Connection
from fl_node.errors import UnreachableError

Call = ContractFunction | ContractConstructor

_MINED_SECONDS = 60
_POLL_SECONDS = 0.02
_SEND_AGAIN_SECONDS = 3
_FEE_RAISES = 12  # doubled as often, a fee passes whatever an earlier life of this process offered
# What Geth and Anvil say of a transaction that they hold already, and of fees and nonces.
_KNOWN = ("already known", "already imported")
_UNDERPRICED = ("underpriced",)
_NONCE_TAKEN = ("nonce too low",)
_TRIED: tuple[Literal["from", "to", "gas", "data"], ...] = ("from", "to", "gas", "data")


@dataclass(frozen=True)
class Sent:
    """A signed transaction on its way."""

    raw: HexBytes
    hash: HexBytes


@dataclass(frozen=True)
class _Fees:
    """What a transaction offers for a unit of gas, in wei (EIP-1559)."""

    tip: Wei
    cap: Wei

    def raised(self) -> "_Fees":
        """Offer twice as much: a node wants a tenth more to replace a transaction."""
        return replace(self, tip=Wei(2 * self.tip), cap=Wei(2 * self.cap))


def send(
    connection: Connection, signer: LocalAccount, calls: Sequence[Call], gas_limit: int
) -> list[Sent]:
    """Sign calls and hand them over in order, from the account's newest mined nonce on.

    An earlier transaction of this account that was never mined is replaced.

    :raises Web3RPCError: when the node refuses one
    """
    first = connection.web3.eth.get_transaction_count(signer.address)
    return [
        _send(connection, signer, call, gas_limit, Nonce(first + place))
        for place, call in enumerate(calls)
    ]


def tried(call: Call, sender: str, gas_limit: int) -> TxParams:
    """Give what a node needs to try a call without mining it."""
    offered: TxParams = {
        "from": cast("ChecksumAddress", sender),
        "gas": gas_limit,
        "chainId": 0,
        "nonce": Nonce(0),
        "maxFeePerGas": Wei(0),
        "maxPriorityFeePerGas": Wei(0),
        "value": Wei(0),
    }
    built = call.build_transaction(offered)
    return cast("TxParams", {key: built[key] for key in _TRIED if built.get(key)})


def await_receipt(connection: Connection, sent: Sent) -> TxReceipt:
    """Wait until a transaction is in a block; hand it over again if the node forgot it.

    :raises UnreachableError: when it is not within a minute; it may still be
    """
    deadline = time.monotonic() + _MINED_SECONDS
    again = time.monotonic() + _SEND_AGAIN_SECONDS
    while time.monotonic() < deadline:
        receipt = find_receipt(connection, sent)
        if receipt is not None:
            return receipt
        if time.monotonic() > again:
            send_again(connection, sent)
            again = time.monotonic() + _SEND_AGAIN_SECONDS
        time.sleep(_POLL_SECONDS)
    raise UnreachableError(
        f"no block took transaction {sent.hash.to_0x_hex()} within {_MINED_SECONDS} s: see that "
        "most of the chain's sealers run and are connected"
    )


def find_receipt(connection: Connection, sent: Sent) -> TxReceipt | None:
    """Look for a transaction in the chain as it is now."""
    try:
        return connection.web3.eth.get_transaction_receipt(sent.hash)
    except TransactionNotFound:
        return None


def send_again(connection: Connection, sent: Sent) -> None:
    """Hand a transaction over once more; nothing happens when it is known or its nonce is used.

    :raises Web3RPCError: when the node refuses it for another reason
    """
    try:
        connection.web3.eth.send_raw_transaction(sent.raw)
    except Web3RPCError as error:
        if not _says(error, _KNOWN + _NONCE_TAKEN + _UNDERPRICED):
            raise


def _send(
    connection: Connection, signer: LocalAccount, call: Call, gas_limit: int, nonce: Nonce
) -> Sent:
    fees = _fees(connection)
    for _ in range(_FEE_RAISES):
        sent = _signed(connection, signer, call, gas_limit, nonce, fees)
        try:
            connection.web3.eth.send_raw_transaction(sent.raw)
        except Web3RPCError as error:
            if _says(error, _KNOWN):
                return sent
            if not _says(error, _UNDERPRICED):
                raise
            fees = fees.raised()
        else:
            return sent
    raise UnreachableError(
        f"the chain holds another transaction of {signer.address} and takes no higher fee for this "
        "one: wait until that is mined"
    )


def _fees(connection: Connection) -> _Fees:
    base_fee = connection.web3.eth.get_block("latest")["baseFeePerGas"]
    tip = connection.tip()
    return _Fees(tip, Wei(2 * base_fee + tip))


def _signed(
    connection: Connection,
    signer: LocalAccount,
    call: Call,
    gas_limit: int,
    nonce: Nonce,
    fees: _Fees,
) -> Sent:
    fields: TxParams = {
        "from": signer.address,
        "nonce": nonce,
        "gas": gas_limit,
        "chainId": connection.web3.eth.chain_id,
        "maxPriorityFeePerGas": fees.tip,
        "maxFeePerGas": fees.cap,
        "value": Wei(0),
    }
    signed = signer.sign_transaction(cast("dict[str, Any]", call.build_transaction(fields)))
    return Sent(HexBytes(signed.raw_transaction), HexBytes(signed.hash))


def _says(error: Web3RPCError, phrases: tuple[str, ...]) -> bool:
    return any(phrase in str(error).lower() for phrase in phrases)
