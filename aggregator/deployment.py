"""Deploying a federation on a network: publish, create, tell the hosts that are on this machine."""

from pathlib import Path

from fl_node.chain.deploy import create_federation
from fl_node.chain.ledger import Ledger
from fl_node.chain.session_timeline import read_session_timeline
from fl_node.chain.timeline import read_timeline
from fl_node.config import Settings
from fl_node.connect import open_chain, open_ledger, open_signer, open_store
from fl_node.errors import SettingsError
from fl_node.hosts import all_name, tell
from fl_node.members import Members
from fl_node.split.opening import names_split_learning, open_session
from fl_node.training.draft import Draft


def require_finished(home: Path, settings: Settings) -> None:
    """Refuse to take the place of a federation whose last round is not closed.

    One that not all hosts here name is let through: its deployment may have been killed.

    :raises SettingsError: naming it
    """
    if settings.federation and all_name(home, settings.federation):
        _require_closed(home, settings)


def _require_closed(home: Path, settings: Settings) -> None:
    if names_split_learning(home, settings):
        _require_recorded(home, settings)
        return
    timeline = read_timeline(open_ledger(home, settings))[1]
    if not timeline.complete:
        raise SettingsError(
            f"{home} belongs to {settings.federation}, which is in round {timeline.open_number} of "
            f"{timeline.terms.rounds}: add --another to leave it there and begin another one"
        )


def _require_recorded(home: Path, settings: Settings) -> None:
    opened = open_session(home, settings)
    timeline = read_session_timeline(opened.ledger)
    if not timeline.complete:
        done = {node: len(log.epochs) for node, log in sorted(timeline.sessions.items())}
        raise SettingsError(
            f"{home} belongs to the split learning {settings.federation}, which has recorded "
            f"{done} of {timeline.terms.epochs} epochs by node: add --another to leave it there "
            "and begin another one"
        )


def deploy_federation(
    home: Path, settings: Settings, draft: Draft, members: Members, *, another: bool = False
) -> tuple[Ledger, list[Path]]:
    """Make sure that there is such a federation, in round 1, and that all hosts here name it.

    What a killed deployment told some of them is told to the others.

    :param another: create one all the same
    :returns: a view of it, and the settings files that name the federation now
    :raises SettingsError: when the settings name one that is not finished
    :raises FlnodeError: when store or chain refuse, or the owner's account cannot be opened
    """
    ledger = None if another else _begun(home, settings, draft, members)
    if ledger is None:
        ledger = _created(home, settings, draft, members)
    return ledger, tell(home, ledger.federation, draft.plan.cid, draft.source)


def _begun(home: Path, settings: Settings, draft: Draft, members: Members) -> Ledger | None:
    """Find the same federation in the settings, where a deployment was killed on its last steps."""
    if not settings.federation:
        return None
    ledger = open_ledger(home, settings)
    if not all_name(home, settings.federation) and _is_as_asked(ledger, draft, members):
        return ledger
    _require_closed(home, settings)
    return None


def _is_as_asked(ledger: Ledger, draft: Draft, members: Members) -> bool:
    snapshot, timeline = read_timeline(ledger)
    found = {0: snapshot.header} | dict(timeline.members)
    asked = {0: members.header} | dict(members.nodes)
    return (timeline.plan, snapshot.terms, timeline.open_number) == (
        draft.plan.cid,
        draft.terms,
        1,
    ) and {node: account.lower() for node, account in found.items()} == {
        node: account.lower() for node, account in asked.items()
    }


def _created(home: Path, settings: Settings, draft: Draft, members: Members) -> Ledger:
    """Store plan and initial model, create the contract, register nodes, open round 1."""
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
    return ledger
