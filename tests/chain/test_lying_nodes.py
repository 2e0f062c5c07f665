"""A node that answers in the right form, and not the truth."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_account.typed_transactions import TypedTransaction
from eth_utils import keccak
from hexbytes import HexBytes
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import EthereumLedger, deploy_contract
from fl_node.chain.history import first_break
from fl_node.chain.timeline import read_timeline
from fl_node.errors import LedgerError, RevertedError, UnreachableError
from tests.chain.faulty_proxy import Exchange, Proxy, Trick, framed, honest, lies, only, refuses
from tests.chain.ledger_life import WHOLE_LIFE, whole_life
from tests.chain.rpc_nodes import Anvil
from tests.chain.scene import INITIAL, PLAN, TERMS, Scene, address, cid, deployed

pytestmark = pytest.mark.usefixtures("impatient")


def with_data(change: Callable[[bytes], bytes]) -> Trick:
    def of_logs(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [log | {"data": "0x" + change(bytes.fromhex(log["data"][2:])).hex()} for log in logs]

    return lies("eth_getLogs", of_logs)


LYING_LOGS: dict[str, Trick] = {
    "of another contract": lies(
        "eth_getLogs", lambda logs: [log | {"address": address("node 5").lower()} for log in logs]
    ),
    "of another block": lies(
        "eth_getLogs", lambda logs: [log | {"blockNumber": "0xffffff"} for log in logs]
    ),
    "in another order": lies("eth_getLogs", lambda logs: logs[::-1]),
    "twice": lies("eth_getLogs", lambda logs: [*logs, *logs[-1:]]),
    "that were taken out": lies(
        "eth_getLogs", lambda logs: [log | {"removed": True} for log in logs]
    ),
    "of another event": lies(
        "eth_getLogs", lambda logs: [log | {"topics": ["0x" + "1" * 64]} for log in logs]
    ),
    "without topics": lies("eth_getLogs", lambda logs: [log | {"topics": []} for log in logs]),
    "with too few topics": lies(
        "eth_getLogs", lambda logs: [log | {"topics": log["topics"][:1]} for log in logs]
    ),
    "with too little data": with_data(lambda data: data[:-1]),
    "without data": with_data(lambda _: b""),
}


@pytest.mark.parametrize("trick", LYING_LOGS.values(), ids=LYING_LOGS)
def test_logs_that_are_not_the_contracts_are_refused(through, proxy, trick):
    proxy.trick = trick
    with pytest.raises(LedgerError, match="events was asked of the chain, found: ") as caught:
        through.own_ledger(None).events()
    assert not isinstance(caught.value, UnreachableError)


@pytest.mark.parametrize("left_out", ["first", "middle", "last"])
def test_logs_that_are_left_out_do_not_fit_the_rest(through, proxy, left_out):
    place = {"first": 0, "middle": 1, "last": -1}[left_out]

    def without(logs: list[object]) -> list[object]:
        return [log for log in logs if log is not logs[place]]

    proxy.trick = lies("eth_getLogs", without)
    ledger = through.own_ledger(None)
    if left_out == "middle":  # a registration that is left out shows in the digests only
        found = first_break(ledger.events(), ledger.chain_id, ledger.federation)
        assert found is not None
        assert found.index == 1
    else:
        with pytest.raises(LedgerError):
            read_timeline(ledger)


@pytest.fixture(scope="module")
def whole(anvil: Anvil, proxy: Proxy) -> Scene:
    """A federation in whose life every kind of event happened."""
    made = deployed(proxy.connection(), anvil.wait)
    made.start()
    whole_life(made)
    return made


def flipped(log: dict[str, Any], place: int, bit: int) -> dict[str, Any]:
    """Flip a bit of what a log says, but not which event it is."""
    words = [word[2:] for word in (*log["topics"][1:], log["data"])]
    content = bytearray.fromhex("".join(words))
    content[place % len(content)] ^= 1 << bit
    *topics, data = _cut(content, [len(word) // 2 for word in words])
    return log | {"topics": [log["topics"][0], *topics], "data": data}


def _cut(content: bytes, sizes: list[int]) -> Iterator[str]:
    for size in sizes:
        yield "0x" + content[:size].hex()
        content = content[size:]


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, len(WHOLE_LIFE) - 1),
    st.integers(0, 20).map(lambda word: 32 * word + 31) | st.integers(0, 700),
    st.integers(0, 7),
)
@example(5, 127, 7)  # a rejection for a reason that there is not
@example(8, 31, 0)  # an attestation of a round that was not closed
def test_a_bit_that_a_node_flips_in_an_event_is_found(whole, proxy, number, place, bit):
    proxy.trick = lies(
        "eth_getLogs",
        lambda logs: [*logs[:number], flipped(logs[number], place, bit), *logs[number + 1 :]],
    )
    ledger = whole.own_ledger(None)
    try:
        read_timeline(ledger)
    except LedgerError as error:
        found = "\n" not in str(error)
    else:
        # An attestation is no part of the digest: it is a word about it, and its node's own.
        digests = first_break(ledger.events(), ledger.chain_id, ledger.federation)
        found = digests is not None or WHOLE_LIFE[number][0] == "Attested"
    assert found


def test_a_node_gets_no_signature_for_another_chain_than_it_named_first(through, proxy):
    seen = []

    def watching(exchange: Exchange) -> None:
        if exchange.method == "eth_sendRawTransaction":
            seen.append(exchange.asked["params"][0])
        lies("eth_chainId", lambda _: "0x1")(exchange)

    ledger = through.own_ledger("owner")
    proxy.trick = watching
    ledger.set_header(address("header"))
    assert len(seen) == 1
    assert chain_id_of(seen[0]) == ledger.chain_id == 31337


def chain_id_of(raw: str) -> int:
    return TypedTransaction.from_bytes(HexBytes(raw)).as_dict()["chainId"]


def test_a_wrong_chain_id_ends_at_the_first_write(through, proxy):
    proxy.trick = lies("eth_chainId", lambda _: "0x1")
    strange = EthereumLedger(proxy.connection(), through.federation, embedded_account("owner"))
    assert strange.chain_id == 1
    with pytest.raises(LedgerError) as caught:
        strange.set_header(address("node 5"))
    assert not isinstance(caught.value, UnreachableError)
    assert through.ledger(None).snapshot().header == address("header")


def receipt(**fields: object) -> Trick:
    return lies("eth_getTransactionReceipt", lambda found: found and found | fields)


def test_a_receipt_of_another_transaction_is_refused(through, proxy):
    proxy.trick = receipt(transactionHash="0x" + "1" * 64)
    with pytest.raises(LedgerError, match="another receipt") as caught:
        through.own_ledger("owner").set_header(address("header"))
    assert not isinstance(caught.value, UnreachableError)


def test_a_receipt_that_says_refused_is_a_refusal_without_a_name(through, proxy):
    proxy.trick = receipt(status="0x0")
    with pytest.raises(RevertedError) as caught:
        through.own_ledger("owner").set_header(address("header"))
    assert (caught.value.name, caught.value.values) == ("UnknownError", ("",))


def test_a_receipt_that_names_another_contract_is_not_believed(through, proxy):
    proxy.trick = receipt(contractAddress=address("node 5").lower())
    made = deployed(proxy.connection(), through.wait)
    proxy.trick = honest
    assert made.federation != address("node 5")
    assert made.ledger(None).plan() == PLAN


def test_a_creation_that_never_was_ends_at_the_first_write(through, proxy):
    """The node takes a transaction, keeps it to itself and makes up its receipt."""

    def inventing(exchange: Exchange) -> None:
        if exchange.method == "eth_sendRawTransaction":
            framed(result=digest_of(exchange.asked["params"][0]))(exchange)
        elif exchange.method == "eth_getTransactionReceipt":
            block = "0x" + "2" * 64
            fields = {"transactionHash": exchange.asked["params"][0], "blockHash": block}
            framed(result=fields | {"blockNumber": "0x1", "status": "0x1"})(exchange)
        else:
            honest(exchange)

    proxy.trick = inventing
    made = deploy_contract(
        proxy.connection(), embedded_account("node 4"), PLAN, INITIAL, address("header"), TERMS
    )
    with pytest.raises(LedgerError, match=f"no federation at {made}"):
        EthereumLedger(proxy.connection(), made, embedded_account("node 4")).extend(9)


def digest_of(raw: str) -> str:
    return "0x" + keccak(HexBytes(raw)).hex()


@pytest.mark.parametrize("data", ["0x12345678", "0x", "0xabc", "text", "0x" + "ab" * 10**6])
def test_whatever_a_refusal_gives_back_it_is_one_line(through, proxy, data):
    proxy.trick = only("eth_call", refuses("execution reverted", code=3, data=data))
    with pytest.raises(LedgerError) as caught:
        through.own_ledger("owner").extend(9)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


def test_a_refusals_values_that_are_cut_off_are_no_values(through, proxy):
    selector = keccak(text="NotLonger(uint32,uint32)")[:4]
    data = "0x" + selector.hex() + "00" * 40
    proxy.trick = only("eth_call", refuses("execution reverted", code=3, data=data))
    with pytest.raises(RevertedError) as caught:
        through.own_ledger("owner").extend(9)
    assert caught.value.name == "UnknownError"


def test_a_contract_that_is_no_federation_is_not_waited_for(through, proxy):
    proxy.trick = lies("eth_call", lambda _: "0x01")
    with pytest.raises(LedgerError, match="does not answer as a federation") as caught:
        through.ledger(None).snapshot()
    assert not isinstance(caught.value, UnreachableError)


def test_the_truth_is_found_again_when_the_node_stops_lying(through, proxy):
    ledger = through.own_ledger(None)
    proxy.trick = lies("eth_getLogs", lambda logs: logs[:-1])
    with pytest.raises(LedgerError):
        read_timeline(ledger)
    proxy.trick = honest
    _, timeline = read_timeline(EthereumLedger(proxy.connection(), through.federation))
    assert timeline.rounds[1].updates[1].weights == cid("a")
