"""Every ledger that the behaviour suite runs over; a new one joins by a line."""

from collections.abc import Callable

import pytest
from web3 import Web3

from fl_node.chain import contract
from fl_node.chain.embedded import EmbeddedChain
from fl_node.errors import LedgerError, RevertedError
from tests.chain.ledger_behaviour import LedgerBehaviour
from tests.chain.rpc_nodes import RpcNode
from tests.chain.scene import ROLES, Scene, address, deployed
from tests.small_federation import Clock

Make = Callable[[], Scene]


def on_embedded_chain(_: pytest.FixtureRequest) -> Make:
    def make() -> Scene:
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
def standing(make: Make) -> Scene:
    scene = make()
    scene.start()
    scene.submit(1, "a")
    return scene


class TestLedger(LedgerBehaviour):
    pass


def test_blocks_that_were_read_are_not_asked_for_again(make: Make) -> None:
    scene = make()
    scene.start()
    ledger, eth = scene.own_ledger(None), scene.connection.web3.eth
    plain, asked = eth.get_logs, []

    def get_logs(span):
        asked.append(span["fromBlock"])
        return plain(span)

    eth.get_logs = get_logs
    ledger.events()
    read_to = eth.block_number
    scene.submit(1)
    ledger.events()
    ledger.events()
    assert asked == [0, read_to + 1]


def test_a_chain_that_went_away_is_an_error_of_one_line(make: Make) -> None:
    scene = make()
    scene.start()
    ledger = scene.ledger("owner")
    # Nobody listens at the discard port.
    web3 = scene.connection.web3
    web3.provider = Web3.HTTPProvider("http://127.0.0.1:9", exception_retry_configuration=None)
    for act in (
        ledger.events,
        ledger.head,
        ledger.snapshot,
        lambda: ledger.member(1),
        lambda: ledger.local_weight(1),
        ledger.plan,
        lambda: ledger.extend(9),
    ):
        with pytest.raises(LedgerError, match="was asked of the chain, found: ") as caught:
            act()
        assert "\n" not in str(caught.value)


def test_a_call_that_runs_out_of_gas_is_no_silent_success(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = make()
    scene.start()
    monkeypatch.setattr(contract, "CALL_GAS_LIMIT", 26_000)
    with pytest.raises(RevertedError) as caught:
        scene.submit(1)
    assert (caught.value.name, caught.value.values) == ("UnknownError", ("",))
    assert scene.ledger(None).local_weight(1) is None
