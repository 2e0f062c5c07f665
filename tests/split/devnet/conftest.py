"""One devnet for all tests here: real Geth, real Kubo, real parties."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fl_node.network import devnet as network
from fl_node.split.draft import SplitDraft
from tests.split.devnet.cradle import Cradle
from tests.split.devnet.story import Story, deploy

Begin = Callable[..., Story]


@pytest.fixture(scope="package")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("network") / "devnet"
    network.up(folder, lambda _: None)
    try:
        yield folder
    finally:
        network.down(folder)


@pytest.fixture(scope="package")
def cradle() -> Iterator[Cradle]:
    forks = Cradle()
    try:
        yield forks
    finally:
        forks.close()


@pytest.fixture(scope="package")
def begin(
    devnet: Path, cradle: Cradle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Begin]:
    """Deploys split learning; what runs at the end is stopped."""
    told: list[Story] = []

    def deployed(draft: SplitDraft, **words: object) -> Story:
        folder = tmp_path_factory.mktemp("story") / "parties"
        told.append(deploy(devnet, folder, draft, cradle, **words))
        return told[-1]

    yield deployed
    for each in told:
        each.stop()


@pytest.fixture(scope="package")
def calm(begin: Begin) -> Story:
    """A vanilla session that nothing ever happened to."""
    from tests.split.devnet.small import draft

    story = begin(draft())
    story.start()
    story.keep()
    return story
