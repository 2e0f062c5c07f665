"""Every function of the contract: what it records, what it emits, what it leaves alone."""

import pytest

from fl_node.rounds import Reason
from tests.contracts.sandbox import (
    EMPTY,
    HEADER,
    INITIAL,
    NOBODY,
    OWNER,
    PLAN,
    START,
    TERMS,
    RefusedError,
    Sandbox,
    account,
    digest,
)

GRACE, LASTS = TERMS["graceSeconds"], TERMS["roundSeconds"]


def started(nodes: int = 2, **changes: int) -> Sandbox:
    return Sandbox(**changes).start(nodes)


def terms(**changes: int) -> tuple[int, ...]:
    return tuple((TERMS | changes).values())


def refused(federation: Sandbox, by: str, function: str, *values: object) -> str:
    with pytest.raises(RefusedError) as caught:
        federation.act(by, function, *values)
    return caught.value.name


# The constructor and the start


def test_a_new_federation_holds_plan_terms_header_and_owner_and_takes_registrations() -> None:
    federation = Sandbox()
    assert federation.look("plan") == PLAN
    assert federation.look("initial") == INITIAL
    assert federation.look("owner") == OWNER
    assert federation.look("header") == HEADER
    assert federation.look("terms") == TERMS
    assert federation.look("state")["number"] == 0
    assert federation.created["history"] == federation.look("history")


def test_the_owner_starts_with_all_who_are_registered() -> None:
    federation = started(nodes=3)
    state = federation.look("state")
    assert (state["number"], state["opening"], state["members"]) == (1, 1, 3)
    assert state["openedAt"] == START
    assert federation.look("getGlobalWeight") == (0, INITIAL, EMPTY)


def test_two_federations_of_the_same_plan_have_different_histories() -> None:
    first = Sandbox()
    assert Sandbox(first.evm).look("history") != first.look("history")


# setLocalWeight and getLocalWeight


def test_an_update_is_recorded_with_round_base_weights_and_samples() -> None:
    federation = started()
    event = federation.submit(1, weights=digest("mine"))
    assert event.values[:6] == (1, 1, 0, digest("mine"), 7, 1)
    latest = federation.look("getLocalWeight", 1)
    assert latest["standing"]
    assert (latest["round"], latest["base"], latest["samples"]) == (1, 0, 7)
    assert federation.look("state")["received"] == 1


@pytest.mark.parametrize("samples", [0, 1, 2**64 - 1])
def test_sample_counts_are_recorded_and_not_judged(samples: int) -> None:
    federation = started()
    federation.act(account(1), "setLocalWeight", 1, 1, 0, digest("mine"), samples)
    assert federation.look("getLocalWeight", 1)["samples"] == samples


def test_a_node_without_an_update_has_zeros() -> None:
    latest = started().look("getLocalWeight", 1)
    assert not latest["standing"]
    assert latest["weights"] == EMPTY


def test_the_update_that_reaches_the_target_marks_the_moment() -> None:
    federation = started()
    federation.submit(1)
    assert federation.look("state")["closableAt"] == 0
    federation.now += 5
    federation.submit(2)
    assert federation.look("state")["closableAt"] == START + 5


def test_after_the_deadline_an_update_counts_until_there_is_a_quorum() -> None:
    federation = started(nodes=3, quorum=2)
    federation.submit(1)
    federation.now += LASTS
    federation.submit(2)
    assert federation.look("state")["closableAt"] == federation.now
    late = (3, 1, 0, digest("late"), 7)
    assert refused(federation, account(3), "setLocalWeight", *late) == "RoundFull"


def test_in_the_second_before_the_deadline_a_quorum_does_not_freeze() -> None:
    federation = started(nodes=3)
    federation.submit(1)
    federation.now += LASTS - 1
    federation.submit(2)
    federation.now += 1
    late = (3, 1, 0, digest("late"), 7)
    assert refused(federation, account(3), "setLocalWeight", *late) == "RoundFull"


