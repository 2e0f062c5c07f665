"""Every store that the behaviour suite runs over; a new one joins by a line."""

from collections.abc import Iterator

import pytest

from fl_node.network.kubo import new_swarm_key
from fl_node.store.directory import DirectoryStore
from fl_node.store.ipfs import IpfsStore
from fl_node.store.store import Store
from tests.store.kubo_node import KuboNode

MAKERS = {
    "directory": lambda request, folder: DirectoryStore(folder),
    "ipfs": lambda request, folder: IpfsStore(request.getfixturevalue("lone_node").api, folder),
}


@pytest.fixture(params=MAKERS)
def store(request, tmp_path) -> Store:
    return MAKERS[request.param](request, tmp_path / "store")


@pytest.fixture(scope="session")
def lone_node(tmp_path_factory) -> Iterator[KuboNode]:
    """A node without peers, which tests leave running."""
    node = KuboNode(tmp_path_factory.mktemp("kubo") / "node", new_swarm_key()).create()
    try:
        yield node.start()
    finally:
        node.kill()


@pytest.fixture(scope="session")
def two_nodes(tmp_path_factory) -> Iterator[tuple[KuboNode, KuboNode]]:
    """Two nodes that know each other; a test may kill or separate them."""
    folder, key = tmp_path_factory.mktemp("swarm"), new_swarm_key()
    nodes = KuboNode(folder / "one", key).create(), KuboNode(folder / "two", key).create()
    nodes[0].know([nodes[1]])
    nodes[1].know([nodes[0]])
    try:
        yield nodes
    finally:
        for node in nodes:
            node.kill()


@pytest.fixture
def swarm(two_nodes) -> tuple[KuboNode, KuboNode]:
    """Both nodes running, and connected."""
    for node in two_nodes:
        if node.process is None:
            node.start()
    two_nodes[0].connect(two_nodes[1])
    return two_nodes
