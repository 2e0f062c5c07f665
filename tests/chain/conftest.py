"""Daemons that the tests of a chain share; each test has a contract of its own on them."""

from collections.abc import Iterator

import pytest

from tests.chain.rpc_nodes import Anvil, GethDev, running


@pytest.fixture(scope="session")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    with running(Anvil(tmp_path_factory.mktemp("anvil"))) as node:
        yield node


@pytest.fixture(scope="session")
def geth_dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GethDev]:
    with running(GethDev(tmp_path_factory.mktemp("geth"))) as node:
        yield node


@pytest.fixture
def own_anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    """An Anvil that a test may turn back, stop and start."""
    with running(Anvil(tmp_path_factory.mktemp("anvil"))) as node:
        yield node
