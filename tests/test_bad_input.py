"""Bad input from a user: one line, exit 1, nothing half-written."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_cli import RUN, run

MODEL = """
import keras

def good():
    inputs = keras.Input((4,), name="features")
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="kind")(inputs))

def with_lambda():
    inputs = keras.Input((4,), name="features")
    doubled = keras.layers.Lambda(lambda value: value * 2, name="doubled")(inputs)
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(doubled))

@keras.saving.register_keras_serializable("mine")
class Own(keras.layers.Layer):
    def call(self, value):
        return value

def with_custom_layer():
    inputs = keras.Input((4,), name="features")
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(Own()(inputs)))
"""

DATA = """
import numpy as np

def good():
    return np.ones((20, 4), "float32"), np.eye(2, dtype="float32")[np.arange(20) % 2]

def mismatched():
    inputs, targets = good()
    return inputs, targets[:-1]

def wrong_shape():
    inputs, targets = good()
    return inputs[:, :3], targets

def not_a_number():
    inputs, targets = good()
    inputs[3] = np.nan
    return inputs, targets

def nothing():
    return None

def empty():
    inputs, targets = good()
    return inputs[:0], targets[:0]
"""

PLAN = {"name": '"own"', "model": '"model.py:good"', "data": '"data.py:good"', "nodes": "1"}

CASES = {
    "an unknown plan key": ({"colour": '"red"'}, "unknown plan key 'colour'; there are"),
    "0 rounds": ({"terms": "{rounds = 0}"}, "'rounds' must be a whole number from 1 up, found 0"),
    "0 nodes": ({"nodes": "0"}, "'nodes' must be a whole number from 1 up, found 0"),
    "0 epochs": ({"epochs": "0"}, "plan key 'epochs' must be"),
    "more shards than images": (
        {"model": '"cnn"', "data": '"mnist"', "nodes": "9", "images": "8"},
        "9 nodes needs at least 9 samples, found 8",
    ),
    "a model with Lambda": ({"model": '"model.py:with_lambda"'}, "Lambda"),
    "a model with a layer of one's own": ({"model": '"model.py:with_custom_layer"'}, "Own"),
    "a model function that is not there": ({"model": '"model.py:none"'}, "'model.py:none'"),
    "an unknown strategy": ({"strategy": '"best"'}, "strategy 'best' is unknown"),
    "an unknown loss": ({"loss": '"best"'}, "best"),
    "an unknown partition": ({"partition": '"best"', "model": '"cnn"', "data": '"mnist"'}, "best"),
    "data of mismatched lengths": ({"data": '"data.py:mismatched"'}, "20 samples, the targets"),
    "data of another shape": (
        {"data": '"data.py:wrong_shape"'},
        "takes samples of shape [4], found [3]",
    ),
    "data with NaN": ({"data": '"data.py:not_a_number"'}, "found NaN or infinity in row 3"),
    "no data": ({"data": '"data.py:nothing"'}, "should return (inputs, targets), found nothing"),
    "0 samples": ({"data": '"data.py:empty"'}, "at least one sample was expected, found none"),
    "data that is not there": ({"data": '"cifar"'}, "data 'cifar' was asked for"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "data.py").write_text(DATA)
    return tmp_path


def write_plan(folder: Path, changes: dict[str, str]) -> Path:
    path = folder / "plan.toml"
    path.write_text("".join(f"{key} = {value}\n" for key, value in (PLAN | changes).items()))
    return path


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_bad_plan_or_bad_data_is_refused_before_anything_is_written(
    case: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes, said = CASES[case]
    demo = folder / "demo"
    assert run("demo", "--plan", str(write_plan(folder, changes)), "--folder", str(demo)) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("flnode: ")
    assert said in error
    assert not demo.exists()


def test_a_misspelt_key_gets_a_suggestion(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = write_plan(folder, {"epoch": "1"})
    assert run("demo", "--plan", str(plan), "--folder", str(folder / "demo")) == 1
    assert "unknown plan key 'epoch'; did you mean 'epochs'?" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--nodes", "--rounds", "--epochs", "--images"])
def test_an_option_of_zero_is_wrong_usage(option: str, folder: Path) -> None:
    assert run("demo", option, "0", "--folder", str(folder / "demo")) == 2
    assert not (folder / "demo").exists()


def test_a_plan_of_ones_own_that_is_good_runs(folder: Path) -> None:
    plan = write_plan(folder, {"terms": "{rounds = 1}"})
    assert run("demo", "--plan", str(plan), "--folder", str(folder / "demo")) == 0


@pytest.mark.parametrize("content", [b"name = ", b"\xff", None])
def test_a_plan_file_that_is_none_is_named(
    folder: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "other.toml"
    if content is not None:
        path.write_bytes(content)
    assert run("demo", "--plan", str(path), "--folder", str(folder / "demo")) == 1
    assert "plan file" in capsys.readouterr().err.splitlines()[-1]


def test_a_damaged_data_file_is_named_or_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With no source to replace it from, the damaged file is an error that names it."""
    cache = folder / "cache"
    monkeypatch.setenv("FLNODE_CACHE", str(cache))
    monkeypatch.setattr("fl_node.training.sources._npm", _no_npm)
    monkeypatch.setattr("fl_node.training.sources.KERAS_SECONDS", 0.01)
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (cache / "mnist").mkdir(parents=True, exist_ok=True)
        (cache / "mnist" / name).write_bytes(b"damaged")
    plan = write_plan(folder, {"model": '"cnn"', "data": '"mnist"'})
    assert run("demo", "--plan", str(plan), "--folder", str(folder / "demo")) == 1
    assert "mnist" in capsys.readouterr().err.splitlines()[-1]


def test_a_full_disk_is_one_line_and_the_demo_goes_on_afterwards(folder: Path) -> None:
    """A bound on file sizes stands for the full disk: the update's file cannot be written."""
    plan = write_plan(folder, {"terms": "{rounds = 1}"})
    arguments = ["demo", "--plan", str(plan), "--folder", str(folder / "demo")]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"FLNODE_CACHE": str(folder / "cache")},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300)),
        check=False,
    )
    assert done.returncode == 1
    error = done.stderr.splitlines()[-1]
    assert error.startswith("flnode: ")
    assert "File too large" in error
    assert run(*arguments) == 0


def test_a_folder_that_cannot_be_made_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("demo", "--folder", str(folder / "data.py" / "demo")) == 1
    assert "Not a directory; check the path" in capsys.readouterr().err


def _no_npm() -> str:
    from fl_node.training.sources import FetchError

    raise FetchError("npm is not installed")
