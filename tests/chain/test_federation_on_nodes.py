"""A whole small federation on each kind of node, audited at its end."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aggregator.audit import audit
from fl_node.chain.embedded import EmbeddedChain
from fl_node.chain.ethereum import EthereumLedger
from fl_node.chain.history import first_break
from fl_node.federation import open_federation
from tests.chain.federation_story import live_through, small_federation_on, story_terms
from tests.chain.rpc_nodes import RpcNode
from tests.chain.scene import ROLES, address
from tests.small_federation import Clock, silent

# Current Geth's blocks are a second apart at least, however fast they come: a round that has not
# passed by itself when its updates are in.
NODES = [
    pytest.param("anvil", 1000, id="Anvil"),
    pytest.param("geth_dev", 20, id="current Geth", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("fixture", "round_seconds"), NODES)
def test_a_federation_lives_on_a_node_and_holds_in_an_audit(
    request: pytest.FixtureRequest, tmp_path: Path, fixture: str, round_seconds: int
) -> None:
    node: RpcNode = request.getfixturevalue(fixture)
    federation = small_federation_on(node.connection(), tmp_path, story_terms(round_seconds))
    live_through(federation, node.wait)
    reading = EthereumLedger(node.connection(), federation.address)
    result = audit(open_federation(reading, federation.store), silent)
    assert result.ok
    assert [each.number for each in result.rounds] == [1, 2, 3]
    assert [len(each.rejections) for each in result.rounds] == [0, 1, 0]
    assert first_break(reading.events(), reading.chain_id, reading.federation) is None


def test_on_a_node_and_in_one_process_the_globals_are_the_same(
    anvil: RpcNode, tmp_path: Path
) -> None:
    clock = Clock()
    embedded = EmbeddedChain([address(role) for role in ROLES], int(clock()), clock)

    def wait(seconds: int) -> None:
        clock.seconds = embedded.now() + seconds

    chains: dict[str, tuple[object, Callable[[int], None]]] = {
        "node": (anvil.connection(), anvil.wait),
        "process": (embedded, wait),
    }
    found = {}
    for name, (connection, waiting) in chains.items():
        folder = tmp_path / name
        federation = small_federation_on(connection, folder, story_terms(1000))
        found[name] = live_through(federation, waiting)
    assert found["node"] == found["process"]
    assert len(set(found["node"])) == 3
