"""Split learning: what leaks at a cut, what NoPeek takes from it, what the alarm costs.

The paper's network on MNIST images. One line of JSON for each moment of the lower part, and one
for the alarm.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from fl_node.split.draft import SplitDraft, draft_split, own_parts, parted, upper_part
from fl_node.split.leakage.alarm import Alarm
from fl_node.split.leakage.rehearsal import rehearse
from fl_node.split.leakage.report import leakage_report
from fl_node.split.parts.crossing import named
from fl_node.split.parts.node_step import NodeStep
from fl_node.split.parts.provider_step import ProviderStep
from fl_node.split.plan_file import parse_split_file
from fl_node.training.backend import start_backend
from fl_node.training.data import load_data, load_test_data
from fl_node.training.dataset import Dataset
from fl_node.training.draws import permutation

BATCH = 128
FIELDS: dict[str, Any] = {
    "name": "benchmark",
    "model": "cnn",
    "data": "mnist",
    "loss": "sparse_categorical_crossentropy",
    "metrics": ["accuracy"],
    "batch_size": BATCH,
}


class Both:
    """Both parties' steps in one process."""

    def __init__(self, draft: SplitDraft, data: Dataset) -> None:
        plan, crossing = draft.plan, named("cut", draft.plan.crossing)
        (lower,) = own_parts(plan)
        self.node = NodeStep(plan.training, lower, crossing, plan.output, nopeek=float(plan.nopeek))
        self.provider = ProviderStep(plan.training, upper_part(plan, draft.upper), crossing)
        self.node.party.load(parted(draft.initial))
        self.provider.party.load([draft.upper.initial])
        for step in (self.node, self.provider):
            step.party.state.begin(1)
        self.samples = self.node.samples(data)
        self.alarm_seconds, self.provider_seconds = 0.0, 0.0

    def epoch(self, number: int, alarm: Alarm) -> list[str]:
        """Train; gives what the alarm said."""
        said: list[str] = []
        order = permutation(len(self.samples), number)
        for step in range(len(order) // BATCH):

            def exchange(cut: Any, targets: Any, step: int = step) -> Any:
                start = time.perf_counter()
                gradients: list[Any] = []
                self.provider.step(
                    cut, targets, lambda found, _: gradients.extend(map(np.array, found))
                )
                middle = time.perf_counter()
                line = alarm.see(step, gradients, targets)
                self.provider_seconds += middle - start
                self.alarm_seconds += time.perf_counter() - middle
                said.extend([line] if line else [])
                return gradients

            self.node.step(self.samples, order[step * BATCH : (step + 1) * BATCH], exchange)
        return said

    def accuracy(self, test: Dataset) -> float:
        """Evaluate both parts together."""
        held = self.node.samples(test)
        self.node.score.reset()
        for start in range(0, len(held), 1000):
            rows = np.arange(start, min(start + 1000, len(held)))
            cut = self.node.activations(held, rows)
            self.node.count(held, rows, self.provider.outputs(cut))
        return self.node.score.result()["accuracy"]


def measure(after: str, nopeek: str, images: int, epochs: int) -> Iterator[dict[str, object]]:
    """Report before and after a training."""
    start_backend(2)
    table = {"cut_after": after, "nopeek": Decimal(nopeek)}
    draft = draft_split(parse_split_file(FIELDS | {"split": table}, Path.cwd(), {}))
    plan = replace(draft.plan, training=replace(draft.plan.training, images=images))
    data, test = load_data("mnist", plan.training, 1), load_test_data("mnist", plan.training)
    assert test is not None
    start = time.perf_counter()
    alarm = Alarm(rehearse(plan, 1, draft.initial, data))
    rehearsal = time.perf_counter() - start
    both = Both(draft, data)
    if nopeek == "0":
        yield _leakage(plan, both, test, "before training", after)
    start = time.perf_counter()
    said = [line for epoch in range(epochs) for line in both.epoch(epoch + 1, alarm)]
    own = time.perf_counter() - start - both.provider_seconds - both.alarm_seconds
    yield _leakage(plan, both, test, f"after {epochs} epochs", after) | {
        "accuracy": round(both.accuracy(test), 4)
    }
    yield {
        "figure": f"split alarm over an honest training, cut after {after}",
        "value": round((rehearsal + both.alarm_seconds) / own, 4),
        "unit": "of the owner's time",
        "looking": round(both.alarm_seconds / own, 4),
        "rehearsal_seconds": round(rehearsal, 2),
        "owner_seconds": round(own, 2),
        "alarms": len(said),
    }


def _leakage(plan: Any, both: Both, test: Dataset, when: str, after: str) -> dict[str, object]:
    start = time.perf_counter()
    report = leakage_report(plan, both.node.party.weights, test)
    (found,) = report.inputs.values()
    return {
        "figure": f"split leakage, cut after {after}, nopeek {plan.nopeek}, {when}",
        "value": round(found.explained, 3),
        "unit": "of the inputs' variance",
        "ssim": round(found.ssim or 0.0, 3),
        "distance_correlation": round(report.distance_correlation, 3),
        "seconds": round(time.perf_counter() - start, 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--after", default="pool_2")
    parser.add_argument("--nopeek", default="0")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=2)
    chosen = parser.parse_args()
    for line in measure(chosen.after, chosen.nopeek, chosen.images, chosen.epochs):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
