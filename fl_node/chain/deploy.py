"""Creating a federation: contract, members, global 0."""

from collections.abc import Mapping

from eth_account.signers.local import LocalAccount

from fl_node.chain.connection import Connection
from fl_node.chain.ethereum import EthereumLedger, deploy_contract
from fl_node.cid import Cid
from fl_node.rounds import Terms


def create_federation(
    connection: Connection,
    owner: LocalAccount,
    *,
    plan: Cid,
    initial: Cid,
    header: str,
    nodes: Mapping[int, str],
    terms: Terms,
) -> EthereumLedger:
    """Deploy a contract, register its nodes and open round 1; gives the owner's view of it.

    :param plan: of a plan whose bytes are stored already, as are those of ``initial``
    :param header: address of the account that closes rounds
    :param nodes: number to address
    :raises RevertedError: when the terms do not fit the nodes
    """
    federation = deploy_contract(connection, owner, plan, initial, header, terms)
    ledger = EthereumLedger(connection, federation, owner)
    ledger.register_nodes(nodes)
    history = ledger.events()[-1].values["history"]
    ledger.set_global_weight(0, initial, None, history)
    return ledger
