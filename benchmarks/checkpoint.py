"""Checkpoints: what one costs at the paper's size against an epoch, and what going on takes.

The images are noise: how long training takes does not depend on what they show.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BAR = 0.01
FIELDS = {"name": "benchmark", "model": "cnn", "data": "mnist", "batch_size": 128}
WHERE = {"node": 1, "round_": 1, "base_number": 0}


def images(count: int) -> Any:
    """Make images of noise in ten classes."""
    from fl_node.training.dataset import Dataset

    chance = np.random.default_rng(1)
    pixels = chance.random((count, 28, 28, 1), dtype=np.float32)
    return Dataset((pixels,), np.eye(10, dtype=np.float32)[chance.integers(0, 10, count)])


def seconds_of(act: Callable[[], object], repeats: int) -> float:
    """Give the median of several runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(count: int, repeats: int, folder: Path) -> dict[str, float]:
    """Give seconds of an epoch, of keeping its state, and of all that comes before going on."""
    from fl_node.training.checkpoint import Checkpoint, Checkpoints, Reached
    from fl_node.training.compiled import compile_model
    from fl_node.training.draft import draft_plan
    from fl_node.training.identity import identity_of
    from fl_node.training.local import Trainer
    from fl_node.training.state import TrainingState

    draft, data = draft_plan(FIELDS | {"images": count}), images(count)
    trainer = Trainer(draft.plan)
    state = TrainingState(compile_model(draft.plan))  # Adam's, too: three times the model

    def name() -> Any:
        return identity_of(draft.plan, draft.initial, data, **WHERE)

    first = seconds_of(name, 1)  # the data are hashed once in a process
    checkpoints = Checkpoints(folder, 1, lambda _: None)
    checkpoint = Checkpoint(checkpoints, name(), state)
    kept = seconds_of(lambda: checkpoint.keep(Reached(1)), repeats)
    resumed = seconds_of(checkpoint.resume, repeats)
    size = checkpoints.path(1).stat().st_size
    trainer.train(draft.initial, **WHERE, data=images(1000))  # makes the graphs
    epoch = seconds_of(lambda: trainer.train(draft.initial, **WHERE, data=data), 1)
    return {"epoch": epoch, "keep": kept, "resume": resumed, "name": first, "bytes": size}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=30_000)
    parser.add_argument("--repeats", type=int, default=21)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(chosen.images, chosen.repeats, Path(folder))
    line = {
        "figure": "checkpoint / epoch",
        "value": round(found["keep"] / found["epoch"], 5),
        "unit": "ratio",
        "bar": BAR,
        "images": chosen.images,
        "epoch_seconds": round(found["epoch"], 2),
        "keep_seconds": round(found["keep"], 4),
        "resume_seconds": round(found["resume"], 4),
        "naming_seconds": round(found["name"], 4),
        "bytes": int(found["bytes"]),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
