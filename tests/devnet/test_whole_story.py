"""The whole job as a user types it: real Keras, real MNIST, every line a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.devnet.story import wait_until

pytestmark = pytest.mark.slow

FLNODE = Path(sys.executable).with_name("flnode")
PLAN = """
name = "small digits"
model = "cnn"
data = "mnist"
nodes = 2
images = 600
epochs = 1
batch_size = 32
[terms]
rounds = 2
"""


class Terminal:
    """Types commands, and ends what is left of them."""

    def __init__(self, devnet: Path, scratch: Path) -> None:
        self.devnet, self.scratch = devnet, scratch
        self.running: list[subprocess.Popen[str]] = []

    def start(self, *words: str) -> subprocess.Popen[str]:
        log = (self.scratch / f"{len(self.running)}.log").open("w")
        with log:
            process = subprocess.Popen(
                [FLNODE, *words, "--folder", self.devnet],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=self.scratch,
                env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
            )
        self.running.append(process)
        return process

    def said(self, process: subprocess.Popen[str]) -> str:
        """What a command printed on standard error."""
        return (self.scratch / f"{self.running.index(process)}.log").read_text()

    def ends(self, process: subprocess.Popen[str], code: int = 0) -> dict:
        """Wait for a command's end and give its one document."""
        output, _ = process.communicate(timeout=400)
        assert process.returncode == code, self.said(process)
        return json.loads(output) if output else {}

    def run(self, *words: str) -> dict:
        return self.ends(self.start(*words, "--json"))


@pytest.fixture
def terminal(devnet, tmp_path) -> Iterator[Terminal]:
    made = Terminal(devnet, tmp_path)
    (tmp_path / "plan.toml").write_text(PLAN)
    yield made
    for process in made.running:
        process.kill()
        process.communicate()


def test_the_six_lines_in_any_order(terminal):
    # The roles are there before the federation is: they wait, and say for what.
    trainers = [terminal.start("train", "--node-id", node, "--json") for node in ("1", "2")]
    header = terminal.start("aggregate", "--json")
    for process in (*trainers, header):
        wait_until(lambda p=process: "names no federation yet" in terminal.said(p), "it waits")
    deployed = terminal.run("deploy", "plan.toml")

    closed = terminal.ends(header)
    sent = [terminal.ends(trainer) for trainer in trainers]
    assert closed["rounds"] == [1, 2]
    assert all(0 <= accuracy <= 1 for accuracy in closed["accuracy"])
    assert [each["node"] for each in sent] == [1, 2]
    assert [each["rounds"] for each in sent] == [[1, 2], [1, 2]]
    assert "what leaves this house each round" in terminal.said(trainers[0])

    status = terminal.run("status")
    assert status["federation"] == deployed["federation"]
    assert (status["complete"], status["global"]) == (True, closed["global"])
    assert [each["included"] for each in status["rounds"]] == [[1, 2], [1, 2]]
    audit = terminal.run("audit")
    assert (audit["ok"], audit["rounds_checked"]) == (True, 2)


def test_what_is_refused_and_what_goes_on(terminal, devnet):
    terminal.run("deploy", "plan.toml", "--rounds", "1")

    with without_plan(devnet / "node-1" / "flnode.toml"):
        unasked = terminal.start("train", "--node-id", "1")
        terminal.ends(unasked, code=1)
    assert "this node accepts no plan yet, the federation's plan is Qm" in terminal.said(unasked)

    trainer = terminal.start("train", "--node-id", "1", "--json")
    wait_until(lambda: "1 of 2 updates are in" in terminal.said(trainer), "the update is in")
    twin = terminal.start("train", "--node-id", "1")
    terminal.ends(twin, code=1)
    assert "another process on this machine signs as" in terminal.said(twin)

    trainer.send_signal(signal.SIGTERM)
    terminal.ends(trainer, code=128 + signal.SIGTERM)
    assert "the same command goes on from here" in terminal.said(trainer)
    assert "Traceback" not in terminal.said(trainer)

    others = [
        terminal.start("train", "--node-id", "2"),
        terminal.start("aggregate", "--no-evaluate"),
    ]
    again = terminal.run("train", "--node-id", "1")
    assert again["rounds"] == []  # the one from before counts
    for process in others:
        process.communicate(timeout=400)
        assert process.returncode == 0
    assert terminal.run("status")["rounds"][0]["included"] == [1, 2]


@contextmanager
def without_plan(settings: Path) -> Iterator[None]:
    accepted = settings.read_text()
    lines = [line for line in accepted.splitlines() if not line.startswith("plan =")]
    settings.write_text("\n".join(lines) + "\n")
    try:
        yield
    finally:
        settings.write_text(accepted)
