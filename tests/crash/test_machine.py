"""The machine goes down in the middle of a round: roles, daemons, supervisor, all at once."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from fl_node.network import devnet as network
from fl_node.network.supervision import family, processes
from tests.crash.comparison import assert_nothing_changed
from tests.crash.conftest import Doomed
from tests.crash.fuse import mark_of
from tests.crash.keeper import Keeper, marks_of
from tests.devnet.story import HEADER, Story, wait_until

pytestmark = pytest.mark.slow

UPDATE = "after its update is sent, not mined"
CLOSE = "after the close is sent, not mined"
TRAINERS = ("node-1", "node-2")
SECONDS = 180


@pytest.mark.parametrize(
    ("hosts", "moment"), [(TRAINERS, UPDATE), ((HEADER,), CLOSE)], ids=["updates", "close"]
)
def test_everything_is_killed_at_once(
    doomed: Doomed, devnet: Path, tmp_path: Path, hosts: tuple[str, ...], moment: str
) -> None:
    story = doomed(3, {host: {moment: 2} for host in hosts}, company=hosts)
    story.start()
    marks = [mark_of(marks_of(story), host, moment) for host in hosts]
    wait_until(lambda: all(mark.exists() for mark in marks), moment)
    kill_all(story, devnet)
    assert [mark.read_text() for mark in marks] == ["round 2 not mined"] * len(hosts)
    network.up(devnet, lambda _: None)
    story.start()
    keeper = Keeper(story)
    with keeper.telling():
        keeper.keep(SECONDS)
        assert_nothing_changed(story, tmp_path)


def kill_all(story: Story, devnet: Path) -> None:
    """Kill every process with SIGKILL before any of them sees another go."""
    roles = [role.process for role in story.roles.values()]
    pids = [*family(devnet), *(role.pid for role in roles)]
    assert len(pids) == 7 + len(roles), "a supervisor and six daemons"
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for role in roles:
        role.wait(SECONDS)
    wait_until(lambda: not family(devnet), "all daemons are gone")
    assert processes(devnet) == ()
