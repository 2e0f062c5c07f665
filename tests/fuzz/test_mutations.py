"""A few seconds of changed bytes for each target, the same in each run; fuzzing draws new ones."""

import random
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutation import mutated
from tests.fuzz.outcome import outcome_of
from tests.fuzz.targets import CORPUS, MAX_BYTES, TARGETS

_SECONDS = 2.0
_MOST_CHANGES = 6


def seeds_of(target: str) -> list[bytes]:
    return [file.read_bytes() for file in sorted((CORPUS / target).iterdir())]


@pytest.mark.parametrize("target", TARGETS)
def test_changed_files_bring_out_nothing_but_named_errors(target):
    """A failure says the bytes; they belong into the corpus with the fix."""
    seeds, choice = seeds_of(target), random.Random(target)
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        content = choice.choice(seeds)
        for _ in range(choice.randrange(1, _MOST_CHANGES)):
            content = mutated(content, choice)[:MAX_BYTES]
        _try(target, content)


@pytest.mark.parametrize("target", TARGETS)
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(content=st.binary(max_size=300))
def test_any_bytes_bring_out_nothing_but_named_errors(target, content):
    _try(target, content)


def _try(target: str, content: bytes) -> None:
    try:
        outcome_of(TARGETS[target], content)
    except Exception as error:  # noqa: BLE001 - whatever it is, its bytes are to be told
        pytest.fail(f"{target}, bytes.fromhex({content.hex()!r}): {error!r}")
