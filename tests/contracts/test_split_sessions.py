"""Split learning on the chain: who takes part, what both sign, what one side says alone."""

import pytest
from eth_abi.abi import encode
from eth_utils import keccak

from fl_node.chain.epoch_signature import record_values
from fl_node.chain.epochs import EVERYONE, Mark, Side
from fl_node.chain.interface import split_session
from tests.contracts.evm import CHAIN_ID
from tests.contracts.split_sandbox import (
    CERTIFICATE,
    CHECKPOINT,
    ENDPOINT,
    KEY,
    NOBODY,
    OWNER,
    PLAN,
    PROVIDER,
    address,
    digest,
    record,
)
from tests.contracts.split_twin import SplitTwin
from tests.contracts.spoken import START, RefusedError

ONE = address("node 1")


@pytest.fixture
def sandbox() -> SplitTwin:
    twin = SplitTwin()
    twin.start(2)
    return twin


def announced(sandbox: SplitTwin) -> SplitTwin:
    sandbox.announce(0)
    sandbox.announce(1)
    return sandbox


def test_a_new_contract_keeps_what_it_was_created_with() -> None:
    sandbox = SplitTwin()
    assert sandbox.look("plan") == PLAN
    assert sandbox.look("owner") == OWNER
    assert sandbox.look("provider") == PROVIDER
    assert sandbox.look("providerSince") == 0
    assert sandbox.look("terms") == {"epochs": 3, "deadlineSeconds": 100}
    assert set(sandbox.look("session", 1).values()) == {NOBODY, 0}


def test_the_history_starts_from_chain_contract_plan_terms_provider_and_owner() -> None:
    sandbox = SplitTwin()
    types = ["uint256", "address", "bytes32", "(uint32,uint32)", "address", "address"]
    seed = [CHAIN_ID, sandbox.address, PLAN, (3, 100), PROVIDER, OWNER]
    assert sandbox.look("history") == keccak(encode(types, seed))
    assert sandbox.created.name == "SplitSessionCreated"
    assert sandbox.created.values == (PLAN, (3, 100), PROVIDER, OWNER, sandbox.look("history"))


def test_the_history_folds_in_an_event_with_all_its_fields_but_the_last(
    sandbox: SplitTwin,
) -> None:
    before = sandbox.look("history")
    event = sandbox.record(1)
    types = ["uint32"] * 3 + ["bytes32"] * 4 + ["bytes"] * 2
    topic = keccak(text=f"EpochRecorded({','.join(types)},bytes32)")
    after = keccak(encode(["bytes32", "bytes32", *types], [before, topic, *event.values[:-1]]))
    assert event.values[-1] == sandbox.look("history") == after


def test_an_announcement_holds_everything_in_its_event(sandbox: SplitTwin) -> None:
    event = sandbox.announce(1)
    said = (1, ONE, KEY, CERTIFICATE, ENDPOINT, START + 3600)
    assert event.values[:-1] == said
    assert sandbox.look("session", 1)["since"] == START
    event = sandbox.announce(0, certificate=b"", endpoint=b"")
    assert event.values[:-1] == (0, PROVIDER, KEY, b"", b"", START + 3600)
    assert sandbox.look("providerSince") == START


def test_the_longest_announcement_is_taken(sandbox: SplitTwin) -> None:
    longest = {"certificate": b"c" * 2048, "endpoint": b"\xff" * 255, "expires": 2**40 - 1}
    event = sandbox.announce(1, **longest)
    assert event["certificate"] == b"c" * 2048
    assert event["endpoint"] == b"\xff" * 255


def test_who_announces_again_does_not_put_the_deadline_off(sandbox: SplitTwin) -> None:
    announced(sandbox)
    sandbox.now += 99
    sandbox.announce(0)
    sandbox.announce(1)
    sandbox.now += 1
    assert sandbox.record_alone(1, "node 1")["side"] == Side.NODE


def test_an_epoch_is_recorded_with_both_signatures_by_anybody(sandbox: SplitTwin) -> None:
    given = record(1, 1)
    event = sandbox.record(1)
    signatures = sandbox.sign("node 1", given), sandbox.sign("provider", given)
    assert event.values[:-1] == (*record_values(given), *signatures)
    assert sandbox.look("session", 1) == {
        "account": ONE,
        "epochs": 1,
        "since": START,
        "byProvider": Mark.NONE,
        "byNode": Mark.NONE,
    }
    assert sandbox.look("session", 2)["epochs"] == 0


def test_each_node_counts_its_own_epochs_to_the_last(sandbox: SplitTwin) -> None:
    for _ in range(3):
        sandbox.record(1)
    sandbox.record(2)
    assert [sandbox.look("session", node)["epochs"] for node in (1, 2)] == [3, 1]


@pytest.mark.parametrize(("role", "side"), [("provider", Side.PROVIDER), ("node 1", Side.NODE)])
def test_who_waited_until_the_deadline_records_alone(
    sandbox: SplitTwin, role: str, side: Side
) -> None:
    announced(sandbox)
    sandbox.record(1)
    sandbox.now += 100
    event = sandbox.record_alone(1, role)
    said = (7, digest("root"), digest("records"), CHECKPOINT, 0)
    assert event.values[:-1] == (1, 2, side, address(role), *said)
    marks = [sandbox.look("session", 1)[name] for name in ("byProvider", "byNode")]
    assert marks == [Mark.ONE_SIDED if side == each else Mark.NONE for each in Side]


