"""A training of fifty epochs as a process: it says which epoch begins, and at the end what it gave.

Called with the folder for checkpoints.
"""

import sys
import time
from pathlib import Path

from fl_node.training.checkpoint import Checkpoints
from fl_node.training.draft import Draft
from fl_node.training.local import TrainedUpdate, Trainer, TrainingProgress
from tests.training.small_models import data_for, draft_of

EPOCHS = 50
EPOCH_SECONDS = 0.02  # long enough to be killed in


def draft() -> Draft:
    """Dropout, BatchNormalization, an Embedding and Adam."""
    return draft_of("two_inputs", epochs=EPOCHS)


def train(trainer: Trainer, progress: object = lambda _: None) -> TrainedUpdate:
    data = data_for(draft())
    where = {"node": 2, "round_": 3, "base_number": 2}
    return trainer.train(draft().initial, **where, data=data, progress=progress)


def say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(folder: Path) -> None:
    said = set()

    def tell(progress: TrainingProgress) -> None:
        if progress.epoch not in said:
            said.add(progress.epoch)
            say(progress.epoch)
            time.sleep(EPOCH_SECONDS)

    trainer = Trainer(draft().plan, checkpoints=Checkpoints(folder, 1, say))
    update = train(trainer, tell)
    say(f"{update.weights.cid()} {update.samples} {update.metrics}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
