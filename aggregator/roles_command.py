"""The roles of a network, each a process: deploy, train, aggregate."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl_node.options import (
    counted,
    examples,
    next_steps,
    print_json,
    with_folder,
    with_json,
)

if TYPE_CHECKING:
    from aggregator.console import RoleWatcher
    from fl_node.config import Settings
    from fl_node.federation import Federation
    from fl_node.members import Members
    from fl_node.patience import Patience


@click.command(
    epilog=examples(
        "flnode deploy examples/mnist.toml",
        "flnode deploy plan.toml --rounds 10 --another",
        "flnode deploy plan.toml -C host --header 0x52…1e --node 1=0xa3…07 --node 2=0xb9…44",
    )
)
@click.argument("plan_file", metavar="PLAN.toml", type=click.Path(path_type=Path))
@with_folder
@with_json
@click.option("--header", help="The header's account; default: as members.toml says.")
@click.option("--node", "nodes", multiple=True, metavar="N=ACCOUNT", help="A node's account.")
@click.option("--rounds", type=click.IntRange(min=1), help="Instead of the plan file's.")
@click.option("--another", is_flag=True, help="Although the settings name an unfinished one.")
def deploy(
    plan_file: Path,
    folder: Path | None,
    as_json: bool,
    header: str | None,
    nodes: tuple[str, ...],
    rounds: int | None,
    another: bool,
) -> None:
    """Publish a plan and its initial model, create the contract, register the nodes.

    A plan with a table [split] begins split learning: the header's account is the AI provider's.
    """
    from aggregator.deployment import deploy_federation, require_finished
    from fl_node.config import load_settings, settings_folder
    from fl_node.members import read_members
    from fl_node.network.host import HEADER
    from fl_node.split.plan_file import is_split_file
    from fl_node.training.draft import read_draft

    home = settings_folder(folder, HEADER)
    settings = load_settings(home)
    if not another:
        require_finished(home, settings)
    known = read_members(home, header, nodes)
    if is_split_file(plan_file):
        if rounds is not None:
            raise click.UsageError("--rounds is of federations; a split plan has epochs")
        _deploy_split(plan_file, home, settings, known, as_json)
        if not as_json:
            click.echo(_split_steps(folder, home))
        return
    draft = read_draft(plan_file, {} if rounds is None else {"terms": {"rounds": rounds}})
    members = known.for_nodes(draft.plan.nodes)
    ledger, told = deploy_federation(home, settings, draft, members, another=another)
    if as_json:
        print_json(
            {
                "federation": ledger.federation,
                "chain_id": ledger.chain_id,
                "plan": draft.plan.cid,
                "global": draft.plan.initial,
                "header": members.header,
                "nodes": {str(node): account for node, account in members.nodes.items()},
                "settings": [str(path) for path in told],
            }
        )
        return
    count, total = counted(draft.plan.nodes, "node"), counted(draft.terms.rounds, "round")
    click.echo(f"{draft.plan.name}: plan {draft.plan.cid}, {count}, {total}")
    click.echo(f"federation {ledger.federation} on chain {ledger.chain_id}: round 1 is open")
    click.echo(f"told: {', '.join(map(str, told))}")


def _deploy_split(
    plan_file: Path, home: Path, settings: "Settings", known: "Members", as_json: bool
) -> None:
    from fl_node.split.deployment import deploy_split
    from fl_node.split.draft import read_split_draft
    from fl_node.split.words import what_crosses

    draft = read_split_draft(plan_file)
    training = draft.plan.training
    members = known.for_nodes(training.nodes)
    ledger, told = deploy_split(home, settings, draft, members)
    if as_json:
        print_json(
            {
                "contract": ledger.contract,
                "chain_id": ledger.chain_id,
                "plan": draft.plan.cid,
                "provider": members.header,
                "nodes": {str(node): account for node, account in members.nodes.items()},
                "settings": [str(path) for path in told],
            }
        )
        return
    count = counted(training.nodes, "data owner")
    click.echo(f"{training.name}: plan {draft.plan.cid}, {count}, {training.epochs} epochs")
    for line in what_crosses(draft.plan):
        click.echo(line)
    click.echo(f"split learning {ledger.contract} on chain {ledger.chain_id}")
    click.echo(f"told: {', '.join(map(str, told))}")


def _split_steps(folder: Path | None, home: Path) -> str:
    """Say how the parties begin: those of a network here, or this one of a host alone."""
    from fl_node.hosts import neighbours

    place = "" if folder is None else f" -C {folder}"
    others = [each.name for each in neighbours(home)[1:]]
    numbers = [name.removeprefix("node-") for name in others if name.startswith("node-")]
    owners = [f"flnode split train --node-id {number}{place}" for number in numbers]
    return next_steps(
        [
            f"flnode split provide{place}",
            *(owners or ["flnode split train, on each data owner's host"]),
            f"flnode status --watch{place}",
        ]
    )


@click.command(
    epilog=examples(
        "flnode train --node-id 1",
        "flnode train --node-id 1 --once --json",
        "flnode train -C /srv/flnode/node-1",
    )
)
@click.option("--node-id", type=click.IntRange(min=1), help="Default: the one of this account.")
@with_folder
@with_json
@click.option("--once", is_flag=True, help="End after one update.")
def train(node_id: int | None, folder: Path | None, as_json: bool, once: bool) -> None:
    """Train every round that is due, until the last one is closed.

    Start it in any order; it waits for what is not there yet. Stopped or killed at any moment, it
    goes on where it was when it is started again: the chain knows what is done.
    """
    from aggregator.roles import trainer_role
    from fl_node.config import settings_folder

    home = settings_folder(folder, f"node-{node_id or 1}")
    with (
        _staying(as_json) as (patience, watcher),
        trainer_role(home, node_id, patience, watcher) as role,
    ):
        role.run(once=once)
        for line in _ending(role.participant.federation):
            watcher.say(line)
    if as_json:
        print_json(
            {
                "node": role.participant.node,
                "rounds": [update.round for update in role.sent],
                "updates": [update.weights for update in role.sent],
            }
        )


@click.command(
    epilog=examples(
        "flnode aggregate",
        "flnode aggregate --once --json",
        "flnode aggregate --no-evaluate",
    )
)
@with_folder
@with_json
@click.option("--once", is_flag=True, help="End after one round.")
@click.option("--no-evaluate", is_flag=True, help="Do not measure globals on the test data.")
def aggregate(folder: Path | None, as_json: bool, once: bool, no_evaluate: bool) -> None:
    """Admit updates, average them and close each round, until the last one is closed.

    Start it in any order; it waits for what is not there yet. Stopped or killed at any moment, it
    goes on where it was when it is started again.
    """
    from aggregator.roles import header_role
    from fl_node.config import settings_folder
    from fl_node.network.host import HEADER

    home = settings_folder(folder, HEADER)
    with (
        _staying(as_json) as (patience, watcher),
        header_role(home, measures=not no_evaluate, patience=patience, watcher=watcher) as role,
    ):
        role.run(once=once)
        latest = role.closer.federation.ledger.snapshot().latest
        for line in _ending(role.closer.federation):
            watcher.say(line)
    if as_json:
        print_json(
            {
                "rounds": [each.model.number for each in role.closed],
                "global": latest.weights,
                "accuracy": [each.report.observed.metrics.get("accuracy") for each in role.closed],
            }
        )


@contextmanager
def _staying(as_json: bool) -> "Iterator[tuple[Patience, RoleWatcher]]":
    from rich.console import Console

    from aggregator.console import RoleWatcher
    from fl_node.errors import StoppedError
    from fl_node.patience import Patience

    watcher = RoleWatcher(Console(stderr=as_json))
    with watcher, Patience(watcher.waits_for) as patience:
        try:
            yield patience, watcher
        except StoppedError as stopped:
            watcher.say("stopped between two steps; the same command goes on from here")
            raise SystemExit(128 + stopped.signal) from None


def _ending(federation: "Federation") -> "Iterator[str]":
    from aggregator.console import subset_line
    from fl_node.chain.timeline import read_timeline

    snapshot, timeline = read_timeline(federation.ledger)
    subset = subset_line(timeline)
    if subset is not None:
        yield subset
    latest = f"global {snapshot.latest.number} {snapshot.latest.weights}"
    if timeline.complete:
        yield f"the last round is closed: {latest}; see flnode status and flnode audit"
    else:
        yield f"round {snapshot.round.number} of {snapshot.terms.rounds} is open: {latest}"
