"""Sending transactions: nonce, fees, replacement of one's own stuck ones, receipts."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from web3.contract.contract import ContractConstructor, ContractFunction
from web3.exceptions import (
    BadResponseFormat,
    TransactionIndexingInProgress,
    TransactionNotFound,
    Web3RPCError,
)
from web3.types import Nonce, TxParams, TxReceipt, Wei

from fl_node.chain.connection import Connection
from fl_node.errors import UnreachableError

Call = ContractFunction | ContractConstructor

_MINED_SECONDS = 60
_POLL_SECONDS = 0.02
_SEND_AGAIN_SECONDS = 3
_ATTEMPTS = 12  # doubled as often, a fee passes whatever an earlier life of this process offered
# What Geth and Anvil say of a transaction that they hold already, and of fees and nonces.
_KNOWN = ("already known", "already imported")
_UNDERPRICED = ("underpriced",)
_NONCE_TAKEN = ("nonce too low",)
_TRIED: tuple[Literal["from", "to", "gas", "data"], ...] = ("from", "to", "gas", "data")


@dataclass(frozen=True)
class Sent:
    """A signed transaction on its way.

    :ivar nonce: its place among its account's transactions; only one of a place is ever mined
    """

    raw: HexBytes
    hash: HexBytes
    nonce: Nonce


@dataclass(frozen=True)
class _Fees:
    """What a transaction offers for a unit of gas, in wei (EIP-1559)."""

    tip: Wei
    cap: Wei

    def raised(self) -> "_Fees":
        """Offer twice as much: a node wants a tenth more to replace a transaction."""
        return replace(self, tip=Wei(2 * self.tip), cap=Wei(2 * self.cap))


def send(
    connection: Connection,
    signer: LocalAccount,
    calls: Sequence[Call],
    gas_limit: int,
    least_nonce: int = 0,
) -> list[Sent]:
    """Sign calls and hand them over in order, from the account's newest mined nonce on.

    An earlier transaction of this account that was never mined is replaced.

    :param least_nonce: keeps this ledger's own earlier transactions from being replaced
    :raises Web3RPCError: when the node refuses one
    """
    handed_over: list[Sent] = []
    for call in calls:
        mined = connection.web3.eth.get_transaction_count(signer.address)
        sent = _send(connection, signer, call, gas_limit, Nonce(max(mined, least_nonce)))
        least_nonce = sent.nonce + 1
        handed_over.append(sent)
    return handed_over


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


def await_receipt(connection: Connection, sent: Sent) -> TxReceipt | None:
    """Wait until reads see a transaction in its block; hand it over again if the node forgot it.

    :returns: None when another transaction of the account was mined in its place
    :raises UnreachableError: when it is not within a minute; it may still be
    """
    deadline = time.monotonic() + _MINED_SECONDS
    again = time.monotonic() + _SEND_AGAIN_SECONDS
    while time.monotonic() < deadline:
        receipt = find_receipt(connection, sent)
        if receipt is not None and _is_read(connection, receipt):
            return receipt
        if time.monotonic() > again:
            if not send_again(connection, sent):
                return find_receipt(connection, sent)
            again = time.monotonic() + _SEND_AGAIN_SECONDS
        time.sleep(_POLL_SECONDS)
    raise UnreachableError(
        f"no block took transaction {sent.hash.to_0x_hex()} within {_MINED_SECONDS} s: see that "
        "most of the chain's sealers run and are connected"
    )


def _is_read(connection: Connection, receipt: TxReceipt) -> bool:
    """Tell whether the newest block is its or a later one: Geth has receipts a moment before."""
    return connection.web3.eth.block_number >= receipt["blockNumber"]


def find_receipt(connection: Connection, sent: Sent) -> TxReceipt | None:
    """Look for a transaction in the chain as it is now.

    :raises BadResponseFormat: when the node answers with that of another
    """
    try:
        receipt = connection.web3.eth.get_transaction_receipt(sent.hash)
    except (TransactionNotFound, TransactionIndexingInProgress):  # the latter after a start
        return None
    if receipt["transactionHash"] != sent.hash:
        raise BadResponseFormat(f"another receipt than that of {sent.hash.to_0x_hex()}")
    return receipt


def send_again(connection: Connection, sent: Sent) -> bool:
    """Hand a transaction over once more.

    :returns: whether it waits for a block; not when one of the same nonce, perhaps it, is mined
    :raises Web3RPCError: when the node refuses it
    """
    try:
        connection.web3.eth.send_raw_transaction(sent.raw)
    except Web3RPCError as error:
        if _says(error, _NONCE_TAKEN):
            return False
        if not _says(error, _KNOWN + _UNDERPRICED):
            raise
    return True


def _send(
    connection: Connection, signer: LocalAccount, call: Call, gas_limit: int, nonce: Nonce
) -> Sent:
    fees = _fees(connection)
    for _ in range(_ATTEMPTS):
        sent = _signed(connection, signer, call, gas_limit, nonce, fees)
        try:
            connection.web3.eth.send_raw_transaction(sent.raw)
        except Web3RPCError as error:
            if _says(error, _UNDERPRICED):
                fees = fees.raised()
            elif _says(error, _NONCE_TAKEN) and find_receipt(connection, sent) is None:
                nonce = connection.web3.eth.get_transaction_count(signer.address)
            elif not _says(error, _KNOWN + _NONCE_TAKEN):
                raise
            else:  # the node has it already: only the first answer was lost
                return sent
        else:
            return sent
    raise UnreachableError(
        f"other transactions of {signer.address} were in the way {_ATTEMPTS} times: wait until "
        "they are mined, and see that no other process sends from this account"
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
        "chainId": connection.chain_id,
        "maxPriorityFeePerGas": fees.tip,
        "maxFeePerGas": fees.cap,
        "value": Wei(0),
    }
    signed = signer.sign_transaction(cast("dict[str, Any]", call.build_transaction(fields)))
    return Sent(HexBytes(signed.raw_transaction), HexBytes(signed.hash), fields["nonce"])


def _says(error: Web3RPCError, phrases: tuple[str, ...]) -> bool:
    return any(phrase in str(error).lower() for phrase in phrases)
