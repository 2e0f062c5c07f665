"""Waiting, and ending at a signal."""

import os
import signal
import time

import pytest

from fl_node.errors import (
    LedgerError,
    StoppedError,
    StoreUnreachableError,
    UnavailableError,
    UnreachableError,
)
from fl_node.patience import Patience
from tests.small_federation import small_federation


class Failing:
    """Fails so many times, then gives its own name."""

    def __init__(self, *errors: Exception) -> None:
        self.left = list(errors)

    def __call__(self) -> str:
        if self.left:
            raise self.left.pop(0)
        return "there"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def patience(said):
    with Patience(said.append) as made:
        yield made


@pytest.mark.parametrize("kind", [UnreachableError, StoreUnreachableError, UnavailableError])
def test_what_is_away_is_tried_again_until_it_is_there(patience, said, kind):
    assert patience.until(Failing(kind("away"), kind("away"))) == "there"
    assert said == ["away"]


def test_what_waiting_does_not_mend_is_raised_at_once(patience, said):
    with pytest.raises(LedgerError, match="refused"):
        patience.until(Failing(LedgerError("refused")))
    assert said == []


def test_a_reason_is_said_when_it_changes(patience, said):
    for reason in ("a", "a", "b", "b", "a"):
        patience.waits_for(reason)
    assert said == ["a", "b", "a"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_next_wait_and_no_step(patience, number):
    os.kill(os.getpid(), number)
    for wait in (
        patience.check,
        lambda: patience.pause(60),
        lambda: patience.until(Failing(UnreachableError("away"))),
    ):
        began = time.monotonic()
        with pytest.raises(StoppedError) as caught:
            wait()
        assert caught.value.signal == number
        assert time.monotonic() - began < 30


def test_a_second_signal_does_what_it_always_did(patience):
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_signals_are_given_back_at_the_end():
    before = signal.getsignal(signal.SIGTERM)
    with Patience(print):
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_news_is_a_block_that_is_not_the_one_seen(patience, tmp_path):
    small = small_federation(tmp_path)
    ledger = small.ledger("node 1")
    seen = ledger.head()
    small.send(1)
    began = time.monotonic()
    patience.until_news(ledger, seen)
    without_wait = time.monotonic() - began
    patience.until_news(ledger, ledger.head())
    assert time.monotonic() - began > 0.9 > without_wait
