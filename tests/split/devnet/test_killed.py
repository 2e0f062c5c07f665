"""Parties killed at one moment after the other: the same messages, checkpoints and roots."""

from pathlib import Path

import pytest

from tests.crash.fuse import mark_of
from tests.split.devnet import small
from tests.split.devnet.comparison import assert_as_calm
from tests.split.devnet.conftest import Begin
from tests.split.devnet.points import NODE, PROVIDER, due
from tests.split.devnet.story import HEADER, KILLED, Story, host_of

pytestmark = pytest.mark.slow
POINTS = {host_of(1): NODE, HEADER: PROVIDER}


@pytest.fixture(scope="module")
def killed(begin: Begin) -> Story:
    story = begin(small.draft(), due={host: due(points) for host, points in POINTS.items()})
    story.start()
    story.keep()
    return story


@pytest.mark.parametrize(
    ("host", "moment"), [(host, each.moment) for host, of in POINTS.items() for each in of]
)
def test_the_party_was_killed_there(killed: Story, host: str, moment: str) -> None:
    assert mark_of(killed.marks, host, moment).exists()


@pytest.mark.parametrize("host", POINTS)
def test_each_life_but_the_last_ended_with_a_kill(killed: Story, host: str) -> None:
    codes = [life.process.poll() for life in killed.lives[host]]
    assert codes == [KILLED] * len(POINTS[host]) + [0]


def test_messages_and_roots_are_those_of_a_run_without_kills(killed: Story, calm: Story) -> None:
    leaves = {epoch: calm.leaves(HEADER, epoch) for epoch in range(1, small.EPOCHS + 1)}
    assert_as_calm(killed, leaves, small.schedule(small.VANILLA))


@pytest.mark.parametrize("host", POINTS)
@pytest.mark.parametrize("epoch", range(1, small.EPOCHS + 1))
def test_checkpoints_are_those_of_a_run_without_kills(
    killed: Story, calm: Story, host: str, epoch: int
) -> None:
    assert killed.checkpoint(host, epoch) == calm.checkpoint(host, epoch)


def test_nothing_half_written_is_left(killed: Story) -> None:
    for host in POINTS:
        left = [each for each in Path(killed.home(host)).rglob(".*") if each.is_file()]
        assert left == []
