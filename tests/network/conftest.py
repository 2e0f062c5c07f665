"""A real devnet, shared by the tests of a module: each leaves it as it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fl_node.network.build import find_daemon
from fl_node.network.daemons import GETH, IPFS
from fl_node.network.devnet import down, up
from fl_node.network.host import Network, load_network


@pytest.fixture(scope="session")
def geth() -> Path:
    return find_daemon(GETH, print)


@pytest.fixture(scope="session")
def ipfs() -> Path:
    return find_daemon(IPFS, print)


@pytest.fixture(scope="module")
def devnet_folder(tmp_path_factory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("devnet") / "devnet"
    try:
        up(folder, print)
        yield folder
    finally:
        down(folder)


@pytest.fixture
def devnet(devnet_folder) -> tuple[Path, Network]:
    """The devnet's folder and how it is now."""
    return devnet_folder, load_network(devnet_folder)
