"""The command demo: a whole federation in one process."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl_node.options import counted, examples, print_json, with_json

if TYPE_CHECKING:
    from aggregator.console import ConsoleWatcher
    from aggregator.demo import Demo, Job
    from fl_node.federation import Federation
    from fl_node.training.draft import Draft

_PLAN_OPTIONS = ("nodes", "epochs", "images", "partition", "seed")
# Nobody else can join a demo, so a round need not end while a slow machine trains.
_TERMS = {"round_seconds": 86_400, "rounds": 5}
_MNIST = {"name": "mnist", "model": "cnn", "data": "mnist", "nodes": 2}
# Smaller batches and larger steps than the paper's get above 98 % in three rounds.
_SHORT_JOB = _MNIST | {
    "images": 20_000,
    "epochs": 1,
    "batch_size": 64,
    "optimizer": {"name": "Adam", "learning_rate": 0.002},
    "terms": _TERMS | {"rounds": 3},
}
_PAPER_JOB = _MNIST | {"images": 60_000, "epochs": 5, "terms": _TERMS}


@click.command(
    epilog=examples(
        "flnode demo",
        "flnode demo --nodes 4 --partition dirichlet:0.5 --rounds 5",
        "flnode demo --plan examples/own_model/plan.toml",
        "flnode demo --paper",
    )
)
@click.option(
    "--folder",
    "-C",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("flnode-demo"),
    show_default=True,
    help="Where everything stays: chain, store, model, curve.",
)
@click.option("--fresh", is_flag=True, help="Remove what an earlier demo left in the folder.")
@click.option("--plan", "plan_file", type=click.Path(path_type=Path), help="A plan of your own.")
@click.option("--paper", is_flag=True, help="The paper's job: 60,000 images, 5 rounds, 5 epochs.")
@click.option("--nodes", type=click.IntRange(min=1), help="Trainers, each with its shard.")
@click.option("--rounds", type=click.IntRange(min=1), help="Rounds.")
@click.option("--epochs", type=click.IntRange(min=1), help="Local epochs a round.")
@click.option(
    "--images", type=click.IntRange(min=1), help="Training images of all shards together."
)
@click.option("--partition", help="iid, dirichlet:ALPHA, or labels:N.")
@click.option("--seed", type=int, help="Of shards, initial weights, shuffling and dropout.")
@click.option("--threads", type=click.IntRange(min=0), default=0, help="Default: all cores.")
@with_json
def demo(folder: Path, fresh: bool, as_json: bool, **options: Any) -> None:
    """Run a whole federation in this process, on real data, and audit it.

    Trainers and a header do the same steps as in a network, on the same contract in an embedded
    Ethereum chain, with a folder as the store. Started again after Ctrl-C or a crash, it goes on.
    """
    from rich.console import Console

    from aggregator.console import ConsoleWatcher
    from aggregator.demo import clear, locked

    started = time.monotonic()
    watcher = ConsoleWatcher(Console(stderr=as_json))
    with locked(folder), watcher:
        if fresh:
            clear(folder)
        try:
            document = _run_demo(folder, options, watcher)
        except KeyboardInterrupt:
            watcher.say(f"stopped; closed rounds are kept: flnode demo --folder {folder} goes on")
            raise
    document["seconds"] = round(time.monotonic() - started, 1)
    if as_json:
        print_json(document)
    if not document["audit"]["ok"]:
        raise SystemExit(1)


def _run_demo(folder: Path, options: dict[str, Any], watcher: "ConsoleWatcher") -> dict[str, Any]:
    from aggregator.audit import audit as audit_federation
    from aggregator.audit_command import audit_document, audit_line
    from aggregator.console import subset_line
    from aggregator.demo import CURVE, HEADER, MODEL, run_rounds
    from fl_node.chain.timeline import read_timeline
    from fl_node.curve import draw_curve
    from fl_node.status import status_of
    from fl_node.training.export import export_model

    demo, job = _open(folder, options)
    federation = demo.view(HEADER)
    watcher.say(_opening_line(folder, federation, job))
    run_rounds(demo, job, watcher)
    found, status = audit_federation(federation, lambda _number: None), status_of(federation)
    subset = subset_line(read_timeline(federation.ledger)[1])
    if subset is not None:
        watcher.say(subset)
    watcher.say(audit_line(found))
    export_model(federation.plan, federation.weights(status.latest), folder / MODEL)
    files = [folder / MODEL]
    if any(each.accuracy is not None for each in status.rounds):
        draw_curve(status, folder / CURVE)
        files.append(folder / CURVE)
    watcher.say(
        f"written: {', '.join(map(str, files))}; flnode status --folder {folder} shows more"
    )
    return {
        "federation": status.federation,
        "folder": folder,
        "rounds": [each.number for each in status.rounds],
        "accuracy": [each.accuracy for each in status.rounds],
        "global": status.latest,
        "audit": audit_document(found),
    }


def _open(folder: Path, options: dict[str, Any]) -> "tuple[Demo, Job]":
    from aggregator.demo import begin, go_on, holds_demo

    asked = any(options[key] is not None for key in (*_PLAN_OPTIONS, "rounds", "plan_file"))
    if holds_demo(folder):
        return go_on(folder, _draft(options) if asked or options["paper"] else None)
    return begin(folder, _draft(options), options["threads"])


def _draft(options: dict[str, Any]) -> "Draft":
    from fl_node.training.draft import draft_plan, read_draft

    threads = options["threads"] or None
    changes = {key: options[key] for key in _PLAN_OPTIONS if options[key] is not None}
    if options["rounds"] is not None:
        changes["terms"] = {"rounds": options["rounds"]}
    if options["plan_file"] is not None:
        return read_draft(options["plan_file"], changes, threads=threads)
    job = _PAPER_JOB if options["paper"] else _SHORT_JOB
    return draft_plan(job, changes=changes, threads=threads)


def _opening_line(folder: Path, federation: "Federation", job: "Job") -> str:
    plan = federation.plan
    values = sum(tensor.size for tensor in federation.initial.tensors.values())
    sizes = " + ".join(f"{data.samples:,}" for data in job.shards.values())
    nodes, epochs = counted(len(job.shards), "node"), counted(plan.epochs, "local epoch")
    return (
        f"{plan.name}: {values:,} parameters, {sizes} samples on {nodes}, {epochs} a round; "
        f"all of it is in {folder}"
    )
