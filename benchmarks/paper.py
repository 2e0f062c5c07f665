"""The paper's job against one node that has all data: a table per round and node, JSON per seed.

Federated: 2 nodes x 30,000 images, 5 rounds of 5 local epochs. Alone: 1 node x 60,000 images, 25
epochs. Both are whole federations on the embedded chain; folders are kept, so that a run that was
stopped goes on, and `flnode audit` can look at it later. About an hour on two idle cores.

    python benchmarks/paper.py --seeds 1 2 --folder paper-runs
"""

import argparse
import json
from pathlib import Path
from typing import Any

from aggregator.audit import audit
from aggregator.console import ConsoleWatcher
from aggregator.demo import HEADER, begin, go_on, holds_demo, run_rounds
from fl_node.chain.timeline import read_timeline
from fl_node.connect import connect
from fl_node.errors import SettingsError
from fl_node.federation import Federation
from fl_node.training.data import Dataset, load_test_data
from fl_node.training.draft import draft_plan
from fl_node.training.local import Trainer

DAY_SECONDS = 86_400
FEDERATED = {"nodes": 2, "epochs": 5, "terms": {"rounds": 5, "round_seconds": DAY_SECONDS}}
ALONE = {"nodes": 1, "epochs": 25, "terms": {"rounds": 1, "round_seconds": DAY_SECONDS}}
MNIST = {"name": "paper", "model": "cnn", "data": "mnist", "images": 60_000}


def main() -> None:
    """Run both jobs for each seed and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--folder", type=Path, default=Path("paper-runs"))
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    chosen = parser.parse_args()
    for seed in chosen.seeds:
        jobs = {"federated": FEDERATED, "alone": ALONE}
        federated, alone = (
            run(chosen.folder / f"{name}-{seed}", MNIST | job | {"seed": seed}, chosen.threads)
            for name, job in jobs.items()
        )
        difference = 100 * (federated["accuracy"][-1] - alone["accuracy"][-1])
        figures = {"federated": federated, "alone": alone, "difference_points": difference}
        print(json.dumps({"benchmark": "paper", "seed": seed} | figures), flush=True)


def run(folder: Path, keys: dict[str, Any], threads: int) -> dict[str, Any]:
    """Run a job, or what is left of it, and measure every global and every update."""
    folder.mkdir(parents=True, exist_ok=True)
    finish(folder, keys, threads)
    _, federation = connect(folder)
    test = load_test_data("mnist", federation.plan)
    assert test is not None
    return measure(federation, Trainer(federation.plan, threads=threads or None), test)


def finish(folder: Path, keys: dict[str, Any], threads: int) -> None:
    """Do the rounds that are not closed yet."""
    from rich.console import Console

    begun = holds_demo(folder)
    try:
        demo, job = (
            go_on(folder, None)
            if begun
            else begin(folder, draft_plan(keys, threads=threads or None), threads)
        )
    except SettingsError:  # it is finished
        return
    with ConsoleWatcher(Console(stderr=True)) as watcher:
        run_rounds(demo, job, watcher)
    assert audit(demo.view(HEADER), lambda _number: None).ok


def measure(federation: Federation, trainer: Trainer, test: Dataset) -> dict[str, Any]:
    """Give accuracies on the 10,000 test images: of each global, and of each update in it."""
    logs = read_timeline(federation.ledger)[1].rounds
    closed = [logs[number] for number in sorted(logs) if logs[number].closing]

    def accuracy(cid: Any) -> float:
        return round(trainer.evaluate(federation.weights(cid), test)["accuracy"], 4)

    return {
        "accuracy": [accuracy(log.closing.model.weights) for log in closed if log.closing],
        "nodes": {
            node: [accuracy(log.updates[node].weights) for log in closed]
            for node in range(1, federation.plan.nodes + 1)
        },
    }


if __name__ == "__main__":
    main()
