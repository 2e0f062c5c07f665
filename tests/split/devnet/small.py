"""A model and data so small that an epoch is over in a moment, with all that a cut must carry."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.split.draft import SplitDraft, draft_split
from fl_node.split.plan_file import parse_split_file
from fl_node.split.record.schedule import Schedule

BATCH, SAMPLES, TESTED = 8, 59, 503
STEPS, EVALUATIONS, EPOCHS, SNAPSHOT_STEPS = 8, 2, 2, 3
NUMBERS, CLASSES = 6, 3
VANILLA: Mapping[str, Any] = {"cut_after": "drop"}
U_SHAPED: Mapping[str, Any] = {"cut_after": "drop", "keep_from": "class"}
THREADS = 2
Samples = tuple[NDArray[np.float32], NDArray[np.int64]]


def model() -> Any:
    """Give BatchNormalization and dropout on both sides of the cut."""
    from keras import Input, Sequential, layers

    return Sequential(
        [
            Input((NUMBERS,)),
            layers.Dense(8, activation="relu", name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.2, name="drop"),
            layers.Dense(8, activation="relu", name="second"),
            layers.Dropout(0.2, name="drop_high"),
            layers.Dense(CLASSES, activation="softmax", name="class"),
        ]
    )


def load(node: int) -> Samples:
    """Give a node's own samples."""
    return _samples(SAMPLES, 10 + node)


def test_load() -> Samples:
    """Give samples that no node has."""
    return _samples(TESTED, 1)


def draft(
    table: Mapping[str, Any] = VANILLA, *, nodes: int = 1, epochs: int = EPOCHS
) -> SplitDraft:
    """Draft a plan of split learning.

    :param table: as ``[split]`` in a plan file
    """
    return draft_split(parse_split_file(values(table, nodes, epochs), Path.cwd(), {}))


def schedule(table: Mapping[str, Any]) -> Schedule:
    """Give the messages of an epoch."""
    return Schedule("keep_from" in table, STEPS, EVALUATIONS, 1)


def values(table: Mapping[str, Any], nodes: int, epochs: int) -> dict[str, Any]:
    """Give a plan file's keys."""
    return {
        "name": "small",
        "model": f"{__name__}:model",
        "data": f"{__name__}:load",
        "loss": "sparse_categorical_crossentropy",
        "metrics": ["accuracy"],
        "optimizer": {"name": "Adam", "learning_rate": Decimal("0.01")},
        "batch_size": BATCH,
        "nodes": nodes,
        "epochs": epochs,
        "split": {"snapshot_steps": SNAPSHOT_STEPS, "deadline_seconds": 60, **table},
    }


def _samples(count: int, seed: int) -> Samples:
    centres = np.random.default_rng(7).normal(0, 1, (CLASSES, NUMBERS))
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, CLASSES, count)
    noise = chance.normal(0, 1, (count, NUMBERS))
    return (centres[labels] + noise).astype(np.float32), labels
