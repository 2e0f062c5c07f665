"""The order of steps in flight, by itself."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.split.flight import fly


def flown(steps: range, in_flight: int) -> list[tuple[str, int]]:
    seen = []

    def act(step, pause):
        seen.append(("F", step))
        pause()
        seen.append(("B", step))

    fly(steps, in_flight, act)
    return seen


def test_two_in_flight_take_turns() -> None:
    assert flown(range(1, 5), 2) == [
        *(("F", 1), ("F", 2), ("B", 1), ("F", 3), ("B", 2), ("F", 4), ("B", 3), ("B", 4)),
    ]


def test_one_in_flight_uses_no_other_thread() -> None:
    threads = set()
    fly(range(1, 4), 1, lambda step, pause: (pause(), threads.add(threading.get_ident())))
    assert threads == {threading.get_ident()}


@given(st.integers(1, 9), st.integers(0, 24), st.integers(1, 16))
def test_forward_passes_run_ahead_by_so_many_and_no_more(first, count, in_flight) -> None:
    steps = range(first, first + count)
    wanted = [("F", step) for step in steps[:in_flight]]
    for step in steps:
        wanted.append(("B", step))
        wanted += [("F", step + in_flight)] if step + in_flight in steps else []
    assert flown(steps, in_flight) == wanted


class _StopError(BaseException):
    pass


@pytest.mark.parametrize("failing", ["F", "B"])
@pytest.mark.parametrize("at", [1, 2, 3, 7])
def test_a_failure_ends_all_and_is_raised_as_it_was(failing, at) -> None:
    before = threading.active_count()
    seen = []

    def act(step, pause):
        seen.append(("F", step))
        if (failing, step) == seen[-1] and step == at:
            raise _StopError
        pause()
        seen.append(("B", step))
        if (failing, step) == seen[-1] and step == at:
            raise _StopError

    with pytest.raises(_StopError):
        fly(range(1, 8), 3, act)
    assert seen[-1] == (failing, at)
    assert threading.active_count() == before
