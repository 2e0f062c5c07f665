"""A training that goes on from a checkpoint gives the bits of one that was never interrupted."""

import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fl_node.training.checkpoint import FOLDER, Checkpoints
from fl_node.training.dataset import Dataset
from fl_node.training.draft import Draft
from fl_node.training.identity import identity_of
from fl_node.training.local import Trainer
from fl_node.weights import Weights
from tests.training import killed_training
from tests.training.small_models import data_for, draft_of

NAME = "node-1.safetensors"
WHERE = {"node": 1, "round_": 2, "base_number": 1}
ADAM = {"name": "Adam", "learning_rate": 0.02}
MOMENTUM = {"name": "SGD", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True}
AVERAGED = {"name": "AdamW", "learning_rate": 0.02, "use_ema": True, "ema_overwrite_frequency": 5}
ACCUMULATED = {"name": "Nadam", "learning_rate": 0.02, "gradient_accumulation_steps": 4}


class KilledError(BaseException):
    """Stands for the end of a process in the middle of an epoch."""


@dataclass(frozen=True)
class Case:
    """A training, and trainers of it as new processes would make them."""

    draft: Draft
    data: Dataset
    folder: Path
    lines: list[str]

    def trainer(self, every_epochs: int = 1) -> Trainer:
        checkpoints = Checkpoints(self.folder, every_epochs, self.lines.append)
        return Trainer(self.draft.plan, checkpoints=checkpoints)

    def train(self, trainer: Trainer, **changed: Any) -> Any:
        asked = {"data": self.data, **WHERE, **changed}
        return trainer.train(asked.pop("base", self.draft.initial), **asked)

    def interrupt(self, trainer: Trainer, epoch: int, **changed: Any) -> None:
        """Train until an epoch has begun."""

        def progress(now: Any) -> None:
            if now.epoch == epoch:
                raise KilledError

        with pytest.raises(KilledError):
            self.train(trainer, progress=progress, **changed)


def case(folder: Path, model: str, **keys: Any) -> Case:
    draft = draft_of(model, **keys)
    data = data_for(draft)
    if "sparse" not in draft.plan.loss:
        data = Dataset(data.inputs, np.eye(3, dtype=np.float32)[data.targets])
    return Case(draft, data, folder / FOLDER, [])


def assert_same(found: Any, expected: Any) -> None:
    assert found.weights.same_tensors(expected.weights)
    assert (found.samples, found.metrics) == (expected.samples, expected.metrics)


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "dropout, batch normalization, Adam": ("two_inputs", {"optimizer": ADAM}),
    "one-hot targets, momentum": (
        "two_inputs",
        {"optimizer": MOMENTUM, "loss": "categorical_crossentropy"},
    ),
    "augmentation, moving averages": ("convolution", {"optimizer": AVERAGED}),
    "accumulated gradients": ("named_inputs", {"optimizer": ACCUMULATED}),
    "bfloat16, a rest after the batches": (
        "two_inputs",
        {"precision": "mixed_bfloat16", "batch_size": 100},
    ),
}


@pytest.mark.parametrize(("model", "keys"), CASES.values(), ids=CASES)
def test_every_epoch_may_be_of_another_process(tmp_path, model, keys):
    check_every_epoch(tmp_path, model, keys)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["recurrent", "attention"])
def test_models_that_take_long_to_build_may_be_interrupted_too(tmp_path, model):
    check_every_epoch(tmp_path, model, {"optimizer": MOMENTUM})


def check_every_epoch(tmp_path, model, keys):
    found = case(tmp_path, model, **keys)
    expected = found.train(Trainer(found.draft.plan))
    for epoch in (2, 3):
        found.interrupt(found.trainer(), epoch)
    assert_same(found.train(found.trainer()), expected)
    assert_same(found.train(found.trainer()), expected)  # after the last epoch
    told = [f"training goes on after epoch {epoch} of 3" for epoch in (1, 2, 3)]
    assert [line.split(":")[0] for line in found.lines] == told


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """A small model's training: what it gives, what is kept after one epoch, another trainer."""
    found = case(tmp_path_factory.mktemp("dense"), "dense")
    expected = found.train(Trainer(found.draft.plan))
    found.interrupt(found.trainer(), 2)
    return found, expected, (found.folder / NAME).read_bytes(), found.trainer()


@pytest.fixture
def small(dense):
    """That training, interrupted after the first of three epochs; nothing else was kept or said."""
    found, _, content, _ = dense
    shutil.rmtree(found.folder, ignore_errors=True)
    found.folder.mkdir()
    (found.folder / NAME).write_bytes(content)
    found.lines.clear()
    return found


@pytest.fixture
def expected(dense):
    return dense[1]


@pytest.fixture
def trainer(dense):
    """One that did not train the first epoch."""
    return dense[3]


def test_it_goes_on_also_in_a_trainer_that_did_other_things_meanwhile(small, trainer, expected):
    trainer.evaluate(expected.weights, small.data)
    small.train(trainer, node=7)
    assert_same(small.train(trainer), expected)
    assert "goes on after epoch 1" in small.lines[0]


def test_progress_goes_on_at_the_epoch_that_was_interrupted(small, trainer):
    seen = []
    small.train(trainer, progress=seen.append)
    assert [each.epoch for each in seen if each.samples_done == small.data.samples] == [2, 3]
    assert {each.epochs for each in seen} == {3}
    assert all(each.samples_per_second > 0 for each in seen)


