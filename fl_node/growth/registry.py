"""A node's place on the chain: its funds and its registration, both from the owner's account."""

from typing import TYPE_CHECKING

from fl_node.chain.connection import Connection
from fl_node.chain.ethereum import CALL_GAS_LIMIT
from fl_node.chain.ledger import Ledger
from fl_node.chain.transfer import TRANSFER_GAS, transfer
from fl_node.chain.vitals import Vitals
from fl_node.errors import LedgerError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

FUNDED_WRITES = 100_000
# What a private chain begins with (twice its base fee): an idle one's falls, and rises again.
_LEAST_PRICE_WEI = 2 * 10**9
_WEI_PER_ETHER = 10**18


def fund(connection: Connection, owner: "LocalAccount", account: str) -> int:
    """Give an account what it lacks for 100,000 writes; give what was sent, in wei.

    One that still has half of that gets nothing, so that doing it again as fees rise sends nothing.

    :raises LedgerError: when the owner has not so much
    """
    vitals = Vitals(connection)
    price_wei = max(_LEAST_PRICE_WEI, vitals.gas_price_wei())
    wanted, found = FUNDED_WRITES * CALL_GAS_LIMIT * price_wei, vitals.balance_wei(account)
    if 2 * found >= wanted:
        return 0
    lacking = wanted - found
    owned = vitals.balance_wei(owner.address)
    if owned < lacking + TRANSFER_GAS * price_wei:
        raise LedgerError(
            f"{account} needs {lacking / _WEI_PER_ETHER:g} ether more, its owner {owner.address} "
            f"has {owned / _WEI_PER_ETHER:g}: send it some"
        )
    transfer(connection, owner, account, lacking)
    return lacking


def register(ledger: Ledger, node: int, account: str) -> bool:
    """Make sure that a node is registered with this account; say whether it had to be done.

    :param ledger: the owner's view
    :raises LedgerError: when the node has another account
    """
    member = ledger.member(node)
    if member is None:
        ledger.register_node(node, account)
        ledger.wait_settled()
        return True
    if member.account == account:
        return False
    raise LedgerError(
        f"node {node} was to be {account}, found {member.account} registered: take another number, "
        f"or do flnode nodes remove {node} first"
    )


def revoke(ledger: Ledger, node: int) -> bool:
    """Make sure that a node is not registered; say whether it was."""
    if ledger.member(node) is None:
        return False
    ledger.remove_node(node)
    ledger.wait_settled()
    return True
