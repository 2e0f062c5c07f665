"""Terms change from the next opening on; rounds are added; a round may be run again."""

import pytest

from tests.contracts.sandbox import OWNER, TERMS, Sandbox, account, digest
from tests.contracts.spoken import START, RefusedError
from tests.contracts.twin import Twin

ONE, TWO = account(1), account(2)
X = digest("x")


def change(sandbox: Sandbox, **terms: int) -> None:
    sandbox.act(OWNER, "setTerms", tuple((sandbox.look("terms") | terms).values()))


def test_terms_change_at_once_before_the_start() -> None:
    sandbox = Twin()
    changed = tuple((TERMS | {"target": 5}).values())
    event = sandbox.act(OWNER, "setTerms", changed)
    assert event.values == (changed, sandbox.look("history"))
    assert sandbox.look("terms")["target"] == 5
    assert not sandbox.look("state")["termsPending"]


def test_terms_that_change_in_mid_round_wait_for_the_next_opening() -> None:
    sandbox = Twin().start(2)
    change(sandbox, target=1)
    assert sandbox.look("state")["termsPending"]
    assert sandbox.look("terms")["target"] == 0
    assert sandbox.look("pendingTerms")["target"] == 1
    sandbox.play_round(1, 2)
    assert not sandbox.look("state")["termsPending"]
    assert sandbox.look("terms")["target"] == 1
    assert set(sandbox.look("pendingTerms").values()) == {0}


def test_the_last_terms_that_wait_are_those_that_come() -> None:
    sandbox = Twin().start(2)
    change(sandbox, target=1)
    change(sandbox, target=2)
    sandbox.play_round(1, 2)
    assert sandbox.look("terms")["target"] == 2


def test_finality_switched_on_holds_for_the_global_of_that_close() -> None:
    sandbox = Twin().start(2)
    change(sandbox, finality=1)
    sandbox.play_round(1, 2)
    assert not sandbox.look("state")["finalized"]


def test_finality_switched_off_comes_with_a_replacement() -> None:
    sandbox = Twin(finality=2).start(2)
    sandbox.play_round(1, 2)
    change(sandbox, finality=0)
    sandbox.now += 10
    sandbox.replace_global(ONE, X)
    assert sandbox.look("state")["finalized"]


def test_finality_switched_off_comes_with_a_reopening() -> None:
    sandbox = Twin(finality=2).start(2)
    sandbox.play_round(1, 2)
    change(sandbox, finality=0)
    sandbox.act(OWNER, "reopen", 2)
    assert sandbox.look("state")["finalized"]


def test_finality_that_was_reached_stays_when_stricter_terms_come_with_a_reopening() -> None:
    sandbox = Twin(finality=1).start(2)
    sandbox.play_round(1, 2)
    sandbox.attest(1)
    change(sandbox, finality=2)
    sandbox.act(OWNER, "reopen", 2)
    assert sandbox.look("terms")["finality"] == 2
    assert sandbox.look("state")["finalized"]
    sandbox.submit(1)


def test_an_extension_adds_rounds_at_once() -> None:
    sandbox = Twin(rounds=1).start(1)
    event = sandbox.act(OWNER, "extend", 2)
    assert event.values == (2, sandbox.look("history"))
    sandbox.play_round(1)
    sandbox.play_round(1)


def test_an_extension_reaches_terms_that_wait() -> None:
    sandbox = Twin(rounds=1).start(2)
    change(sandbox, target=1)
    sandbox.act(OWNER, "extend", 7)
    assert sandbox.look("pendingTerms")["rounds"] == 7
    sandbox.play_round(1, 2)
    assert sandbox.look("terms") == TERMS | {"target": 1, "rounds": 7}


def test_an_extension_in_mid_round_leaves_its_clock_and_members_alone() -> None:
    sandbox = Twin().start(1)
    sandbox.act(OWNER, "registerNode", 2, TWO)
    sandbox.now += 30
    sandbox.act(OWNER, "extend", 7)
    state = sandbox.look("state")
    assert (state["openedAt"], state["members"], state["opening"]) == (START, 1, 1)


