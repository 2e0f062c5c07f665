"""One devnet for all tests here: real Geth, real Kubo."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fl_node.network import devnet as network
from fl_node.rounds import Terms
from tests.devnet.story import Story, deploy_small

_LONG_SECONDS = 3600


@pytest.fixture(scope="session")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("network") / "devnet"
    network.up(folder, lambda _: None)
    try:
        yield folder
    finally:
        network.down(folder)


@pytest.fixture
def story(devnet: Path, tmp_path: Path) -> Iterator[Callable[..., Story]]:
    """Deploys federations; whatever runs at the end is stopped."""
    told: list[Story] = []
    numbers = itertools.count()

    def begin(rounds: int, **terms: int) -> Story:
        settled = {"round_seconds": _LONG_SECONDS, "grace_seconds": _LONG_SECONDS} | terms
        logs = tmp_path / f"logs-{next(numbers)}"
        told.append(deploy_small(devnet, logs, Terms(rounds=rounds, **settled)))
        return told[-1]

    yield begin
    for each in told:
        each.stop()
