"""Training: the paper's network against a bare ``tf.function`` loop and against ``model.fit``.

Each candidate lives in a process of its own, since deterministic operations are a setting of the
process and only ours needs them. The processes train in turn; one waits while another trains.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

BATCH = 128
PRECISIONS = {"ours": "float32", "ours_bfloat16": "mixed_bfloat16"}
FIELDS = {"name": "benchmark", "model": "cnn", "data": "mnist", "nodes": 1}

Epoch = Callable[[], object]


def ours(images: int, precision: str) -> Epoch:
    """Train with flnode, progress on, weights in and out as in a round."""
    from fl_node.training.data import load_data
    from fl_node.training.draft import draft_plan
    from fl_node.training.local import Trainer

    draft = draft_plan(FIELDS | {"images": images, "precision": precision, "batch_size": BATCH})
    trainer, data = Trainer(draft.plan), load_data("mnist", draft.plan, 1)
    return lambda: trainer.train(draft.initial, node=1, round_=1, base_number=0, data=data)


def bare(images: int) -> Epoch:
    """Train with nothing but a graph of one step, over tensors in memory."""
    import keras
    import tensorflow as tf

    from fl_node.training.models import paper_cnn

    x, y = (tf.constant(array) for array in arrays(images))
    model, optimizer = paper_cnn(), keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    loss_of = keras.losses.CategoricalCrossentropy()

    @tf.function
    def step(inputs: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(targets, model(inputs, training=True))
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        return loss

    def epoch() -> float:
        order = np.random.default_rng().permutation(images)
        inputs, targets = tf.gather(x, order), tf.gather(y, order)
        for first in range(0, images, BATCH):
            loss = step(inputs[first : first + BATCH], targets[first : first + BATCH])
        return float(loss)

    return epoch


def fit(images: int) -> Epoch:
    """Train with Keras as it comes."""
    from fl_node.training.models import paper_cnn

    x, y = arrays(images)
    model = paper_cnn()
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return lambda: model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)


def arrays(images: int) -> tuple[Any, Any]:
    """Give the first training images and their one-hot labels."""
    from fl_node.training.builtin import BUILT_IN, load_images, one_hot

    pixels, labels = load_images(BUILT_IN["mnist"], test=False)
    chosen = pixels[:images, ..., np.newaxis].astype(np.float32) / np.float32(255)
    return chosen, one_hot(labels[:images])


def serve(candidate: str, images: int) -> None:
    """Train one epoch for each line on standard input; print wall and processor seconds."""
    if candidate.startswith("ours"):
        epoch = ours(images, PRECISIONS[candidate])
    else:
        epoch = {"bare": bare, "fit": fit}[candidate](images)
    for _ in sys.stdin:
        wall, processor = time.perf_counter(), time.process_time()
        epoch()
        print(json.dumps([time.perf_counter() - wall, time.process_time() - processor]), flush=True)


def measure(candidates: list[str], images: int, repeats: int) -> dict[str, list[list[float]]]:
    """Let the candidates train in turn, after one epoch each that is not counted."""
    servers = {name: start(name, images) for name in candidates}
    times: dict[str, list[list[float]]] = {name: [] for name in candidates}
    for _ in range(repeats + 1):
        for name, server in servers.items():
            times[name].append(ask(server))
    for server in servers.values():
        server.stdin.close()
        server.wait()
    return {name: each[1:] for name, each in times.items()}


def start(name: str, images: int) -> Any:
    """Start a candidate's process."""
    command = [sys.executable, __file__, "--serve", name, "--images", str(images)]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def ask(server: Any) -> list[float]:
    """Have one epoch trained."""
    server.stdin.write("\n")
    server.stdin.flush()
    seconds: list[float] = json.loads(server.stdout.readline())
    return seconds


def figures(times: dict[str, list[list[float]]], images: int) -> Iterator[dict[str, Any]]:
    """Give seconds an epoch, and ratios of the rounds' neighbours: the load of both is alike."""
    for name, each in times.items():
        wall = statistics.median(wall for wall, _ in each)
        yield figure(f"training {name}: seconds an epoch", wall, "s", images=images)
        yield figure(f"training {name}: images a second", images / wall, "1/s", images=images)
    for other, bar in (("bare", 1.10), ("fit", 1.0)):
        for kind, place in (("wall time", 0), ("processor time", 1)):
            pairs = zip(times["ours"], times[other], strict=True)
            ratio = statistics.median(mine[place] / theirs[place] for mine, theirs in pairs)
            yield figure(f"training ours / {other}: {kind}", ratio, "ratio", bar=bar)


def figure(name: str, value: float, unit: str, **more: object) -> dict[str, Any]:
    """Give one figure as the line that is printed."""
    return {"figure": name, "value": round(value, 4), "unit": unit, **more}


def main() -> None:
    """Measure, or serve as one candidate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve, chosen.images)
    else:
        report(chosen.images, chosen.repeats)


def report(images: int, repeats: int) -> None:
    """Measure and print."""
    times = measure(["bare", "ours", "fit", "ours_bfloat16"], images, repeats)
    for line in figures(times, images):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
