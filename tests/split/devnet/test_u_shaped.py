"""The U-shaped configuration: killed, and stopped by SIGTERM and SIGINT."""

import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from fl_node.split.progress import FILE_NAME
from tests.crash.fuse import mark_of
from tests.split.devnet import small
from tests.split.devnet.comparison import assert_as_calm
from tests.split.devnet.conftest import Begin
from tests.split.devnet.cradle import Cradle
from tests.split.devnet.points import U_NODE, U_PROVIDER, due
from tests.split.devnet.story import HEADER, Life, Story, host_of, wait_until
from tests.split.devnet.whole import same, train, weights_in

pytestmark = pytest.mark.slow

NODE = host_of(1)
POINTS = {NODE: U_NODE, HEADER: U_PROVIDER}
SIGNALS = {NODE: signal.SIGTERM, HEADER: signal.SIGINT}
STOPPED_IN = {NODE: (1, 6), HEADER: (2, 2)}  # at least this epoch and step
MOST_SECONDS = 4


@dataclass(frozen=True)
class Stopped:
    """A party's process that a signal ended.

    :ivar step: epoch and step that it was in
    """

    life: Life
    seconds: float
    step: tuple[int, int]


@pytest.fixture(scope="module")
def calm_u(begin: Begin) -> Story:
    story = begin(small.draft(small.U_SHAPED))
    story.start()
    story.keep()
    return story


@pytest.fixture(scope="module")
def disturbed(begin: Begin) -> tuple[Story, dict[str, Stopped]]:
    story = begin(
        small.draft(small.U_SHAPED),
        due={host: due(points) for host, points in POINTS.items()},
        misdeeds={HEADER: "dawdles"},
    )
    story.start()
    stopped = {}
    for host in (NODE, HEADER):
        wait_until(lambda host=host: comes_to(story, host), f"{host} is far enough")
        stopped[host] = stop(story, host)
        story.start(host)
    story.keep()
    return story, stopped


def comes_to(story: Story, host: str) -> bool:
    """Tell whether a party is where it is to be stopped; start again what was killed."""
    for each in POINTS:
        if story.newest(each).process.poll() is not None:
            story.start(each)
    return reached(story, host) >= STOPPED_IN[host]


def reached(story: Story, host: str) -> tuple[int, int]:
    path = Path(story.home(host) / story.session().hex() / FILE_NAME)
    if not path.exists():
        return 0, 0
    said = json.loads(path.read_text())
    return said["epoch"], said["step"]


def stop(story: Story, host: str) -> Stopped:
    life, step, begun = story.newest(host), reached(story, host), time.monotonic()
    life.process.signal(SIGNALS[host])
    life.end()
    return Stopped(life, time.monotonic() - begun, step)


@pytest.mark.parametrize("host", POINTS)
def test_the_party_was_killed_there(disturbed: tuple[Story, dict[str, Stopped]], host: str) -> None:
    for point in POINTS[host]:
        assert mark_of(disturbed[0].marks, host, point.moment).exists()


@pytest.mark.parametrize("host", SIGNALS)
def test_a_signal_ends_a_party_soon_with_a_line_and_its_number(
    disturbed: tuple[Story, dict[str, Stopped]], host: str
) -> None:
    ended = disturbed[1][host]
    assert ended.life.process.poll() == 128 + SIGNALS[host]
    assert ended.seconds < MOST_SECONDS
    assert ended.life.text.endswith(
        "stopped between two messages; the same command goes on from here"
    )


def test_messages_and_roots_are_those_of_a_run_without(
    disturbed: tuple[Story, dict[str, Stopped]], calm_u: Story
) -> None:
    leaves = {epoch: calm_u.leaves(NODE, epoch) for epoch in range(1, small.EPOCHS + 1)}
    assert_as_calm(disturbed[0], leaves, small.schedule(small.U_SHAPED))


@pytest.mark.parametrize("host", POINTS)
def test_checkpoints_are_those_of_a_run_without(
    disturbed: tuple[Story, dict[str, Stopped]], calm_u: Story, host: str
) -> None:
    for epoch in range(1, small.EPOCHS + 1):
        assert disturbed[0].checkpoint(host, epoch) == calm_u.checkpoint(host, epoch)


def test_the_weights_are_those_of_the_uncut_model(
    disturbed: tuple[Story, dict[str, Stopped]], cradle: Cradle, tmp_path: Path
) -> None:
    lower, middle, tail = train(cradle, tmp_path, small.U_SHAPED)
    story = disturbed[0]
    assert same(weights_in(story.checkpoint(NODE, small.EPOCHS)), [*lower, *tail])
    assert same(weights_in(story.checkpoint(HEADER, small.EPOCHS)), middle)