def test_a_checkpoint_every_second_epoch_costs_two(tmp_path):
    found = case(tmp_path, "dense", epochs=6)
    expected = found.train(Trainer(found.draft.plan))
    found.interrupt(found.trainer(every_epochs=2), 6)
    assert_same(found.train(found.trainer(every_epochs=2)), expected)
    assert "goes on after epoch 4 of 6" in found.lines[0]


def test_after_the_training_its_checkpoint_is_still_there_until_the_next_begins(small, trainer):
    small.train(trainer)
    assert Weights.read(small.folder / NAME).metadata["epoch"] == 3
    small.interrupt(trainer, 1, round_=3)
    assert not small.folder.exists()


@pytest.mark.parametrize(("epochs", "every_epochs"), [(1, 1), (3, 0)])
def test_a_single_epoch_or_a_setting_of_zero_writes_nothing(tmp_path, epochs, every_epochs):
    found = case(tmp_path, "dense", epochs=epochs)
    found.train(found.trainer(every_epochs))
    assert not found.folder.exists()


def changed_data(found: Case) -> Dataset:
    first = found.data.inputs[0].copy()
    first[17, 1] += 1
    return Dataset((first,), found.data.targets)


def other_base(found: Case) -> Weights:
    return Weights({name: each + 1 for name, each in found.draft.initial.tensors.items()})


@pytest.mark.parametrize(
    "changed",
    [
        lambda _: {"round_": 3},
        lambda _: {"base_number": 0},
        lambda found: {"base": other_base(found)},
        lambda found: {"data": changed_data(found)},
    ],
    ids=["round", "base number", "base", "data"],
)
def test_what_was_kept_of_another_training_changes_nothing(small, trainer, expected, changed):
    (small.folder / NAME).unlink()
    small.interrupt(trainer, 2, **changed(small))
    assert (small.folder / NAME).exists()
    assert_same(small.train(trainer), expected)


def test_what_another_node_kept_is_left_alone(small, trainer, expected):
    small.interrupt(trainer, 2, node=4)
    assert_same(small.train(trainer), expected)
    assert {each.name for each in small.folder.iterdir()} == {NAME, "node-4.safetensors"}


def test_what_was_kept_of_another_plan_changes_nothing(small):
    plan = replace(small.draft.plan, seed=99)
    expected = Trainer(plan).train(small.draft.initial, **WHERE, data=small.data)
    other = replace(small, draft=replace(small.draft, plan=plan))
    assert_same(other.train(other.trainer()), expected)


@pytest.mark.parametrize("place", [0.0, 0.01, 0.3, 0.6, 0.9, 1.0])
def test_a_damaged_checkpoint_changes_nothing(small, trainer, expected, place):
    path = small.folder / NAME
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 4
    path.write_bytes(content)
    assert_same(small.train(trainer), expected)
    assert "is not used" in small.lines[0]


@pytest.mark.parametrize(
    ("version", "where"),
    [("keras", "keras.__version__"), ("flnode", "fl_node.training.identity.__version__")],
)
def test_a_checkpoint_of_another_version_changes_nothing(
    small, trainer, expected, version, where, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(where, "0.1")
        small.interrupt(trainer, 2)
    small.lines.clear()
    assert_same(small.train(trainer), expected)
    assert f"other {version};" in small.lines[0]


def test_all_that_bits_follow_from_is_named(small):
    found = identity_of(small.draft.plan, small.draft.initial, small.data, **WHERE)
    assert found.which == {
        "plan": str(small.draft.plan.cid),
        "node": 1,
        "round": 2,
        "base": 1,
        "weights": str(small.draft.initial.cid()),
    }
    means = {"data", "flnode", "tensorflow", "keras", "numpy", "threads", "devices", "processor"}
    assert found.means.keys() == means
    assert all(found.means.values())


@pytest.mark.parametrize(
    "other",
    [
        lambda x, y: Dataset((x.astype(np.float64),), y),
        lambda x, y: Dataset((x[::-1].copy(),), y),
        lambda x, y: Dataset((x.reshape(2, -1),), y[:2]),
        lambda x, y: Dataset((x,), y.astype(np.int32)),
        lambda x, y: Dataset((x, x), y),
    ],
    ids=["dtype", "order", "shape", "targets", "one more"],
)
def test_other_data_are_named_otherwise_and_the_same_alike(small, other):
    def name(data: Dataset) -> str:
        return identity_of(small.draft.plan, small.draft.initial, data, **WHERE).means["data"]

    x, y = np.arange(4000, dtype=np.float32).reshape(2000, 2), np.arange(2000)
    assert name(Dataset((x.copy(),), y.copy())) == name(Dataset((x,), y))
    assert name(Dataset((np.asfortranarray(x),), y)) == name(Dataset((x,), y))
    assert name(other(x, y)) != name(Dataset((x,), y))


@pytest.mark.slow
def test_a_process_that_is_killed_in_epoch_40_of_50_begins_there_again(tmp_path):
    command = [sys.executable, "-m", "tests.training.killed_training", str(tmp_path / FOLDER)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line == "40\n":
                process.kill()
                break
        assert process.wait() == -9
    left = tmp_path / "left"
    shutil.copytree(tmp_path / FOLDER, left)
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    said = done.stdout.splitlines()
    after = Weights.read(left / "node-2.safetensors").metadata["epoch"]
    assert 39 <= after <= 41  # the last lines are read a little later than they were written
    assert said[0].startswith(f"training goes on after epoch {after} of 50")
    assert said[1:-1] == [str(epoch) for epoch in range(after + 1, 51)]
    expected = killed_training.train(Trainer(killed_training.draft().plan))
    assert said[-1] == f"{expected.weights.cid()} {expected.samples} {expected.metrics}"
