"""Blocks are replaced: what was read is read anew, what was written is sent again."""

from collections.abc import Callable

import pytest

from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import EthereumLedger
from fl_node.chain.timeline import read_timeline, timeline_of
from fl_node.errors import UnreachableError
from tests.chain.rpc_nodes import Anvil
from tests.chain.scene import Scene, address, cid, deployed, update_of

DEPTH = 3


@pytest.fixture
def scene(own_anvil: Anvil) -> Scene:
    """Round 1 is open; a write is settled three blocks deep."""
    made = deployed(own_anvil.connection(DEPTH), own_anvil.wait)
    made.start()
    own_anvil.mine(DEPTH)
    return made


@pytest.fixture
def turn_back(own_anvil: Anvil) -> Callable[[], None]:
    """Take out every block since now; what they held is gone."""
    before = own_anvil.ask("evm_snapshot")
    return lambda: own_anvil.ask("evm_revert", before)


def kinds(ledger: EthereumLedger) -> list[str]:
    return [event.kind for event in ledger.events()]


def nonce(node: Anvil, role: str) -> int:
    return int(node.ask("eth_getTransactionCount", address(role), "latest"), 16)


@pytest.mark.slow
@pytest.mark.parametrize("blocks_before", [1, DEPTH - 1, DEPTH, 2 * DEPTH])
@pytest.mark.parametrize("blocks_after", [0, DEPTH, 3 * DEPTH])
def test_events_of_replaced_blocks_are_read_again_whatever_the_depth(
    own_anvil, scene, turn_back, blocks_before, blocks_after
):
    watching = scene.own_ledger(None)
    scene.submit(1, "a")
    own_anvil.mine(blocks_before - 1)
    assert watching.local_weight(1) == update_of(1, "a")
    assert kinds(watching)[4:] == ["LocalWeightSet"]
    read_timeline(watching)

    turn_back()
    scene.ledger("owner").extend(8)
    own_anvil.mine(blocks_after)
    fresh = scene.own_ledger(None)
    assert kinds(fresh)[4:] == ["Extended"]
    assert watching.events() == fresh.events()
    snapshot, timeline = read_timeline(watching)
    assert timeline == timeline_of(fresh.events())
    assert snapshot == fresh.snapshot()


def test_a_chain_that_became_shorter_is_read_again(own_anvil, scene, turn_back):
    watching = scene.own_ledger(None)
    scene.submit(1)
    own_anvil.mine(10)
    assert len(watching.events()) == 5
    turn_back()
    assert len(watching.events()) == 4
    assert read_timeline(watching)[1].open_round.updates == {}


def test_the_same_event_in_another_block_has_that_blocks_number_and_time(
    own_anvil, scene, turn_back
):
    watching = scene.own_ledger(None)
    scene.submit(1)
    before = watching.events()[-1]
    turn_back()
    own_anvil.wait(50)
    scene.own_ledger("node 1").set_local_weight(update_of(1))
    after = watching.events()[-1]
    assert after.values == before.values
    assert (after.block, after.timestamp >= before.timestamp + 50) == (before.block + 1, True)


def test_a_write_that_was_taken_out_is_sent_again_and_ends_on_the_chain_once(
    own_anvil, scene, turn_back
):
    ledger = scene.ledger("node 1")
    ledger.set_local_weight(update_of(1))
    assert not ledger.settle()
    turn_back()
    assert ledger.local_weight(1) is None
    assert not ledger.settle()
    assert ledger.local_weight(1) == update_of(1)
    own_anvil.mine(DEPTH - 2)
    assert not ledger.settle()
    own_anvil.mine()
    assert ledger.settle()
    assert kinds(ledger)[4:] == ["LocalWeightSet"]
    assert nonce(own_anvil, "node 1") == 1


def test_a_write_that_stays_where_it_is_settles_and_is_not_sent_again(own_anvil, scene):
    ledger = scene.ledger("node 1")
    ledger.set_local_weight(update_of(1))
    settled = []
    for _ in range(DEPTH):
        settled.append(ledger.settle())
        own_anvil.mine()
    assert settled == [False, False, True]
    assert nonce(own_anvil, "node 1") == 1


