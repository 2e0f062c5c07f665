"""Deploying a federation on a network: publish, create, tell the hosts that are on this machine."""

from dataclasses import replace
from pathlib import Path

from fl_node.chain.deploy import create_federation
from fl_node.chain.ledger import Ledger
from fl_node.chain.timeline import read_timeline
from fl_node.config import FILE_NAME, Settings, load_settings, save_settings
from fl_node.connect import open_chain, open_ledger, open_signer, open_store
from fl_node.errors import SettingsError
from fl_node.hosts import homes_of
from fl_node.members import Members
from fl_node.network.host import holds_network
from fl_node.training.draft import Draft


def require_finished(home: Path, settings: Settings) -> None:
    """Refuse to take the place of a federation whose last round is not closed.

    :raises SettingsError: naming it
    """
    if not settings.federation:
        return
    timeline = read_timeline(open_ledger(home, settings))[1]
    if not timeline.complete:
        raise SettingsError(
            f"{home} belongs to {settings.federation}, which is in round {timeline.open_number} of "
            f"{timeline.terms.rounds}: add --another to leave it there and begin another one"
        )


def deploy_federation(
    home: Path, settings: Settings, draft: Draft, members: Members
) -> tuple[Ledger, list[Path]]:
    """Store plan and initial model, create the contract, register nodes, open round 1.

    :returns: the owner's view, and the settings files that name the federation now
    :raises FlnodeError: when store or chain refuse, or the owner's account cannot be opened
    """
    owner = open_signer(home, settings, "owner_keystore")
    chain, store = open_chain(home, settings), open_store(home, settings)
    ledger = create_federation(
        chain,
        owner,
        plan=store.put([draft.plan.encode()]),
        initial=store.put(draft.initial.pieces()),
        header=members.header,
        nodes=members.nodes,
        terms=draft.terms,
    )
    ledger.wait_settled()
    return ledger, [_told(folder, ledger, draft) for folder in _hosts_here(home)]


def _told(folder: Path, ledger: Ledger, draft: Draft) -> Path:
    settings = replace(
        load_settings(folder, environment={}),
        federation=ledger.federation,
        plan=str(draft.plan.cid),
        data=draft.source,
    )
    save_settings(folder, settings)
    return folder / FILE_NAME


def _hosts_here(home: Path) -> list[Path]:
    """Give the host folders of the network that this one is part of, or just this one."""
    network = home.resolve().parent
    return list(homes_of(network, None).values()) if holds_network(network) else [home]
