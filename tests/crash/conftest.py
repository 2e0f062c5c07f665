"""One devnet for all tests here: real Geth, real Kubo, and no mercy."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from fl_node.network import devnet as network
from fl_node.rounds import Terms
from tests.crash.cradle import fork
from tests.crash.fuse import Fuse
from tests.crash.keeper import marks_of
from tests.crash.role import play
from tests.devnet.story import HOSTS, Process, Story, deploy_small, number_of

_LONG_SECONDS = 3600

Doomed = Callable[..., Story]


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("network") / "devnet"
    network.up(place, lambda _: None)
    try:
        yield place
    finally:
        network.down(place)


@pytest.fixture
def devnet(folder: Path) -> Path:
    """See that all of it runs, whatever the test before did to it."""
    network.up(folder, lambda _: None)
    return folder


@pytest.fixture
def doomed(devnet: Path, tmp_path: Path) -> Iterator[Doomed]:
    """Deploys a federation whose roles kill themselves; stops what runs at the end."""
    told: list[Story] = []

    def begin(
        rounds: int,
        due: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
        rubbish: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
        company: tuple[str, ...] = (),
        **terms: int,
    ) -> Story:
        settled = {"round_seconds": _LONG_SECONDS, "grace_seconds": _LONG_SECONDS} | terms
        story = deploy_small(devnet, tmp_path / "logs", Terms(rounds=rounds, **settled))
        marks = marks_of(story)
        fuses = {host: Fuse(host, due.get(host, {}), marks, company) for host in HOSTS}

        def launch(story: Story, host: str, log: Path) -> Process:
            home, node = story.folder / host, number_of(host)
            spoilt = rubbish.get(host, ())
            return fork(host, log, play, home, story.address, node, fuses[host], spoilt)

        story.launch = launch
        told.append(story)
        return story

    yield begin
    for each in told:
        each.stop()
