"""What a round of the embedded federation costs besides training and evaluation.

Real contract, real store, the paper's model: fetching, admission, aggregation, hashing, storing,
signing and mining. The round's time minus what the trainer took, per round; the first is left out.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aggregator.close import Closed
from aggregator.demo import Demo, Job, begin, run_rounds
from fl_node.training.draft import draft_plan

ROUNDS = 8
KEYS = {"name": "overhead", "model": "cnn", "data": "mnist", "images": 400, "nodes": 2}


class Stopwatch:
    """Splits the time of each round into the trainer's and the rest."""

    def __init__(self) -> None:
        """Start the first round."""
        self.trainer_seconds = 0.0
        self.overheads: list[float] = []
        self.started = time.perf_counter()

    def training(self, node: int, progress: object) -> None:
        """Not of interest here."""

    def participated(self, node: int, outcome: object) -> None:
        """Not of interest here."""

    def closed(self, outcome: Closed) -> None:
        """End a round."""
        now = time.perf_counter()
        self.overheads.append(now - self.started - self.trainer_seconds)
        self.trainer_seconds, self.started = 0.0, now

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Count what happens meanwhile as the trainer's."""
        started = time.perf_counter()
        yield
        self.trainer_seconds += time.perf_counter() - started


def timed(stopwatch: Stopwatch, function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function of the trainer."""

    def run(*arguments: Any, **named: Any) -> Any:
        with stopwatch.outside():
            return function(*arguments, **named)

    return run


def measure(demo: Demo, job: Job) -> list[float]:
    """Run all rounds; gives seconds of each."""
    stopwatch = Stopwatch()
    trainer: Any = job.trainer
    trainer.train = timed(stopwatch, trainer.train)
    trainer.evaluate = timed(stopwatch, trainer.evaluate)
    stopwatch.started = time.perf_counter()
    run_rounds(demo, job, stopwatch)
    return stopwatch.overheads


def main() -> None:
    """Print the median and the worst round."""
    with tempfile.TemporaryDirectory() as folder:
        draft = draft_plan(KEYS | {"terms": {"rounds": ROUNDS}})
        overheads = measure(*begin(Path(folder), draft, 0))[1:]
    figures = {"median": round(statistics.median(overheads), 3), "worst": round(max(overheads), 3)}
    print(json.dumps({"benchmark": "round_overhead", "rounds": ROUNDS, "seconds": figures}))


if __name__ == "__main__":
    main()
