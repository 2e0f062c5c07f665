"""Every ledger of split learning that the behaviour suite runs over; a new one joins by a line."""

from collections.abc import Callable

import pytest

from fl_node.chain.embedded import EmbeddedChain
from tests.chain.rpc_nodes import RpcNode
from tests.chain.scene import ROLES, address
from tests.chain.session_behaviour import SessionBehaviour
from tests.chain.session_scene import SessionScene, deployed
from tests.small_federation import Clock

Make = Callable[[], SessionScene]


def on_embedded_chain(_: pytest.FixtureRequest) -> Make:
    def make() -> SessionScene:
        clock = Clock()
        chain = EmbeddedChain([address(role) for role in ROLES], int(clock()), clock)

        def wait(seconds: int) -> None:
            clock.seconds = chain.now() + seconds

        return deployed(chain, wait)

    return make


def on_node(fixture: str) -> Callable[[pytest.FixtureRequest], Make]:
    """A contract of its own for each scene, on the node that a fixture starts."""

    def make_on(request: pytest.FixtureRequest) -> Make:
        node: RpcNode = request.getfixturevalue(fixture)
        return lambda: deployed(node.connection(), node.wait)

    return make_on


MAKERS: dict[str, Callable[[pytest.FixtureRequest], Make]] = {
    "contract on the embedded chain": on_embedded_chain,
    "contract on Anvil": on_node("anvil"),
    "contract on current Geth": on_node("geth_dev"),
    "contract on Clique": on_node("geth_clique"),
}
SLOW = {"contract on current Geth", "contract on Clique"}
PARAMS = [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in MAKERS]


@pytest.fixture(scope="class", params=PARAMS)
def make(request: pytest.FixtureRequest) -> Make:
    return MAKERS[request.param](request)


@pytest.fixture(scope="class")
def standing(make: Make) -> SessionScene:
    scene = make()
    scene.start()
    scene.record(1)
    return scene


class TestSessionLedger(SessionBehaviour):
    pass
