"""Transactions that are stuck, known, too late or refused: each ends in a clear state."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from web3.exceptions import TransactionIndexingInProgress

from fl_node.chain import transaction
from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import CALL_GAS_LIMIT
from fl_node.chain.transaction import Sent, send, send_again
from fl_node.errors import RevertedError, UnreachableError
from tests.chain.ledger_cases import REFUSED
from tests.chain.rpc_nodes import Anvil, RpcNode, until
from tests.chain.scene import Scene, address, cid, deployed, update_of

PATIENCE_SECONDS = 20


@pytest.fixture
def scene(own_anvil: Anvil) -> Scene:
    """Round 1 is open, and no block is made any more unless a test asks for one."""
    made = deployed(own_anvil.connection(), own_anvil.wait)
    made.start()
    own_anvil.ask("evm_setAutomine", False)
    return made


@pytest.fixture
def meanwhile() -> Iterator[Callable[..., Future[None]]]:
    """Do something in a thread; its outcome is asked for at the latest at the test's end."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield pool.submit


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hand transactions over again after moments instead of seconds."""
    monkeypatch.setattr(transaction, "_SEND_AGAIN_SECONDS", 0.2)


def earlier_life(scene: Scene, role: str, function: str, *calls: tuple[object, ...]) -> list[Sent]:
    """Hand calls over, as a process does that dies before it sees them mined."""
    bound = scene.ledger(role)._contract._contract.functions[function]
    signer = embedded_account(role)
    return send(scene.connection, signer, [bound(*call) for call in calls], CALL_GAS_LIMIT)


def fees(node: Anvil, role: str) -> list[int]:
    return [int(each["maxFeePerGas"], 16) for each in node.pending(address(role))]


def mined(node: Anvil) -> list[str]:
    """The newest block's transactions."""
    found: list[str] = node.ask("eth_getBlockByNumber", "latest", False)["transactions"]
    return found


def last_events(scene: Scene) -> list[str]:
    return [event.kind for event in scene.ledger(None).events()[4:]]


def test_a_stuck_transaction_is_replaced_at_a_higher_fee_and_one_is_mined(
    own_anvil, scene, meanwhile
):
    earlier_life(scene, "node 1", "setLocalWeight", (1, 1, 0, cid("a").digest, 10))
    (before,) = fees(own_anvil, "node 1")
    writing = meanwhile(scene.submit, 1, "b")
    until(lambda: fees(own_anvil, "node 1") not in ([before], []), PATIENCE_SECONDS)
    (after,) = fees(own_anvil, "node 1")
    assert after >= 1.1 * before
    own_anvil.mine()
    writing.result(PATIENCE_SECONDS)
    assert len(mined(own_anvil)) == 1
    assert scene.ledger(None).local_weight(1) == update_of(1, "b")
    assert last_events(scene) == ["LocalWeightSet"]
    assert own_anvil.pending(address("node 1")) == []


def test_several_stuck_transactions_are_replaced_one_by_one(own_anvil, scene, meanwhile):
    accounts = {node: address(f"node {node}") for node in (3, 4)}
    earlier_life(scene, "owner", "registerNode", (3, address("node 5")), (4, address("header")))
    before = fees(own_anvil, "owner")
    writing = meanwhile(scene.ledger("owner").register_nodes, accounts)
    until(lambda: all(fee not in before for fee in fees(own_anvil, "owner")), PATIENCE_SECONDS)
    own_anvil.mine()
    writing.result(PATIENCE_SECONDS)
    assert len(mined(own_anvil)) == 2
    assert {node: scene.ledger(None).member(node).account for node in (3, 4)} == accounts


def test_what_the_node_knows_already_is_sent(own_anvil, scene):
    call = (1, 1, 0, cid("a").digest, 10)
    (first,) = earlier_life(scene, "node 1", "setLocalWeight", call)
    (second,) = earlier_life(scene, "node 1", "setLocalWeight", call)
    assert first == second
    assert send_again(scene.connection, first)
    assert len(own_anvil.pending(address("node 1"))) == 1
    own_anvil.mine()
    assert not send_again(scene.connection, first)
    assert last_events(scene) == ["LocalWeightSet"]


def test_a_transaction_whose_nonce_a_twin_took_is_sent_with_the_next(
    own_anvil, scene, monkeypatch, meanwhile
):
    """The twin's is mined between this process' look at the nonce and its sending."""
    own_anvil.ask("evm_setAutomine", True)
    eth = scene.connection.web3.eth
    plain, twin = eth.get_transaction_count, scene.own_ledger("owner")
    acts = [lambda: twin.set_header(address("node 5"))]

    def count(account):
        found = plain(account)
        for act in acts[:]:
            acts.remove(act)
            act()
        return found

    monkeypatch.setattr(eth, "get_transaction_count", count)
    scene.ledger("owner").extend(8)
    assert last_events(scene) == ["HeaderSet", "Extended"]


def test_who_is_always_too_late_is_told_to_look_for_another_process(own_anvil, scene, monkeypatch):
    monkeypatch.setattr(scene.connection.web3.eth, "get_transaction_count", lambda _: 0)
    with pytest.raises(UnreachableError, match="no other process sends from this account") as found:
        scene.ledger("owner").extend(8)
    assert "\n" not in str(found.value)


def test_a_call_whose_transaction_a_twin_replaced_is_sent_anew(own_anvil, scene, meanwhile, soon):
    writing = meanwhile(scene.ledger("owner").extend, 8)
    until(lambda: len(fees(own_anvil, "owner")) == 1, PATIENCE_SECONDS)
    earlier_life(scene, "owner", "setHeader", (address("node 5"),))
    own_anvil.mine()
    until(lambda: len(fees(own_anvil, "owner")) == 1, PATIENCE_SECONDS)
    own_anvil.mine()
    writing.result(PATIENCE_SECONDS)
    assert last_events(scene) == ["HeaderSet", "Extended"]


