"""A federation's beginning: what is kept, what is told, and what the history starts from."""

from eth_abi.abi import encode
from eth_utils import keccak

from fl_node.chain.artifact import federation_artifact
from tests.contracts.evm import CHAIN_ID
from tests.contracts.sandbox import EMPTY, HEADER, INITIAL, OWNER, PLAN, TERMS, account
from tests.contracts.spoken import START
from tests.contracts.twin import Twin

TERMS_TYPE = "(uint32,uint32,uint32,uint32,uint32,uint32,uint32)"


def test_a_new_federation_keeps_what_it_was_created_with() -> None:
    sandbox = Twin(target=2, finality=1)
    assert sandbox.look("plan") == PLAN
    assert sandbox.look("initial") == INITIAL
    assert sandbox.look("owner") == OWNER
    assert sandbox.look("header") == HEADER
    assert sandbox.look("terms") == TERMS | {"target": 2, "finality": 1}
    assert set(sandbox.look("pendingTerms").values()) == {0}
    assert set(sandbox.look("state").values()) == {0}
    assert sandbox.look("registered") == 0


def test_the_history_starts_from_chain_contract_plan_initial_terms_header_and_owner() -> None:
    sandbox = Twin(target=2)
    terms = tuple((TERMS | {"target": 2}).values())
    types = ["uint256", "address", "bytes32", "bytes32", TERMS_TYPE, "address", "address"]
    seed = [CHAIN_ID, sandbox.address, PLAN, INITIAL, terms, HEADER, OWNER]
    assert sandbox.look("history") == keccak(encode(types, seed))
    assert sandbox.created.name == "FederationCreated"
    assert sandbox.created.values == (
        PLAN,
        INITIAL,
        terms,
        HEADER,
        OWNER,
        sandbox.look("history"),
    )


def test_the_history_folds_in_an_event_with_all_its_fields_but_the_last() -> None:
    sandbox = Twin()
    before = sandbox.look("history")
    event = sandbox.act(OWNER, "registerNode", 7, account(7))
    topic = keccak(text="NodeRegistered(uint32,address,bytes32)")
    fields = [before, topic, 7, account(7)]
    after = keccak(encode(["bytes32", "bytes32", "uint32", "address"], fields))
    assert event.values == (7, account(7), after)
    assert sandbox.look("history") == after


def test_two_federations_with_the_same_beginning_have_different_histories() -> None:
    first = Twin()
    second = Twin(first.evm)
    assert first.address != second.address
    assert first.look("history") != second.look("history")


def test_global_0_is_put_by_the_owner_and_opens_round_1_for_all_who_are_registered() -> None:
    sandbox = Twin()
    sandbox.act(OWNER, "registerNode", 1, account(1))
    sandbox.act(OWNER, "registerNode", 9, account(9))
    sandbox.now += 5
    seen = sandbox.look("history")
    event = sandbox.act(OWNER, "setGlobalWeight", 0, INITIAL, EMPTY, seen)
    assert event.values[:-1] == (0, INITIAL, EMPTY, OWNER)
    assert sandbox.look("getGlobalWeight") == (0, INITIAL, EMPTY)
    assert sandbox.look("state") == {
        "number": 1,
        "opening": 1,
        "members": 2,
        "received": 0,
        "attested": 0,
        "openedAt": START + 5,
        "closableAt": 0,
        "finalized": True,
        "termsPending": False,
    }


def test_global_0_is_final_whatever_the_terms_ask() -> None:
    sandbox = Twin(finality=2).start(2)
    assert sandbox.look("state")["finalized"]
    sandbox.submit(1)


def test_nothing_can_be_paid_and_nothing_is_called_by_chance() -> None:
    abi = federation_artifact().abi
    payable = [entry for entry in abi if entry.get("stateMutability") == "payable"]
    assert payable == []
    assert {"receive", "fallback"} & {entry["type"] for entry in abi} == set()