def test_a_stale_base_is_taken_as_far_as_the_terms_allow() -> None:
    federation = started(maxStaleness=1, target=1)
    federation.play_round(1)
    federation.submit(2, base=0)
    assert federation.look("getLocalWeight", 2)["base"] == 0


def test_a_base_that_was_rejected_may_be_used_again() -> None:
    federation = started(maxStaleness=1)
    federation.submit(1)
    federation.reject(1)
    federation.now += LASTS
    federation.play_round(2)
    federation.submit(1, base=0)
    assert federation.look("getLocalWeight", 1)["standing"]


# rejectLocalWeight


@pytest.mark.parametrize("reason", Reason)
def test_the_header_rejects_for_any_reason_that_admission_knows(reason: Reason) -> None:
    federation = started()
    federation.submit(1, weights=digest("bad"))
    event = federation.reject(1, reason=reason)
    assert event.values[:5] == (1, 1, digest("bad"), reason, HEADER)
    assert not federation.look("getLocalWeight", 1)["standing"]
    assert federation.look("state")["received"] == 0


def test_no_other_reason_is_taken() -> None:
    federation = started()
    federation.submit(1)
    assert (
        refused(federation, HEADER, "rejectLocalWeight", 1, 1, digest("update 1"), len(Reason))
        == "no custom error"
    )


def test_a_rejected_node_sends_again_up_to_the_third_attempt() -> None:
    federation = started()
    attempts = []
    for _ in range(3):
        attempts.append(federation.submit(1)["attempt"])
        federation.reject(1)
    assert attempts == [1, 2, 3]


def test_a_rejection_that_leaves_too_few_opens_the_round_again() -> None:
    federation = started()
    federation.submit(1)
    federation.submit(2)
    federation.reject(2)
    assert federation.look("state")["closableAt"] == 0
    federation.submit(2, weights=digest("better"))
    assert federation.look("state")["closableAt"] == federation.now


def test_a_rejection_that_leaves_a_quorum_past_the_deadline_keeps_the_moment() -> None:
    federation = started(nodes=3, target=2)
    federation.submit(1)
    federation.submit(2)
    federation.now += LASTS
    federation.reject(2)
    assert federation.look("state")["closableAt"] == START
    federation.close()


def test_after_the_grace_a_node_rejects_and_not_before() -> None:
    federation = started()
    federation.submit(1)
    federation.submit(2)
    rejection = (1, 1, digest("update 1"), 7)
    federation.now += GRACE - 1
    assert refused(federation, account(2), "rejectLocalWeight", *rejection) == "GraceRunning"
    federation.now += 1
    assert federation.reject(1, by=account(2))["by"] == account(2)


def test_while_a_round_is_not_closable_a_node_rejects_nothing() -> None:
    federation = started()
    federation.submit(1)
    rejection = (1, 1, digest("update 1"), 7)
    assert refused(federation, account(2), "rejectLocalWeight", *rejection) == "NotClosable"


# setGlobalWeight and getGlobalWeight


def test_the_header_closes_a_full_round_and_opens_the_next() -> None:
    federation = started()
    event = federation.play_round(1, 2)
    assert event.values[:4] == (1, digest("global 1"), digest("report"), HEADER)
    assert federation.look("getGlobalWeight") == (1, digest("global 1"), digest("report"))
    state = federation.look("state")
    assert (state["number"], state["received"], state["closableAt"]) == (2, 0, 0)


def test_with_a_quorum_the_header_closes_at_the_deadline_and_not_before() -> None:
    federation = started()
    federation.submit(1)
    federation.now += LASTS - 1
    with pytest.raises(RefusedError, match="NotClosable"):
        federation.close()
    federation.now += 1
    federation.close()