def test_the_deadline_of_epoch_1_runs_from_the_later_announcement(sandbox: SplitTwin) -> None:
    sandbox.announce(1)
    sandbox.now += 50
    sandbox.announce(0)
    sandbox.now += 100
    assert sandbox.record_alone(1, "provider")["epoch"] == 1


def test_a_dispute_needs_no_deadline_and_both_may_raise_it(sandbox: SplitTwin) -> None:
    event = sandbox.record_alone(1, "node 1", difference=4)
    assert event["firstDifference"] == 4
    sandbox.record_alone(1, "provider", difference=5)
    found = sandbox.look("session", 1)
    assert (found["byProvider"], found["byNode"]) == (Mark.DISPUTED, Mark.DISPUTED)


@pytest.mark.parametrize(("role", "side"), [("provider", Side.PROVIDER), ("node 1", Side.NODE)])
def test_who_was_silent_and_comes_back_with_another_history_is_disputed_once(
    sandbox: SplitTwin, role: str, side: Side
) -> None:
    announced(sandbox)
    sandbox.now += 100
    sandbox.record_alone(1, role)
    event = sandbox.record_alone(1, role, difference=6)
    assert (event["side"], event["firstDifference"]) == (side, 6)
    marks = [sandbox.look("session", 1)[name] for name in ("byProvider", "byNode")]
    assert marks == [Mark.DISPUTED if side == each else Mark.NONE for each in Side]
    with pytest.raises(RefusedError, match="AlreadyRecordedAlone"):
        sandbox.record_alone(1, role, difference=6)
    sandbox.record(1)
    found = sandbox.look("session", 1)
    assert (found["epochs"], found["byProvider"], found["byNode"]) == (1, Mark.NONE, Mark.NONE)


def test_a_dispute_follows_silence_without_another_deadline_and_under_another_account(
    sandbox: SplitTwin,
) -> None:
    announced(sandbox)
    sandbox.now += 100
    sandbox.record_alone(1, "provider")
    sandbox.act(OWNER, "setProvider", address("spare"))
    event = sandbox.record_alone(1, "spare", difference=2)
    assert (event["by"], event["side"]) == (address("spare"), Side.PROVIDER)


def test_an_epoch_with_both_signatures_heals_what_was_said_alone(sandbox: SplitTwin) -> None:
    announced(sandbox)
    sandbox.now += 100
    sandbox.record_alone(1, "node 1")
    sandbox.record_alone(1, "provider", difference=1)
    sandbox.record(1)
    found = sandbox.look("session", 1)
    assert (found["epochs"], found["byProvider"], found["byNode"]) == (1, Mark.NONE, Mark.NONE)
    sandbox.record_alone(1, "node 1", difference=2)


def test_a_part_is_handed_on_after_any_recorded_epoch(sandbox: SplitTwin) -> None:
    sandbox.record(1)
    sandbox.record(1)
    for epoch in (1, 2):
        event = sandbox.hand_on(1, 2, epoch)
        assert event.values[:-1] == (1, 2, epoch, digest("weights"))


def test_a_part_is_handed_to_every_other_node_at_once(sandbox: SplitTwin) -> None:
    sandbox.record(1)
    event = sandbox.hand_on(1, EVERYONE)
    assert event.values[:-1] == (1, 0, 1, digest("weights"))
    sandbox.act(OWNER, "removeNode", 2)
    sandbox.hand_on(1, EVERYONE)  # whoever registers later goes on with it


def test_a_node_goes_on_under_another_account(sandbox: SplitTwin) -> None:
    announced(sandbox)
    sandbox.record(1)
    sandbox.act(OWNER, "removeNode", 1)
    assert sandbox.look("session", 1)["account"] == NOBODY
    sandbox.act(OWNER, "registerNode", 1, address("spare"))
    sandbox.record(1, node_role="spare")
    assert sandbox.look("session", 1)["epochs"] == 2
    assert sandbox.look("nodeOf", ONE) == 0


def test_another_provider_signs_from_then_on(sandbox: SplitTwin) -> None:
    sandbox.announce(0)
    event = sandbox.act(OWNER, "setProvider", address("spare"))
    assert event.values[:-1] == (address("spare"), PROVIDER)
    assert sandbox.look("providerSince") == 0
    sandbox.record(1, provider_role="spare")
    sandbox.act(OWNER, "registerNode", 3, PROVIDER)  # it is free now


def test_two_contracts_with_the_same_beginning_have_different_histories() -> None:
    first = SplitTwin()
    assert first.look("history") != SplitTwin(first.evm).look("history")


def test_nothing_can_be_paid_and_nothing_is_called_by_chance() -> None:
    abi = split_session().artifact.abi
    assert [entry for entry in abi if entry.get("stateMutability") == "payable"] == []
    assert {"receive", "fallback"} & {entry["type"] for entry in abi} == set()
