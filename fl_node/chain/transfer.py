"""Plain transfers of ether: to fund an account, or to have a block made now."""

from dataclasses import dataclass
from typing import cast

from eth_account.signers.local import LocalAccount
from web3.types import TxParams

from fl_node.chain.connection import Connection
from fl_node.chain.ethereum import checksum_address
from fl_node.chain.transact import transact
from fl_node.chain.transaction import Call, find_receipt
from fl_node.chain.vitals import chain_errors
from fl_node.errors import UnreachableError

TRANSFER_GAS = 21_000  # what a transfer to an account without code costs, always


@dataclass(frozen=True)
class Mined:
    """The block that took a transfer.

    :ivar timestamp: in seconds since 1970
    """

    number: int
    timestamp: int


@dataclass(frozen=True)
class _Payment:
    """A call of no contract, in the one method that sending asks of a call."""

    to: str
    wei: int

    def build_transaction(self, fields: TxParams) -> TxParams:
        return cast("TxParams", fields | {"to": self.to, "value": self.wei, "data": b""})


def transfer(connection: Connection, sender: LocalAccount, to: str, wei: int) -> Mined:
    """Send ether and wait until a block has taken it.

    :raises UnreachableError: when the node is away, or no block takes it
    :raises LedgerError: when the node refuses it, as for lack of funds
    """
    call = cast("Call", _Payment(checksum_address(to), wei))
    with chain_errors(f"a transfer from {sender.address} to {to}"):
        (sent,) = transact(connection, sender, [call], TRANSFER_GAS)
        receipt = find_receipt(connection, sent)
        if receipt is None:  # taken out again by a re-ordering, and mined once more soon
            raise UnreachableError(f"the transfer to {to} is not in the chain yet: look again")
        block = connection.web3.eth.get_block(receipt["blockNumber"])
    return Mined(int(block["number"]), int(block["timestamp"]))