@pytest.mark.parametrize(("waited", "closes"), [(GRACE - 1, False), (GRACE, True)])
def test_a_node_closes_once_the_grace_has_passed(waited: int, closes: bool) -> None:
    federation = started()
    federation.submit(1)
    federation.submit(2)
    federation.now += waited
    if closes:
        assert federation.close(by=account(1))["by"] == account(1)
    else:
        with pytest.raises(RefusedError, match="GraceRunning"):
            federation.close(by=account(1))


def test_at_the_deadline_the_grace_runs_from_the_deadline() -> None:
    federation = started()
    federation.submit(1)
    federation.now = START + LASTS + GRACE - 1
    with pytest.raises(RefusedError, match="GraceRunning"):
        federation.close(by=account(1))
    federation.now += 1
    federation.close(by=account(1))


def test_with_finality_a_refused_global_is_replaced_over_the_same_updates() -> None:
    federation = started(finality=2)
    federation.play_round(1, 2)
    federation.attest(1, weights=digest("right"))
    federation.now += GRACE
    federation.replace_global(account(1), digest("right"))
    assert federation.look("getGlobalWeight")[:2] == (1, digest("right"))
    assert federation.look("state")["attested"] == 0
    federation.attest(1)
    federation.attest(2)
    federation.submit(1)


def test_a_final_global_is_not_replaced() -> None:
    federation = started()
    federation.play_round(1, 2)
    federation.now += GRACE
    with pytest.raises(RefusedError, match="WrongRound"):
        federation.replace_global(account(1), digest("other"))


def test_the_last_round_can_be_closed_and_none_after_it() -> None:
    federation = started(rounds=1)
    federation.play_round(1, 2)
    with pytest.raises(RefusedError, match="FederationComplete"):
        federation.close()


# attest


def test_agreeing_attestations_reach_finality_and_start_the_clock() -> None:
    federation = started(finality=2)
    federation.play_round(1, 2)
    federation.now += 50
    federation.attest(1)
    assert not federation.look("state")["finalized"]
    federation.attest(2)
    state = federation.look("state")
    assert state["finalized"]
    assert state["openedAt"] == federation.now


def test_another_digest_is_a_dispute_and_does_not_count() -> None:
    federation = started(finality=1)
    federation.play_round(1, 2)
    event = federation.attest(1, weights=digest("other"))
    assert event["agrees"] is False
    assert federation.look("state")["attested"] == 0


def test_an_attestation_leaves_the_history_alone() -> None:
    federation = started()
    federation.play_round(1, 2)
    before = federation.look("history")
    assert federation.attest(1)["history"] == before
    assert federation.look("history") == before


def test_only_the_latest_global_is_attested() -> None:
    federation = started()
    federation.play_round(1, 2)
    federation.play_round(1, 2)
    values = (1, 1, digest("global 1"), federation.look("history"))
    assert refused(federation, account(1), "attest", *values) == "WrongRound"


# registerNode, replaceNode, removeNode


def test_who_registers_in_mid_round_takes_part_in_the_next() -> None:
    federation = started()
    federation.act(OWNER, "registerNode", 3, account(3))
    assert federation.look("state")["members"] == 2
    federation.play_round(1, 2)
    assert federation.look("state")["members"] == 3
    federation.submit(3)


def test_a_rotated_key_takes_over_at_once_and_the_update_is_withdrawn() -> None:
    federation = started()
    federation.submit(1)
    event = federation.act(OWNER, "replaceNode", 1, account(9))
    assert event.values[:4] == (1, account(9), account(1), True)
    assert federation.look("state")["received"] == 0
    assert federation.look("nodeOf", account(1)) == 0
    federation.submit(1)
    assert federation.look("getLocalWeight", 1)["attempts"] == 1


def test_a_rotated_key_does_not_attest_a_second_time() -> None:
    federation = started()
    federation.play_round(1, 2)
    federation.attest(1)
    federation.act(OWNER, "replaceNode", 1, account(9))
    with pytest.raises(RefusedError, match="AlreadyAttested"):
        federation.attest(1)


