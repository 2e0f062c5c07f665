"""Commands that look at a federation: status, evaluate, export, plot."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl_node.options import examples, print_json, with_folder, with_json

if TYPE_CHECKING:
    from rich.table import Table

    from fl_node.chain.timeline import Timeline
    from fl_node.federation import Federation
    from fl_node.rounds import Global
    from fl_node.status import RoundStatus, Status

_WATCH_SECONDS = 2
_TABLE_WIDTH = 124
_HEADINGS = (
    *("round", "accuracy", "loss", "included"),
    *("rejected", "missing", "checked by", "global"),
)


@click.command(
    epilog=examples(
        "flnode status --folder demo",
        "flnode status --folder demo --watch",
        "flnode status --folder demo --json | jq .rounds[-1].accuracy",
    )
)
@with_folder
@with_json
@click.option("--watch", is_flag=True, help="Show it anew every two seconds until Ctrl-C.")
def status(folder: Path, as_json: bool, watch: bool) -> None:
    """Show the rounds: who is in, rejected or missing, and why."""
    if watch and as_json:
        raise click.UsageError("--watch is for people, --json for programs: take one of them")
    from fl_node.connect import connect
    from fl_node.status import status_of

    if not watch:
        _, federation = connect(folder)
        found = status_of(federation)
        print_json(_status_document(found)) if as_json else _print_status(found)
        return
    while True:
        seen = _status_or_reason(folder)
        click.clear()
        if isinstance(seen, str):
            click.echo(f"waiting: {seen}")
        else:
            _print_status(seen)
            if seen.complete:
                return
        time.sleep(_WATCH_SECONDS)


def _status_or_reason(folder: Path | None) -> "Status | str":
    """Give the status, or say what is not there yet."""
    from fl_node.connect import connect
    from fl_node.errors import NoFederationError
    from fl_node.patience import PASSES
    from fl_node.status import status_of

    try:
        return status_of(connect(folder)[1])
    except (NoFederationError, *PASSES) as error:
        return str(error)


@click.command(
    epilog=examples(
        "flnode evaluate --folder demo",
        "flnode evaluate --folder demo --round 1 --json",
    )
)
@with_folder
@with_json
@click.option("--round", "number", type=click.IntRange(min=0), help="Default: the latest global.")
def evaluate(folder: Path, as_json: bool, number: int | None) -> None:
    """Measure a global model on the test data."""
    from fl_node.connect import connect
    from fl_node.errors import DataError
    from fl_node.training.data import load_test_data
    from fl_node.training.local import Trainer

    settings, federation = connect(folder)
    model = _global(federation, number)
    test = load_test_data(settings.data, federation.plan, folder=folder)
    if test is None:
        raise DataError(
            f"{settings.data} has nothing to measure on: add a function test_NAME beside NAME, or "
            "a file test….npz to the folder"
        )
    trainer = Trainer(federation.plan, threads=settings.threads or None)
    metrics = trainer.evaluate(federation.weights(model.weights), test)
    if as_json:
        print_json({"global": model, "samples": test.samples, "metrics": metrics})
        return
    scores = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
    click.echo(f"global {model.number} on {test.samples:,} samples: {scores}")


@click.command(
    epilog=examples(
        "flnode export model.keras --folder demo",
        "python -c \"import keras; keras.saving.load_model('model.keras').summary()\"",
    )
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_folder
@with_json
@click.option("--round", "number", type=click.IntRange(min=0), help="Default: the latest global.")
def export(file: Path, folder: Path, as_json: bool, number: int | None) -> None:
    """Write a global model as FILE.keras, to be used without flnode."""
    from fl_node.connect import connect
    from fl_node.training.export import export_model

    _, federation = connect(folder)
    model = _global(federation, number)
    export_model(federation.plan, federation.weights(model.weights), file)
    if as_json:
        print_json({"global": model, "file": file})
        return
    click.echo(f"global {model.number} is in {file}")


@click.command(epilog=examples("flnode plot curve.png --folder demo"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_folder
@with_json
def plot(file: Path, folder: Path, as_json: bool) -> None:
    """Draw the accuracy of each round into FILE.png."""
    from fl_node.connect import connect
    from fl_node.curve import draw_curve
    from fl_node.status import status_of

    found = status_of(connect(folder)[1])
    draw_curve(found, file)
    if as_json:
        print_json({"file": file, "rounds": len(found.rounds)})
        return
    click.echo(f"the curve of {found.latest_number} rounds is in {file}")


def _global(federation: "Federation", number: int | None) -> "Global":
    from fl_node.chain.timeline import read_timeline

    timeline: Timeline = read_timeline(federation.ledger)[1]
    return timeline.model(timeline.open_number - 1 if number is None else number)


def _status_document(found: "Status") -> dict[str, Any]:
    return {
        "federation": found.federation,
        "chain_id": found.chain_id,
        "name": found.name,
        "plan": found.plan,
        "round": None if found.complete else found.open_number,
        "rounds_total": found.rounds_total,
        "complete": found.complete,
        "closable": found.closable,
        "deadline": None if found.complete else found.deadline,
        "global": found.latest,
        "rounds": [_round_document(each) for each in found.rounds],
        "nodes": [{"node": node, "account": account} for node, account in found.nodes],
    }


def _round_document(each: "RoundStatus") -> dict[str, Any]:
    return {
        "round": each.number,
        "global": each.model,
        "included": each.included,
        "rejected": [{"node": node, "reason": reason} for node, reason in each.rejected],
        "late": each.late,
        "missing": each.missing,
        "duplicates": each.duplicates,
        "agreeing": each.agreeing,
        "disputing": each.disputing,
        "accuracy": each.accuracy,
        "loss": each.loss,
        "unreadable": each.unreadable,
    }


def _print_status(found: "Status") -> None:
    from rich.console import Console

    now = "complete" if found.complete else f"round {found.open_number} is open"
    if found.closable:
        now += " and can be closed"
    click.echo(f"{found.name}: {now}, {found.latest_number} of {found.rounds_total} rounds closed")
    click.echo(f"federation {found.federation} on chain {found.chain_id}")
    click.echo(f"global {found.latest_number} {found.latest}")
    console = Console(highlight=False)
    console.width = max(console.width, _TABLE_WIDTH)  # a CID on two lines cannot be copied
    console.print(_rounds_table(found))


def _rounds_table(found: "Status") -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE)
    for heading in _HEADINGS:
        table.add_column(heading, overflow="fold", no_wrap=heading == _HEADINGS[-1])
    for each in found.rounds:
        table.add_row(*_round_cells(each))
    return table


def _round_cells(each: "RoundStatus") -> tuple[str, ...]:
    unknown = f"unknown: {each.unreadable}" if each.unreadable else "-"
    late = {one.node: f" (late: {one.why})" for one in each.late}
    return (
        str(each.number),
        unknown if each.accuracy is None else f"{100 * each.accuracy:.2f} %",
        "-" if each.loss is None else f"{each.loss:.4f}",
        ", ".join(_shown(node, each) + late.get(node, "") for node in each.included) or "-",
        ", ".join(f"{node} ({reason})" for node, reason in each.rejected) or "-",
        ", ".join(f"{node}{late.get(node, '')}" for node in each.missing) or "-",
        _words(each),
        str(each.model) if each.model else "open",
    )


def _words(each: "RoundStatus") -> str:
    """Say who recomputed the global, and who disputes it."""
    agreeing = ", ".join(map(str, each.agreeing))
    disputing = ", ".join(f"{node} DISPUTES" for node in each.disputing)
    return ", ".join(filter(None, (agreeing, disputing))) or "-"


def _shown(node: int, each: "RoundStatus") -> str:
    copied = {copy: original for original, copy in each.duplicates}
    return f"{node} (= {copied[node]})" if node in copied else str(node)