def test_a_write_that_was_mined_into_a_sibling_is_settled(own_anvil, scene):
    ledger = scene.ledger("node 1")
    ledger.set_local_weight(update_of(1))
    newest = own_anvil.ask("eth_getBlockByNumber", "latest", False)
    (sent,) = newest["transactions"]
    raw = own_anvil.ask("eth_getRawTransactionByHash", sent)
    own_anvil.ask("anvil_reorg", 1, [[raw, 0]])
    sibling = own_anvil.ask("eth_getBlockByNumber", newest["number"], False)
    assert sibling["hash"] != newest["hash"]
    assert sibling["transactions"] == [sent]
    assert not ledger.settle()
    own_anvil.mine(DEPTH - 1)
    assert ledger.settle()
    assert kinds(ledger)[4:] == ["LocalWeightSet"]


def test_a_new_write_leaves_one_that_was_taken_out_its_place(own_anvil, scene, turn_back):
    owner = scene.ledger("owner")
    before = nonce(own_anvil, "owner")
    owner.extend(7)
    turn_back()
    owner.register_node(3, address("node 3"))
    assert kinds(owner)[4:] == ["Extended", "NodeRegistered"]
    assert nonce(own_anvil, "owner") == before + 2
    own_anvil.mine(DEPTH)
    assert owner.settle()


def test_a_write_whose_place_another_took_is_given_up(own_anvil, scene, turn_back):
    ledger = scene.ledger("node 1")
    ledger.set_local_weight(update_of(1, "a"))
    turn_back()
    scene.own_ledger("node 1").set_local_weight(update_of(1, "b"))
    assert ledger.settle()
    assert ledger.local_weight(1) == update_of(1, "b")
    assert nonce(own_anvil, "node 1") == 1


def test_a_write_that_was_given_up_can_be_made_again(own_anvil, scene, turn_back):
    ledger = scene.ledger("owner")
    ledger.extend(7)
    turn_back()
    other = EthereumLedger(scene.connection, scene.federation, embedded_account("owner"))
    other.set_header(address("node 5"))
    assert ledger.settle()
    assert ledger.snapshot().terms.rounds == 3
    ledger.extend(7)
    assert ledger.snapshot().terms.rounds == 7
    assert kinds(ledger)[4:] == ["HeaderSet", "Extended"]


def test_a_block_that_goes_away_while_it_is_read_passes(own_anvil, scene, turn_back, monkeypatch):
    scene.submit(1)
    eth = scene.connection.web3.eth
    plain, newest = eth.get_logs, eth.block_number

    def get_logs(span):
        found = plain(span)
        if any(log["blockNumber"] == newest for log in found):
            turn_back()
        return found

    monkeypatch.setattr(eth, "get_logs", get_logs)
    watching = scene.own_ledger(None)
    with pytest.raises(UnreachableError, match="was asked of the chain, found: "):
        watching.events()
    monkeypatch.undo()
    assert watching.events() == scene.own_ledger(None).events()


def test_a_snapshot_is_of_one_block_when_it_is_replaced_while_it_is_read(
    own_anvil, scene, turn_back, monkeypatch
):
    scene.submit(1)
    watching = scene.own_ledger(None)
    plain, acts = watching._latest, [turn_back]

    def latest(*arguments):
        for act in acts[:]:
            acts.remove(act)
            act()
            scene.ledger("owner").set_header(address("node 5"))
        return plain(*arguments)

    monkeypatch.setattr(watching, "_latest", latest)
    found = watching.snapshot()
    assert found == scene.own_ledger(None).snapshot()
    assert (found.round.received, found.header) == (0, address("node 5"))


def test_nothing_of_two_chains_is_kept_when_settled_blocks_go_while_they_are_read(
    own_anvil, scene, turn_back, monkeypatch
):
    """A re-ordering deeper than all settled blocks, right after their hash was compared."""
    watching = scene.own_ledger(None)
    scene.submit(1, "a")
    own_anvil.mine(DEPTH)
    watching.events()
    own_anvil.mine(DEPTH)
    plain, acts = watching._contract._log._hash, [turn_back]

    def compared(number):
        found = plain(number)
        for act in acts[:]:
            acts.remove(act)
            act()
            scene.ledger("owner").extend(8)
            own_anvil.mine(5 * DEPTH)
        return found

    monkeypatch.setattr(watching._contract._log, "_hash", compared)
    watching.events()
    monkeypatch.undo()
    assert watching.events() == scene.own_ledger(None).events()


def test_a_whole_round_that_was_taken_out_is_lived_again_to_the_same_history(scene, turn_back):
    scene.submit(1, "a")
    scene.submit(2, "b")
    scene.close()
    before = scene.ledger(None).snapshot()
    turn_back()
    for role in ("node 1", "node 2", "header"):
        scene.ledger(role).settle()
    assert scene.ledger(None).snapshot().history == before.history
    assert scene.ledger(None).snapshot().latest.weights == cid("g")
