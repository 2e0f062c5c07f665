"""Every ledger that the behaviour suite runs over; a new one joins by a line."""

from collections.abc import Callable

import pytest

from fl_node.chain.embedded import EmbeddedChain
from tests.chain.ledger_behaviour import ROLES, LedgerBehaviour, Scene, address, deployed
from tests.small_federation import Clock


def on_embedded_chain() -> Scene:
    clock = Clock()
    chain = EmbeddedChain([address(role) for role in ROLES], int(clock()), clock)

    def wait(seconds: int) -> None:
        clock.seconds = chain.now() + seconds

    return deployed(chain, wait)


MAKERS: dict[str, Callable[[], Scene]] = {
    "contract on the embedded chain": on_embedded_chain,
}


@pytest.fixture(scope="class", params=MAKERS)
def make(request: pytest.FixtureRequest) -> Callable[[], Scene]:
    return MAKERS[request.param]


@pytest.fixture(scope="class")
def standing(make: Callable[[], Scene]) -> Scene:
    scene = make()
    scene.start()
    scene.submit(1, "a")
    return scene


class TestLedger(LedgerBehaviour):
    pass


def test_blocks_that_were_read_are_not_asked_for_again(make: Callable[[], Scene]) -> None:
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
