"""What a person sees of a resident role."""

import io

import pytest
from rich.console import Console

from aggregator.console import RoleWatcher
from fl_node.doctor.check import Check
from fl_node.rounds import Update
from fl_node.training.local import TrainingProgress
from fl_node.training.participate import Submitted, Waiting
from tests.chain.scene import cid

PROGRESS = TrainingProgress(1, 2, 50, 100, {"loss": 0.5, "accuracy": 0.75}, 1234.0)


@pytest.fixture
def seen() -> io.StringIO:
    return io.StringIO()


def shown(seen: io.StringIO, *, terminal: bool) -> RoleWatcher:
    return RoleWatcher(Console(file=seen, force_terminal=terminal, width=120))


def test_in_a_log_every_reason_to_wait_is_a_line(seen):
    with shown(seen, terminal=False) as watcher:
        watcher.waits_for("round 1: 0 updates are in")
        watcher.training(1, PROGRESS)
        watcher.waits_for("round 1: 1 updates are in")
    assert seen.getvalue().splitlines() == [
        "waiting: round 1: 0 updates are in",
        "waiting: round 1: 1 updates are in",
    ]


def test_on_a_terminal_waiting_and_training_share_the_last_lines(seen):
    with shown(seen, terminal=True) as watcher:
        watcher.waits_for("round 1: 0 updates are in")
        watcher._bars.refresh()
        waiting = seen.getvalue()
        watcher.training(1, PROGRESS)
        watcher._bars.refresh()
        training = seen.getvalue()[len(waiting) :]
        watcher.waits_for("round 1: 1 updates are in")
        watcher._bars.refresh()
        again = seen.getvalue()[len(waiting) + len(training) :]
    assert "waiting: round 1: 0 updates are in" in waiting
    assert "epoch 1/2  loss 0.5000  accuracy 0.7500  1,234 samples/s" in training
    assert "waiting" not in training.replace("\x1b[2K", "")
    assert "waiting: round 1: 1 updates are in" in again


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (
            Submitted(Update(1, 3, 2, cid("w"), 30_000)),
            f"round 3: sent {cid('w')}, trained on 30,000 samples from global 2",
        ),
        (
            Submitted(Update(1, 3, 2, cid("w"), 1), twin=True),
            "node 1: another process signs for it; its update is taken over",
        ),
        (Waiting(3, "the update was rejected as not-finite"), "node 1: the update was rejected"),
    ],
)
def test_what_a_step_did_is_a_line(seen, outcome, line):
    with shown(seen, terminal=False) as watcher:
        watcher.participated(1, outcome)
    assert line in seen.getvalue()


def test_what_the_doctor_found_wrong_is_a_line_with_what_to_try(seen):
    with shown(seen, terminal=False) as watcher:
        watcher.failed(Check("disk", False, "0.1 GiB free", "make room"))
    assert seen.getvalue() == "doctor: disk: 0.1 GiB free; make room\n"
