"""Daemons that the tests of a chain share; each test has a contract of its own on them."""

from collections.abc import Iterator

import pytest

from fl_node.chain import node_provider, transaction
from tests.chain.faulty_proxy import Proxy, honest, proxy_before
from tests.chain.rpc_nodes import Anvil, GethClique, GethDev, running
from tests.chain.scene import Scene, deployed


@pytest.fixture(scope="session")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    with running(Anvil(tmp_path_factory.mktemp("anvil"))) as node:
        yield node


@pytest.fixture(scope="session")
def geth_dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GethDev]:
    with running(GethDev(tmp_path_factory.mktemp("geth"))) as node:
        yield node


@pytest.fixture(scope="session")
def geth_clique(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GethClique]:
    with running(GethClique(tmp_path_factory.mktemp("clique"))) as node:
        yield node


@pytest.fixture
def own_anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    """An Anvil that a test may turn back, stop and start."""
    with running(Anvil(tmp_path_factory.mktemp("anvil"))) as node:
        yield node


@pytest.fixture(scope="module")
def proxy(anvil: Anvil) -> Iterator[Proxy]:
    with proxy_before(anvil.url) as made:
        yield made


@pytest.fixture(scope="module")
def through(anvil: Anvil, proxy: Proxy) -> Scene:
    """Round 1 with update "a" of node 1, seen through the proxy."""
    made = deployed(proxy.connection(), anvil.wait)
    made.start()
    made.submit(1, "a")
    made.ledger(None).events()
    another = deployed(proxy.connection(), anvil.wait)
    made.ledgers["another federation's owner"] = another.ledger("owner")
    return made


@pytest.fixture
def impatient(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wait moments instead of seconds; the proxy is honest again afterwards."""
    monkeypatch.setattr(node_provider, "_FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(transaction, "_MINED_SECONDS", 0.3)
    yield
    proxy.trick = honest


@pytest.fixture
def hasty(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a second for an answer, too."""
    monkeypatch.setattr(node_provider, "_ANSWER_SECONDS", 1.0)
