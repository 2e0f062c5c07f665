"""From a call to a mined transaction: tried before, sent, waited for, sent anew if replaced."""

from collections.abc import Sequence

from eth_account.signers.local import LocalAccount

from fl_node.chain.abi import reverted
from fl_node.chain.connection import Connection
from fl_node.chain.transaction import Call, Sent, await_receipt, send, tried
from fl_node.errors import UnreachableError

_REPLACEMENTS = 5


def transact(
    connection: Connection,
    signer: LocalAccount,
    calls: Sequence[Call],
    gas_limit: int,
    least_nonce: int = 0,
) -> list[Sent]:
    """Sign and send calls in order, and wait until all are mined; the first is tried before.

    :param least_nonce: as for `send`
    :raises RevertedError: when the contract refuses one, with its error's name and values
    :raises UnreachableError: when no block takes them
    """
    sent = hand_over(connection, signer, calls, gas_limit, least_nonce)
    return [
        _mined(connection, signer, call, gas_limit, each)
        for call, each in zip(calls, sent, strict=True)
    ]


def hand_over(
    connection: Connection,
    signer: LocalAccount,
    calls: Sequence[Call],
    gas_limit: int,
    least_nonce: int = 0,
) -> list[Sent]:
    """Sign and send calls in order, and wait for none; the first is tried before.

    :param least_nonce: as for `send`
    :raises RevertedError: when the contract would refuse the first
    """
    _require_accepted(connection, signer, calls[0], gas_limit)
    return send(connection, signer, calls, gas_limit, least_nonce)


def _mined(
    connection: Connection, signer: LocalAccount, call: Call, gas_limit: int, sent: Sent
) -> Sent:
    """Wait for a call's receipt; send the call anew when another transaction took its place."""
    for _ in range(_REPLACEMENTS):
        receipt = await_receipt(connection, sent)
        if receipt is not None:
            if receipt["status"] != 1:
                raise reverted(connection.revert_data(receipt))
            return sent
        _require_accepted(connection, signer, call, gas_limit)
        (sent,) = send(connection, signer, [call], gas_limit)
    raise UnreachableError(
        f"{_REPLACEMENTS} transactions of {signer.address} were replaced by others: see that no "
        "other process sends from this account"
    )


def _require_accepted(
    connection: Connection, signer: LocalAccount, call: Call, gas_limit: int
) -> None:
    refusal = connection.refusal(tried(call, signer.address, gas_limit))
    if refusal is not None:
        raise reverted(refusal)