def test_a_removed_node_is_out_and_its_update_withdrawn() -> None:
    federation = started()
    federation.submit(1)
    event = federation.act(OWNER, "removeNode", 1)
    assert event.values[:3] == (1, account(1), True)
    assert federation.look("registered") == 1
    assert federation.look("node", 1)["account"] == NOBODY
    again = (1, 1, 0, digest("again"), 7)
    assert refused(federation, account(1), "setLocalWeight", *again) == "NotAccountOfNode"


def test_a_node_that_was_removed_and_registered_again_does_not_attest_twice() -> None:
    federation = started(nodes=3)
    federation.play_round(1, 2, 3)
    federation.attest(1)
    federation.act(OWNER, "removeNode", 1)
    federation.act(OWNER, "registerNode", 1, account(9))
    with pytest.raises(RefusedError, match="AlreadyAttested"):
        federation.attest(1)


# setHeader, setTerms, extend, reopen


def test_another_header_closes_from_now_on() -> None:
    federation = started()
    federation.act(OWNER, "setHeader", account(8))
    federation.submit(1)
    federation.submit(2)
    with pytest.raises(RefusedError, match="NotHeaderOrNode"):
        federation.close(by=HEADER)
    federation.close(by=account(8))


def test_terms_count_from_the_next_opening() -> None:
    federation = started()
    federation.act(OWNER, "setTerms", terms(target=1))
    assert federation.look("terms") == TERMS
    assert federation.look("pendingTerms") == TERMS | {"target": 1}
    federation.play_round(1, 2)
    assert federation.look("terms") == TERMS | {"target": 1}
    assert not any(federation.look("pendingTerms").values())
    federation.play_round(1)


def test_before_the_start_terms_count_at_once() -> None:
    federation = Sandbox()
    federation.act(OWNER, "setTerms", terms(target=1))
    assert federation.look("terms") == TERMS | {"target": 1}


def test_raised_finality_does_not_reach_back() -> None:
    federation = started()
    federation.play_round(1, 2)
    federation.act(OWNER, "setTerms", terms(finality=2))
    federation.act(OWNER, "reopen", 2)
    assert federation.look("terms")["finality"] == 2
    federation.submit(1)


def test_an_extension_opens_a_complete_federation_with_a_new_clock() -> None:
    federation = started(rounds=1)
    federation.play_round(1, 2)
    federation.act(OWNER, "registerNode", 3, account(3))
    federation.now += 1000
    federation.act(OWNER, "extend", 2)
    state = federation.look("state")
    assert (state["members"], state["openedAt"]) == (3, federation.now)
    federation.play_round(1, 2, 3)


def test_an_extension_in_mid_round_changes_the_last_round_only() -> None:
    federation = started()
    federation.act(OWNER, "setTerms", terms(target=1))
    before = federation.look("state")
    federation.act(OWNER, "extend", 9)
    assert federation.look("state") == before
    assert federation.look("terms")["rounds"] == federation.look("pendingTerms")["rounds"] == 9


def test_a_reopened_round_has_neither_updates_nor_attempts() -> None:
    federation = started()
    for _ in range(2):
        federation.submit(1)
        federation.reject(1)
    federation.submit(1)
    federation.now += 30
    federation.act(OWNER, "reopen", 1)
    state = federation.look("state")
    assert (state["received"], state["openedAt"]) == (0, federation.now)
    assert federation.submit(1)["attempt"] == 1


def test_a_global_that_is_not_final_is_taken_back_by_reopening_its_round() -> None:
    federation = started(finality=1)
    federation.play_round(1, 2)
    federation.act(OWNER, "reopen", 1)
    assert federation.look("getGlobalWeight")[:2] == (0, INITIAL)
    federation.play_round(1, 2)
    federation.attest(1)
    federation.play_round(1, 2)


def test_a_final_global_is_not_taken_back() -> None:
    federation = started()
    federation.play_round(1, 2)
    assert refused(federation, OWNER, "reopen", 1) == "WrongRound"
