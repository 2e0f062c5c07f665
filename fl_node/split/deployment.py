"""Deploying split learning on a network: publish, create, keep the provider's part, tell."""

from pathlib import Path

from fl_node.chain.epochs import SplitTerms
from fl_node.chain.ethereum_session import EthereumSessionLedger, deploy_session
from fl_node.chain.session_ledger import SessionLedger
from fl_node.config import Settings
from fl_node.connect import open_chain, open_signer, open_store
from fl_node.hosts import tell
from fl_node.members import Members
from fl_node.split.draft import SplitDraft


def deploy_split(
    home: Path, settings: Settings, draft: SplitDraft, members: Members
) -> tuple[SessionLedger, list[Path]]:
    """Create a contract for a split plan, register its nodes, and tell all hosts here.

    The provider's part is kept in this host's folder: the provider's, or it is copied there.

    :returns: a view of it, and the settings files that name it now
    :raises FlnodeError: when store or chain refuse, or the owner's account cannot be opened
    """
    owner = open_signer(home, settings, "owner_keystore")
    chain, store = open_chain(home, settings), open_store(home, settings)
    plan = store.put([draft.plan.encode()])
    store.put(draft.initial.pieces())
    draft.upper.save(home, plan)
    terms = SplitTerms(draft.plan.training.epochs, draft.plan.deadline_seconds)
    contract = deploy_session(chain, owner, plan, members.header, terms)
    ledger = EthereumSessionLedger(chain, contract, owner)
    ledger.register_nodes(members.nodes)
    ledger.wait_settled()
    return ledger, tell(home, contract, plan, draft.source)
