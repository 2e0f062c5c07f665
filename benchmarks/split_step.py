"""Split learning: a step of both parties in one process against the uncut step, by turns.

No wire, no record, no second process: what is measured is what cutting costs by itself.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from fl_node.split.parts.cut import cut_model
from fl_node.split.parts.node_step import NodeStep
from fl_node.split.parts.part import divide
from fl_node.split.parts.provider_step import ProviderStep
from fl_node.split.parts.remote import Arrays
from fl_node.training.compiled import compile_model
from fl_node.training.data import is_sparse
from fl_node.training.dataset import Dataset
from fl_node.training.draft import Draft, draft_plan
from fl_node.training.feed import Feed
from fl_node.training.models import build_model, load_weights
from fl_node.training.steps import Steps

BATCH = 128
SAMPLES = 40 * BATCH
FIELDS = {"name": "benchmark", "model": "cnn", "data": "mnist", "batch_size": BATCH}

Step = Callable[[Any], object]


def noise() -> Dataset:
    """Give images of noise: a step takes as long."""
    chance = np.random.default_rng(3)
    images = chance.random((SAMPLES, 28, 28, 1), dtype=np.float32)
    return Dataset((images,), np.eye(10, dtype=np.float32)[chance.integers(0, 10, SAMPLES)])


def uncut(draft: Draft, data: Dataset) -> Step:
    """Step as in a federation, one call a step."""
    import tensorflow as tf

    plan = draft.plan
    model = compile_model(plan)
    load_weights(model, draft.initial)
    feed = Feed.of_model(model, sparse=is_sparse(plan.loss))
    steps = Steps(model, feed, BATCH)
    inputs, targets = feed.arrays(data)
    held = [tf.constant(each) for each in inputs], tf.constant(targets)
    return lambda rows: steps.train_rest(*held, tf.constant(rows, tf.int32))


def cut(draft: Draft, data: Dataset, after: str) -> Step:
    """Step in two parts; the exchange is a call."""
    plan = draft.plan
    parts = cut_model(build_model(plan), after)
    lower, upper = parts.parts
    node = NodeStep(plan, lower, parts.crossing, parts.output)
    provider = ProviderStep(plan, upper, parts.crossing)
    node.party.load([divide(lower, draft.initial)])
    provider.party.load([divide(upper, draft.initial)])
    samples = node.samples(data)

    def exchange(sent: Arrays, targets: Any) -> Arrays:
        answer: Arrays = []
        provider.step(sent, targets, lambda found, _: answer.extend(map(np.array, found)))
        return answer

    return lambda rows: node.step(samples, rows, exchange)


def block(step: Step, steps: int) -> float:
    """Take some steps; gives milliseconds a step."""
    chance = np.random.default_rng(1)
    start = time.perf_counter()
    for _ in range(steps):
        step(chance.integers(0, SAMPLES, BATCH))
    return 1000 * (time.perf_counter() - start) / steps


def measure(after: str, blocks: int, steps: int) -> dict[str, object]:
    """Measure by turns, after one block each that is not counted."""
    draft, data = draft_plan(FIELDS), noise()
    candidates = uncut(draft, data), cut(draft, data, after)
    times = [[block(step, steps) for step in candidates] for _ in range(blocks + 1)][1:]
    whole, parts = zip(*times, strict=True)
    ratio = statistics.median(mine / theirs for theirs, mine in times)
    return {
        "figure": f"split step, cut after {after} / uncut: wall time",
        "value": round(ratio, 4),
        "unit": "ratio",
        "cut_ms": round(statistics.median(parts), 2),
        "uncut_ms": round(statistics.median(whole), 2),
        "blocks": blocks,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--after", default="pool_2")
    parser.add_argument("--blocks", type=int, default=13)
    parser.add_argument("--steps", type=int, default=8)
    chosen = parser.parse_args()
    print(json.dumps(measure(chosen.after, chosen.blocks, chosen.steps)), flush=True)


if __name__ == "__main__":
    main()
