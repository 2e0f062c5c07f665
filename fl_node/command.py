"""Commands that take a federation's model: evaluate, export, plot."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl_node.options import examples, print_json, with_folder, with_json

if TYPE_CHECKING:
    from fl_node.chain.timeline import Timeline
    from fl_node.federation import Federation
    from fl_node.rounds import Global


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
