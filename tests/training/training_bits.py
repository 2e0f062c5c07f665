"""Two trainings and the names of what they give; as a program it prints them."""

from typing import Any

import numpy as np

from fl_node.training.dataset import Dataset
from fl_node.training.draft import Draft, draft_plan
from fl_node.training.local import Trainer
from tests.training.small_models import data_for, draft_of


def cnn_draft() -> Draft:
    return draft_plan({"name": "bits", "model": "cnn", "data": "mnist", "batch_size": 64})


def cnn_data(_: Draft) -> Dataset:
    """Images of noise: no file is needed."""
    chance = np.random.default_rng(3)
    images = chance.random((150, 28, 28, 1), dtype=np.float32)
    return Dataset((images,), np.eye(10, dtype=np.float32)[chance.integers(0, 10, 150)])


def train_once(draft: Draft, trainer: Trainer, data: Dataset) -> str:
    update = trainer.train(draft.initial, node=1, round_=1, base_number=0, data=data)
    return str(update.weights.cid())


def main() -> None:
    drafts: list[tuple[Draft, Any]] = [(draft_of("two_inputs"), data_for), (cnn_draft(), cnn_data)]
    for draft, data_of in drafts:
        print(train_once(draft, Trainer(draft.plan), data_of(draft)))  # noqa: T201


if __name__ == "__main__":
    main()