def test_extending_a_complete_federation_opens_its_round_now() -> None:
    sandbox = Twin(rounds=1).start(1)
    sandbox.play_round(1)
    sandbox.act(OWNER, "registerNode", 2, TWO)
    change(sandbox, quorum=2)
    sandbox.now += 500
    sandbox.act(OWNER, "extend", 2)
    state = sandbox.look("state")
    assert (state["openedAt"], state["members"], state["opening"]) == (START + 500, 2, 2)
    assert sandbox.look("terms")["quorum"] == 2
    assert not state["termsPending"]
    sandbox.submit(2)


def test_attestations_of_the_last_global_go_on_counting_after_an_extension() -> None:
    sandbox = Twin(rounds=1, finality=2).start(2)
    sandbox.play_round(1, 2)
    sandbox.attest(1)
    sandbox.act(OWNER, "extend", 2)
    assert sandbox.look("state")["attested"] == 1
    with pytest.raises(RefusedError, match="AlreadyAttested"):
        sandbox.attest(1)
    sandbox.attest(2)
    sandbox.submit(1)


def test_an_extension_with_milder_terms_makes_the_last_global_final() -> None:
    sandbox = Twin(rounds=1, finality=2).start(2)
    sandbox.play_round(1, 2)
    sandbox.attest(1)
    change(sandbox, finality=1)
    assert not sandbox.look("state")["finalized"]
    sandbox.act(OWNER, "extend", 2)
    assert sandbox.look("state")["finalized"]


def test_an_extension_with_stricter_terms_leaves_the_last_global_final() -> None:
    sandbox = Twin(rounds=1, finality=1).start(2)
    sandbox.play_round(1, 2)
    sandbox.attest(1)
    change(sandbox, finality=2)
    sandbox.act(OWNER, "extend", 2)
    assert sandbox.look("state")["finalized"]


def test_reopening_the_open_round_discards_updates_and_attempts() -> None:
    sandbox = Twin().start(2)
    for _ in range(3):
        sandbox.submit(1)
        sandbox.reject(1)
    sandbox.submit(2)
    sandbox.now += 60
    event = sandbox.act(OWNER, "reopen", 1)
    assert event.values == (1, sandbox.look("history"))
    state = sandbox.look("state")
    assert (state["number"], state["opening"], state["received"]) == (1, 2, 0)
    assert (state["openedAt"], state["closableAt"]) == (START + 60, 0)
    assert sandbox.submit(1)["attempt"] == 1
    assert sandbox.submit(2)["attempt"] == 1


def test_an_update_that_a_reopening_discards_leaves_its_base_usable() -> None:
    sandbox = Twin(maxStaleness=2).start(1)
    sandbox.submit(1)
    sandbox.act(OWNER, "reopen", 1)
    assert sandbox.submit(1)["base"] == 0


def test_an_update_that_a_reopening_discarded_uses_its_base_up_once_the_round_is_closed() -> None:
    sandbox = Twin(maxStaleness=2, target=1).start(2)
    sandbox.submit(1)
    sandbox.act(OWNER, "reopen", 1)
    sandbox.play_round(2)
    with pytest.raises(RefusedError, match="BaseUsed"):
        sandbox.submit(1, base=0)


def test_reopening_the_round_before_takes_its_global_back() -> None:
    sandbox = Twin(finality=1, rounds=9).start(2)
    sandbox.play_round(1, 2)
    sandbox.attest(1)
    sandbox.play_round(1, 2)
    sandbox.attest(1, weights=X)
    sandbox.now += 60
    sandbox.act(OWNER, "reopen", 2)
    assert sandbox.look("getGlobalWeight")[:2] == (1, digest("global 1"))
    state = sandbox.look("state")
    assert (state["number"], state["opening"], state["openedAt"]) == (2, 4, START + 60)
    assert state["finalized"]
    sandbox.play_round(1, 2)
    assert sandbox.look("getGlobalWeight")[0] == 2


def test_bases_of_a_round_that_was_taken_back_are_usable_again() -> None:
    sandbox = Twin(finality=1).start(1)
    sandbox.play_round(1)
    sandbox.act(OWNER, "reopen", 1)
    assert sandbox.look("getLocalWeight", 1)["nextBase"] == 0
    assert sandbox.submit(1)["base"] == 0


def test_the_last_round_of_a_complete_federation_is_taken_back() -> None:
    sandbox = Twin(finality=1, rounds=1).start(1)
    sandbox.play_round(1)
    sandbox.act(OWNER, "reopen", 1)
    sandbox.play_round(1)
    assert sandbox.look("state")["number"] == 2
