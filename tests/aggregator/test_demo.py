"""A whole federation in one process on real MNIST: results, repetition, kills, what stays."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fl_node.chain.timeline import RoundLog
from tests.test_cli import run

RUN = "from fl_node.cli import main; main()"
SMALL = ("--images", "400", "--rounds", "3", "--seed", "7")

pytestmark = pytest.mark.slow


def demo(folder: Path, *arguments: str) -> int:
    return run("demo", "--folder", str(folder), "--json", *arguments)


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def updates_and_globals(folder: Path) -> list[tuple[list[str], str]]:
    """Every update's and every global's CID, round by round."""
    from fl_node.chain.timeline import read_timeline
    from fl_node.connect import connect

    _, federation = connect(folder)
    logs = read_timeline(federation.ledger)[1].rounds.values()
    return [(_updates(log), str(log.closing.model.weights)) for log in logs if log.closing]


def _updates(log: RoundLog) -> list[str]:
    return [str(log.updates[node].weights) for node in sorted(log.updates)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo that ran without disturbance."""
    folder = tmp_path_factory.mktemp("finished")
    assert demo(folder, *SMALL) == 0
    return folder


def test_a_demo_tells_rounds_accuracy_global_and_audit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo(tmp_path, "--images", "300", "--rounds", "1", "--nodes", "3") == 0
    told = document(capsys)
    assert told["rounds"] == [1]
    assert 0 < told["accuracy"][0] < 1
    assert told["audit"]["ok"] is True
    assert told["audit"]["rounds_checked"] == 1
    assert told["global"].startswith("Qm")
    assert told["seconds"] > 0
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_exported_model_scores_what_the_report_says(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras
    import numpy as np

    from fl_node.training.builtin import BUILT_IN, load_images

    assert run("export", str(tmp_path / "model.keras"), "-C", str(finished), "--json") == 0
    assert run("status", "-C", str(finished), "--json") == 0
    accuracy = json.loads(capsys.readouterr().out.splitlines()[-1])["rounds"][-1]["accuracy"]
    model = keras.saving.load_model(tmp_path / "model.keras")
    images, labels = load_images(BUILT_IN["mnist"], test=True)
    predicted = model.predict_on_batch(images[..., np.newaxis].astype("float32") / 255)
    assert np.mean(predicted.argmax(axis=1) == labels) == pytest.approx(accuracy, abs=2e-4)


def test_evaluate_measures_any_global(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", "-C", str(finished), "--json", "--round", "0") == 0
    initial = document(capsys)
    assert run("evaluate", "-C", str(finished), "--json") == 0
    latest = document(capsys)
    assert initial["samples"] == latest["samples"] == 10_000
    assert initial["metrics"]["loss"] > latest["metrics"]["loss"]


def test_status_and_audit_are_for_people_too(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("status", "-C", str(finished)) == 0
    shown = capsys.readouterr().out
    assert "complete, 3 of 3 rounds closed" in shown
    assert updates_and_globals(finished)[0][1] in shown
    assert run("audit", "-C", str(finished)) == 0
    assert "audit ok: 3 rounds recomputed" in capsys.readouterr().out


def test_watching_a_finished_federation_ends(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("status", "-C", str(finished), "--watch") == 0
    assert "complete" in capsys.readouterr().out


def test_a_round_that_does_not_exist_is_named(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", "-C", str(finished), "--round", "9") == 1
    assert "global 9 was asked for, the latest is 3" in capsys.readouterr().err


def test_the_same_plan_gives_the_same_bits_again(finished: Path, tmp_path: Path) -> None:
    assert demo(tmp_path, *SMALL) == 0
    assert updates_and_globals(tmp_path) == updates_and_globals(finished)


def test_another_seed_gives_other_bits(finished: Path, tmp_path: Path) -> None:
    assert demo(tmp_path, "--images", "400", "--rounds", "1", "--seed", "8") == 0
    assert updates_and_globals(tmp_path)[0] != updates_and_globals(finished)[0]


@pytest.mark.parametrize("transactions", [5, 7, 9])
def test_a_killed_demo_goes_on_to_the_same_bits(
    finished: Path, tmp_path: Path, transactions: int
) -> None:
    with _started(tmp_path) as process:
        _wait_for_transactions(tmp_path, transactions, process)
        process.kill()
        process.wait(60)
    assert process.returncode == -signal.SIGKILL
    assert demo(tmp_path) == 0
    assert updates_and_globals(tmp_path) == updates_and_globals(finished)


def test_ctrl_c_says_how_to_go_on_and_leaves_nothing_broken(finished: Path, tmp_path: Path) -> None:
    with _started(tmp_path) as process:
        _wait_for_transactions(tmp_path, 6, process)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert f"flnode demo --folder {tmp_path} goes on" in said
    assert "Traceback" not in said
    assert demo(tmp_path) == 0
    assert updates_and_globals(tmp_path) == updates_and_globals(finished)


def test_a_finished_demo_is_not_run_over(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = updates_and_globals(finished)
    assert demo(finished) == 1
    assert "finished federation" in capsys.readouterr().err
    assert updates_and_globals(finished) == before


def test_another_plan_does_not_go_on_in_the_same_folder(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo(finished, "--images", "500") == 1
    assert "another federation: add --fresh" in capsys.readouterr().err


def test_fresh_removes_a_demo_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo(tmp_path, "--images", "300", "--rounds", "1") == 0
    (tmp_path / "notes.txt").write_text("mine")
    assert demo(tmp_path, "--images", "300", "--rounds", "2", "--fresh") == 0
    assert [log[1] for log in updates_and_globals(tmp_path)] != []
    assert len(updates_and_globals(tmp_path)) == 2
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    from aggregator.demo import locked
    from fl_node.errors import SettingsError

    script = (
        "import sys, time; from pathlib import Path; from aggregator.demo import locked\n"
        "with locked(Path(sys.argv[1])):\n    print('locked', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(SettingsError, match="another process runs the demo"), locked(tmp_path):
            pass
        other.kill()


def test_a_demo_with_finality_has_every_global_attested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        'name = "attested"\nmodel = "cnn"\ndata = "mnist"\nimages = 300\n'
        "[terms]\nrounds = 2\nfinality = 2\nround_seconds = 86400\n"
    )
    assert demo(tmp_path / "demo", "--plan", str(plan)) == 0
    assert document(capsys)["rounds"] == [1, 2]


def _started(folder: Path) -> "subprocess.Popen[str]":
    arguments = ["demo", "--folder", str(folder), *SMALL]
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )


def _wait_for_transactions(folder: Path, count: int, process: "subprocess.Popen[str]") -> None:
    """Wait until the journal has so many: four of the deployment, then three a round."""
    for _ in range(2400):
        journal = folder / "chain.jsonl"
        if journal.exists() and len(journal.read_bytes().split(b"\n")) - 2 >= count:
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    raise AssertionError(f"{count} transactions did not come")
