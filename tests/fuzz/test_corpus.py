"""Every file of the corpus again: none may bring out anything but a named error, or much memory."""

import tracemalloc
from pathlib import Path

import pytest

from tests.fuzz.outcome import outcome_of
from tests.fuzz.targets import CORPUS, MAX_BYTES, TARGETS

# What is free: the buffer for a network's file, 10 MB; the contract's code that stands for a mark.
_FREE_BYTES, _BYTES_PER_BYTE = 12_000_000, 100


def files_of(target: str) -> list[Path]:
    return sorted((CORPUS / target).iterdir())


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_brings_out_nothing_but_named_errors(target):
    outcomes = [outcome_of(TARGETS[target], file.read_bytes()) for file in files_of(target)]
    assert None in outcomes, "no file is taken: what is behind the first checks is not tried"
    assert len(set(map(str, outcomes))) > 3, "all files end at the same place"


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_takes_little_memory(target):
    files = files_of(target)
    outcome_of(TARGETS[target], files[0].read_bytes())  # what is imported or kept for all
    tracemalloc.start()
    try:
        for file in files:
            content = file.read_bytes()
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            outcome_of(TARGETS[target], content)
            peak = tracemalloc.get_traced_memory()[1] - before
            assert peak < _FREE_BYTES + _BYTES_PER_BYTE * len(content), file.name
    finally:
        tracemalloc.stop()


def test_the_corpus_is_small():
    sizes = {target: [file.stat().st_size for file in files_of(target)] for target in TARGETS}
    assert all(len(found) <= 200 and max(found) <= MAX_BYTES for found in sizes.values())
    assert sum(map(sum, sizes.values())) <= 2**20


def test_there_is_no_corpus_without_a_target():
    assert sorted(folder.name for folder in CORPUS.iterdir()) == sorted(TARGETS)