def test_an_update_that_a_twin_replaced_is_refused_by_name_and_the_twins_stands(
    own_anvil, scene, meanwhile, soon
):
    writing = meanwhile(scene.submit, 1, "a")
    until(lambda: len(fees(own_anvil, "node 1")) == 1, PATIENCE_SECONDS)
    earlier_life(scene, "node 1", "setLocalWeight", (1, 1, 0, cid("b").digest, 10))
    own_anvil.mine()
    with pytest.raises(RevertedError) as caught:
        writing.result(PATIENCE_SECONDS)
    assert (caught.value.name, caught.value.values) == ("AlreadySubmitted", (1, 1, cid("b").digest))
    assert scene.ledger(None).local_weight(1) == update_of(1, "b")
    assert fees(own_anvil, "node 1") == []


def test_a_transaction_that_the_node_forgot_is_handed_over_again(own_anvil, scene, meanwhile, soon):
    writing = meanwhile(scene.submit, 1)
    until(lambda: len(fees(own_anvil, "node 1")) == 1, PATIENCE_SECONDS)
    own_anvil.ask("anvil_dropAllTransactions")
    until(lambda: len(fees(own_anvil, "node 1")) == 1, PATIENCE_SECONDS)
    own_anvil.mine()
    writing.result(PATIENCE_SECONDS)
    assert last_events(scene) == ["LocalWeightSet"]


def test_when_nobody_mines_the_wait_ends_with_what_to_look_at(scene, monkeypatch):
    monkeypatch.setattr(transaction, "_MINED_SECONDS", 0.5)
    with pytest.raises(
        UnreachableError, match=r"no block took .* most of the chain's sealers"
    ) as e:
        scene.submit(1)
    assert "\n" not in str(e.value)


def test_what_was_sent_when_nobody_mined_is_there_when_somebody_does(
    own_anvil, scene, monkeypatch, meanwhile
):
    with monkeypatch.context() as impatient:
        impatient.setattr(transaction, "_MINED_SECONDS", 0.2)
        with pytest.raises(UnreachableError):
            scene.submit(1)
    writing = meanwhile(scene.submit, 1)
    own_anvil.ask("evm_setIntervalMining", 1)
    writing.result(PATIENCE_SECONDS)
    assert last_events(scene) == ["LocalWeightSet"]


def test_what_went_before_in_its_own_block_is_why_a_call_was_refused(own_anvil, scene, meanwhile):
    same = {3: address("node 5"), 4: address("node 5")}
    writing = meanwhile(scene.ledger("owner").register_nodes, same)
    until(lambda: len(fees(own_anvil, "owner")) == 2, PATIENCE_SECONDS)
    own_anvil.mine()
    with pytest.raises(RevertedError) as caught:
        writing.result(PATIENCE_SECONDS)
    assert len(mined(own_anvil)) == 2
    assert (caught.value.name, caught.value.values) == (
        "AccountTaken",
        (address("node 5").lower(), 3),
    )


@pytest.fixture(
    scope="module",
    params=["anvil", pytest.param("geth_dev", marks=pytest.mark.slow)],
)
def blind(request: pytest.FixtureRequest) -> Scene:
    """Round 1 with update "a" of node 1, on a connection that sees no refusal beforehand."""
    node: RpcNode = request.getfixturevalue(request.param)
    connection = node.connection()
    connection.refusal = lambda _: None
    made = deployed(connection, node.wait)
    made.start()
    made.submit(1, "a")
    return made


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_a_refusal_that_only_mining_showed_has_its_name_and_values(blind, case):
    before = blind.ledger(None).snapshot()
    with pytest.raises(RevertedError) as caught:
        case.act(blind)
    assert (caught.value.name, caught.value.values) == (case.name, case.values(blind))
    assert blind.ledger(None).snapshot() == before


def test_a_creation_that_only_mining_showed_to_be_refused_has_its_name(blind):
    terms = blind.ledger(None).snapshot().terms
    bad = type(terms)(**{**vars(terms), "quorum": 9})
    with pytest.raises(RevertedError) as caught:
        deployed(blind.connection, blind.wait, bad)
    assert caught.value.name == "BadTerms"


def test_a_node_that_is_indexing_has_the_receipt_later(anvil, monkeypatch):
    """Geth says so for a moment after it has been started."""
    scene = deployed(anvil.connection(), anvil.wait)
    scene.start()
    eth, asked = scene.connection.web3.eth, []
    plain = eth.get_transaction_receipt

    def indexing_at_first(transaction_hash):
        asked.append(transaction_hash)
        if len(asked) < 3:
            raise TransactionIndexingInProgress("transaction indexing is in progress")
        return plain(transaction_hash)

    monkeypatch.setattr(eth, "get_transaction_receipt", indexing_at_first)
    scene.ledger("owner").register_node(3, address("node 3"))
    assert len(asked) == 3
    assert scene.ledger(None).member(3).account == address("node 3")


def test_what_was_sent_is_waited_for_until_reads_see_it(anvil, monkeypatch):
    """Geth gives a receipt a moment before its newest block is the one with the transaction."""
    scene = deployed(anvil.connection(), anvil.wait)
    scene.start()
    eth, numbers = scene.connection.web3.eth, []
    plain = eth.get_block_number

    def behind_at_first():
        numbers.append(plain())
        return numbers[-1] - (len(numbers) < 3)

    monkeypatch.setattr(eth, "get_block_number", behind_at_first)
    scene.ledger("owner").register_node(3, address("node 3"))
    assert len(numbers) == 3
