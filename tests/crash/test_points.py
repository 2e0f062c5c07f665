"""Killed with SIGKILL at every named moment, and started again: as if nothing had happened."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.crash.comparison import assert_nothing_changed
from tests.crash.conftest import Doomed
from tests.crash.fuse import mark_of
from tests.crash.keeper import Keeper, marks_of
from tests.crash.points import HEADER, REJECTING, TRAINER, Point
from tests.devnet.story import Story

pytestmark = pytest.mark.slow

SECONDS_A_ROUND = 25
UNDER_WAY = "sent, not mined"


def test_trainers_are_killed_at_every_moment(doomed: Doomed, tmp_path: Path) -> None:
    due = {"node-1": a_round_each(TRAINER[::2]), "node-2": a_round_each(TRAINER[1::2])}
    # One round more: what follows the last close is seen in the round after it.
    story = doomed(len(due["node-1"]) + 1, due, finality=2)
    with live_through(story, due).telling():
        assert_nothing_changed(story, tmp_path)


def test_the_header_is_killed_at_every_moment(doomed: Doomed, tmp_path: Path) -> None:
    due = a_round_each(HEADER + REJECTING)
    rubbish = tuple(due[point.moment] for point in REJECTING)
    story = doomed(len(due), {"header": due}, {"node-2": rubbish})
    with live_through(story, {"header": due}).telling():
        assert_nothing_changed(story, tmp_path, {number: [2] for number in rubbish})


def a_round_each(points: tuple[Point, ...]) -> dict[str, int]:
    return {point.moment: number for number, point in enumerate(points, start=1)}


def live_through(story: Story, due: Mapping[str, Mapping[str, int]]) -> Keeper:
    """Let every role end by itself, and see that each was killed at each moment, and there only."""
    keeper = Keeper(story)
    story.start()
    with keeper.telling():
        keeper.keep(SECONDS_A_ROUND * story.rounds)
        for host, moments in due.items():
            for moment, number in moments.items():
                mark = mark_of(marks_of(story), host, moment)
                assert mark.exists(), f"{host} was not killed {moment}"
                under_way = " not mined" if moment.endswith(UNDER_WAY) else ""
                assert mark.read_text() == f"round {number}{under_way}", moment
            assert len(keeper.lives[host]) == len(moments)
    return keeper
