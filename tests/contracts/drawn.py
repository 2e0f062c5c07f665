"""What the stateful test draws, and when its steps make sense."""

from typing import Any

from hypothesis import strategies as st

from tests.contracts.player import Player
from tests.contracts.reference import Terms
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


def always(player: Player) -> bool:
    return True


def not_started(player: Player) -> bool:
    return player.model.number == 0


def started(player: Player) -> bool:
    return player.model.number > 0


def has_updates(player: Player) -> bool:
    return player.model.received() > 0


def has_more_than_the_quorum(player: Player) -> bool:
    return player.model.received() > player.model.terms.quorum


def is_complete(player: Player) -> bool:
    return player.model.complete()


def ends_soon(player: Player) -> bool:
    return player.model.number + 1 >= player.model.terms.rounds


def has_closed(player: Player) -> bool:
    return player.model.number > 1


def not_final(player: Player) -> bool:
    return player.model.number > 1 and not player.model.final
