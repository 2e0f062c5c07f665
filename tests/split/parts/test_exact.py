"""Cut models against the uncut one: the same bits after a hundred steps."""

import json
import subprocess
import sys

import pytest

from tests.split.two_processes import PAPER, SMALL, WITH_ONE_THREAD, Case

pytestmark = pytest.mark.slow


def compared(threads: int, cases: list[Case]) -> dict[str, list[str]]:
    """Train in two processes with so many threads each; what differs, by case."""
    words = [",".join(filter(None, (c.model, c.after, c.keep_from))) for c in cases]
    command = [sys.executable, "-m", "tests.split.two_processes", str(threads), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=550)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["case"]: line["differ"] for line in lines}


def nothing_differs(cases: list[Case]) -> dict[str, list[str]]:
    return {str(case): [] for case in cases}


def test_the_paper_model_has_the_same_bits_at_every_cut() -> None:
    cases = list(PAPER)
    assert compared(2, cases) == nothing_differs(cases)


def test_other_models_have_the_same_bits_at_every_cut() -> None:
    cases = list(SMALL)
    assert compared(2, cases) == nothing_differs(cases)


def test_the_bits_are_the_same_with_one_thread() -> None:
    cases = list(WITH_ONE_THREAD)
    assert compared(1, cases) == nothing_differs(cases)
