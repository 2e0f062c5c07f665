"""What the stateful test draws, and when its rules apply."""

from typing import Any, Protocol

from hypothesis import strategies as st

from tests.contracts.reference import Reference, Terms
from tests.contracts.sandbox import HEADER, OWNER, STRANGER, digest


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Draw the usual five times in six."""
    return st.sampled_from([usual] * 5 * len(others) + list(others))


owners = mostly(OWNER, OWNER, HEADER, STRANGER)
weights = st.sampled_from([digest(letter) for letter in "abcdef"])
places = st.integers(0, 15)
moments = st.integers(0, 8)
several = st.lists(places, min_size=1, max_size=4, unique_by=lambda place: place % 4)
closers = st.integers(-12, 15)
terms = st.builds(
    Terms,
    target=st.sampled_from([0, 0, 1, 2, 3]),
    quorum=st.sampled_from([1, 1, 2, 3]),
    roundSeconds=st.sampled_from([20, 50]),
    graceSeconds=st.sampled_from([0, 5, 30]),
    maxStaleness=st.sampled_from([1, 0, 2]),
    finality=st.sampled_from([0, 2, 1, 0]),
    rounds=st.sampled_from([9, 3, 30, 4]),
)


class HasModel(Protocol):
    """A machine, as far as preconditions look at it."""

    model: Reference


def not_started(machine: HasModel) -> bool:
    return machine.model.number == 0


def started(machine: HasModel) -> bool:
    return machine.model.number > 0


def has_updates(machine: HasModel) -> bool:
    return machine.model.received() > 0


def has_more_than_the_quorum(machine: HasModel) -> bool:
    return machine.model.received() > machine.model.terms.quorum


def is_complete(machine: HasModel) -> bool:
    return machine.model.complete()


def ends_soon(machine: HasModel) -> bool:
    return machine.model.number + 1 >= machine.model.terms.rounds


def has_closed(machine: HasModel) -> bool:
    return machine.model.number > 1


def not_final(machine: HasModel) -> bool:
    return machine.model.number > 1 and not machine.model.final
