"""The same model uncut, trained in one process on the same batches in the same order."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aggregator.shares import average_shares
from fl_node.split.averages import Share
from fl_node.split.parts.cut import cut_model
from fl_node.training.dataset import Dataset
from fl_node.training.draft import Draft, draft_plan
from fl_node.training.draws import key_of, permutation
from fl_node.training.local import Trainer, _tensors
from fl_node.training.models import build_model, load_weights, weights_of
from fl_node.weights import Weights
from tests.split.devnet import small
from tests.split.devnet.cradle import Cradle

_ROUND, _BASE = 1, 0
_MOST_SECONDS = 120
Arrays = list[Any]


def train(cradle: Cradle, folder: Path, table: Mapping[str, Any], nodes: int = 1) -> list[Arrays]:
    """Train in a process of its own, with as many threads as the parties; gives the parts.

    Several nodes train in turns, or in parallel where the table says so.
    """
    words = {"table": dict(table), "nodes": nodes, "result": str(folder / "whole")}
    process = cradle.fork(f"{__name__}:write", folder / "whole.log", words)
    assert process.wait(_MOST_SECONDS) == 0, (folder / "whole.log").read_text()
    return [list(np.load(path).values()) for path in sorted((folder / "whole").iterdir())]


def write(table: dict[str, Any], nodes: int, result: str) -> None:
    """Train, and write each part's weights to a file."""
    several = trained_in_parallel if table.get("owners") == "parallel" else trained_in_turns
    train = trained_alone if nodes == 1 else several
    Path(result).mkdir()
    for number, arrays in enumerate(train(table, nodes)):
        np.savez(Path(result) / f"{number}.npz", *arrays)


def trained_in_turns(table: Mapping[str, Any], nodes: int) -> list[Arrays]:
    """Train on one node's batches after the other's, with one optimizer."""
    draft = _draft(table, nodes)
    trainer = Trainer(draft.plan, threads=small.THREADS)
    load_weights(trainer._model, draft.initial)
    trainer._state.begin(key_of("step", draft.plan.seed, 1, _ROUND, _BASE))
    data = {node: Dataset(*_one(small.load(node))) for node in range(1, nodes + 1)}
    for epoch in range(1, small.EPOCHS + 1):
        for node, mine in data.items():
            purpose = (draft.plan.seed, node, _ROUND, _BASE, epoch)
            order = permutation(mine.samples, key_of("shuffle", *purpose))
            for _ in trainer._epoch(*_tensors(*trainer._feed.arrays(mine)), order):
                pass
    return parts(draft.plan, weights_of(trainer._model), table)


def trained_in_parallel(table: Mapping[str, Any], nodes: int) -> list[Arrays]:
    """Train as a federation does, rounds of one local epoch."""
    draft = _draft(table, nodes, epochs=1)
    trainer, average = Trainer(draft.plan, threads=small.THREADS), draft.initial
    for round_ in range(1, small.EPOCHS + 1):
        shares = []
        for node in range(1, nodes + 1):
            data = Dataset(*_one(small.load(node)))
            update = trainer.train(
                average, node=node, round_=round_, base_number=round_ - 1, data=data
            )
            shares.append(Share(node, update.samples, update.weights))
        average = average_shares(draft.plan, average, shares)
    return parts(draft.plan, average, table)


def trained_alone(table: Mapping[str, Any], nodes: int) -> list[Arrays]:
    """Train as a federation's node does."""
    draft = _draft(table, nodes)
    data = Dataset(*_one(small.load(1)))
    update = Trainer(draft.plan, threads=small.THREADS).train(
        draft.initial, node=1, round_=_ROUND, base_number=_BASE, data=data
    )
    return parts(draft.plan, update.weights, table)


def parts(plan: Any, weights: Weights, table: Mapping[str, Any]) -> list[Arrays]:
    """Cut weights as the plan cuts the model."""
    cut = cut_model(build_model(plan), table["cut_after"], table.get("keep_from"))
    return [[weights.tensors[name] for name in part.names.values()] for part in cut.parts]


def weights_in(checkpoint: bytes) -> Arrays:
    """Give the weights in a party's checkpoint, in their order."""
    return _sorted(checkpoint, "weights/")


def part_in(average: bytes, start: str = "") -> Arrays:
    """Give the weights of one part in an average, in their order: ``lower/``, ``tail/``."""
    return _sorted(average, start)


def _sorted(content: bytes, start: str) -> Arrays:
    tensors = Weights.decode(content).tensors
    return [tensors[name] for name in sorted(tensors) if name.startswith(start)]


def same(left: Arrays, right: Arrays) -> bool:
    return len(left) == len(right) and all(map(np.array_equal, left, right))


def _draft(table: Mapping[str, Any], nodes: int, epochs: int = small.EPOCHS) -> Draft:
    values = small.values(table, nodes, epochs)
    del values["split"]
    return draft_plan(values, threads=small.THREADS)


def _one(samples: small.Samples) -> tuple[tuple[np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    inputs, labels = samples
    return (inputs,), labels
