"""A deployment that is killed at every named moment, and typed again."""

import json
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fl_node.chain.timeline import read_timeline
from fl_node.config import FILE_NAME, load_settings, save_settings
from fl_node.connect import open_ledger
from fl_node.rounds import Terms
from tests.crash.comparison import assert_nothing_changed
from tests.crash.cradle import Forked, fork
from tests.crash.deployer import PLAN, ROUND, deploy
from tests.crash.fuse import Fuse, mark_of
from tests.crash.points import DEPLOYER, TELLING, Point
from tests.devnet import small_role
from tests.devnet.story import HEADER, HOSTS, NODES, Process, Story, number_of
from tests.small_federation import initial_weights

pytestmark = pytest.mark.slow

TERMS = Terms(rounds=1, round_seconds=3600, grace_seconds=3600)
SECONDS = 120


@dataclass
class Desk:
    """Where the deployer sits: on a devnet that belongs to no federation."""

    network: Path
    logs: Path
    begun: list[Forked] = field(default_factory=list)

    def deploy(self, terms: Terms = TERMS, *, ends: int = 0) -> dict[str, object]:
        """Type the command and give its one document."""
        return json.loads(self._type({}, terms, ends).splitlines()[0])

    def killed(self, moment: str) -> None:
        """Type the command, which is killed at a moment."""
        self._type({moment: ROUND}, TERMS, -signal.SIGKILL)
        under_way = " not mined" if moment.endswith("not mined") else ""
        assert mark_of(self.logs, "deployer", moment).read_text() == f"round {ROUND}{under_way}"

    def _type(self, due: dict[str, int], terms: Terms, ends: int) -> str:
        log = self.logs / f"{len(self.begun)}.log"
        fuse = Fuse("deployer", due, self.logs)
        process = fork("deployer", log, deploy, self.network, terms, fuse)
        self.begun.append(process)
        code, said = process.wait(SECONDS), log.read_text()
        assert code == ends, f"ended with {code}, to be killed {list(due) or 'never'}: {said}"
        return said

    def told(self) -> list[str]:
        """Give the federation that each host's settings name."""
        return [load_settings(self.network / host, environment={}).federation for host in HOSTS]

    def forget(self) -> None:
        """Have all hosts belong to no federation, and remove what half-written files are left."""
        for host in HOSTS:
            folder = self.network / host
            save_settings(folder, replace(load_settings(folder, environment={}), federation=""))
            for left in folder.glob(f".{FILE_NAME}.*"):
                left.unlink()


@pytest.fixture
def desk(devnet: Path, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(devnet, tmp_path)
    made.forget()
    yield made
    for process in made.begun:
        process.kill()
    made.forget()


def test_a_deployment_is_killed_later_and_later_until_it_is_done(
    desk: Desk, tmp_path: Path
) -> None:
    # Each run starts after the one before was killed, and comes further.
    for point in DEPLOYER:
        desk.killed(point.moment)
        assert desk.told() == ["", "", ""], point.moment
    said = desk.deploy()
    assert_deployed(desk, said)
    story = Story(desk.network, tmp_path, str(said["federation"]), TERMS.rounds, launch=launch)
    story.start()
    try:
        for role in story.roles.values():
            role.end()
        assert_nothing_changed(story, tmp_path)
    finally:
        story.stop()


@pytest.mark.parametrize("point", TELLING, ids=lambda point: point.moment.replace(" ", "-"))
def test_a_deployment_is_killed_while_it_tells_the_hosts(desk: Desk, point: Point) -> None:
    desk.killed(point.moment)
    begun = {each for each in desk.told() if each}
    if begun:  # another than the one that was begun is not what is completed
        refused = desk.deploy(replace(TERMS, rounds=2), ends=1)
        assert "add --another to leave it there" in str(refused["error"])
    said = desk.deploy()
    assert_deployed(desk, said)
    assert begun <= {said["federation"]}, "what a host was told before stays true"


def launch(story: Story, host: str, log: Path) -> Process:
    return fork(host, log, small_role.main, story.folder / host, story.address, number_of(host))


def assert_deployed(desk: Desk, said: dict[str, object]) -> None:
    """See that all hosts name one federation, that it is as planned, and that it is open."""
    assert desk.told() == [said["federation"]] * len(HOSTS)
    assert (said["plan"], said["global"]) == (str(PLAN.cid), str(initial_weights().cid()))
    settings = load_settings(desk.network / HEADER, environment={})
    assert settings.plan == said["plan"]
    timeline = read_timeline(open_ledger(desk.network / HEADER, settings))[1]
    assert (timeline.plan, timeline.initial) == (PLAN.cid, initial_weights().cid())
    assert (sorted(timeline.members), timeline.open_number) == ([*NODES], 1)
    for host in HOSTS:
        assert re.search(r"^federation = ", (desk.network / host / FILE_NAME).read_text(), re.M)
