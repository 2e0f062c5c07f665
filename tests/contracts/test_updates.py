"""Updates come in until the round is closable; inadmissible ones go out again."""

import pytest

from fl_node.rounds import Reason
from tests.contracts.sandbox import EMPTY, HEADER, OWNER, Sandbox, account, digest
from tests.contracts.spoken import START, RefusedError
from tests.contracts.twin import Twin

X = digest("x")


def state(sandbox: Sandbox, *fields: str) -> tuple[int, ...]:
    found = sandbox.look("state")
    return tuple(found[field] for field in fields)


def test_an_update_is_kept_and_told() -> None:
    sandbox = Twin().start(2)
    event = sandbox.act(account(1), "setLocalWeight", 1, 1, 0, X, 2**64 - 1)
    assert event.name == "LocalWeightSet"
    assert event.values == (1, 1, 0, X, 2**64 - 1, 1, sandbox.look("history"))
    assert sandbox.look("getLocalWeight", 1) == {
        "weights": X,
        "samples": 2**64 - 1,
        "round": 1,
        "base": 0,
        "nextBase": 0,
        "opening": 1,
        "since": 1,
        "attempts": 1,
        "standing": True,
    }
    assert state(sandbox, "received", "closableAt") == (1, 0)


def test_a_node_that_never_sent_has_an_empty_update() -> None:
    sandbox = Twin().start(1)
    known = {"weights": EMPTY, "samples": 0, "since": 1, "standing": False}
    assert sandbox.look("getLocalWeight", 1).items() >= known.items()
    assert set(sandbox.look("getLocalWeight", 2).values()) == {EMPTY, 0}


def test_samples_are_judged_off_the_chain() -> None:
    sandbox = Twin().start(1)
    sandbox.act(account(1), "setLocalWeight", 1, 1, 0, EMPTY, 0)
    assert state(sandbox, "received") == (1,)


def test_the_update_that_reaches_the_target_says_when_the_round_became_closable() -> None:
    sandbox = Twin(target=2).start(3)
    sandbox.submit(1)
    sandbox.now += 20
    sandbox.submit(3)
    assert state(sandbox, "received", "closableAt") == (2, START + 20)


def test_target_0_is_every_member_of_the_round() -> None:
    sandbox = Twin(target=0).start(2)
    sandbox.act(OWNER, "registerNode", 3, account(3))
    sandbox.submit(1)
    sandbox.submit(2)
    assert state(sandbox, "members", "closableAt") == (2, START)


def test_an_update_after_the_deadline_that_makes_the_quorum_marks_that_moment() -> None:
    sandbox = Twin(quorum=2).start(3)
    sandbox.submit(1)
    sandbox.now += 150
    sandbox.submit(2)
    assert state(sandbox, "closableAt") == (START + 150,)


def test_an_update_comes_in_time_until_the_last_second() -> None:
    sandbox = Twin().start(3)
    sandbox.submit(1)
    sandbox.now += 99
    sandbox.submit(2)
    assert state(sandbox, "received", "closableAt") == (2, 0)


def test_a_round_waits_for_its_quorum_however_late() -> None:
    sandbox = Twin(quorum=2).start(3)
    sandbox.now += 1000
    sandbox.submit(1)
    assert state(sandbox, "received", "closableAt") == (1, 0)


@pytest.mark.parametrize("reason", Reason)
def test_an_update_is_rejected_for_any_reason(reason: Reason) -> None:
    sandbox = Twin().start(2)
    sandbox.submit(1, weights=X)
    event = sandbox.act(HEADER, "rejectLocalWeight", 1, 1, X, reason)
    assert event.values == (1, 1, X, reason, HEADER, sandbox.look("history"))
    assert not sandbox.look("getLocalWeight", 1)["standing"]
    assert state(sandbox, "received") == (0,)


def test_a_rejected_node_may_send_two_more() -> None:
    sandbox = Twin().start(2)
    assert sandbox.submit(1)["attempt"] == 1
    sandbox.reject(1)
    assert sandbox.submit(1)["attempt"] == 2
    sandbox.reject(1)
    assert sandbox.submit(1)["attempt"] == 3


def test_attempts_count_anew_in_the_next_round() -> None:
    sandbox = Twin().start(1)
    sandbox.submit(1)
    sandbox.reject(1)
    sandbox.play_round(1)
    assert sandbox.submit(1)["attempt"] == 1


def test_a_rejection_releases_a_frozen_round() -> None:
    sandbox = Twin(target=2).start(3)
    sandbox.submit(1)
    sandbox.submit(2)
    sandbox.reject(2)
    assert state(sandbox, "received", "closableAt") == (1, 0)
    sandbox.now += 30
    sandbox.submit(3)
    assert state(sandbox, "received", "closableAt") == (2, START + 30)


def test_a_rejection_after_which_the_round_stays_closable_keeps_since_when() -> None:
    sandbox = Twin(target=2).start(3)
    sandbox.submit(1)
    sandbox.now += 40
    sandbox.submit(2)
    sandbox.now += 80
    sandbox.reject(2)
    assert state(sandbox, "received", "closableAt") == (1, START + 40)


def test_a_rejection_that_breaks_the_quorum_after_the_deadline_opens_the_round_again() -> None:
    sandbox = Twin(quorum=2).start(3)
    sandbox.submit(1)
    sandbox.submit(2)
    sandbox.now += 100
    sandbox.reject(1)
    sandbox.submit(3)
    assert state(sandbox, "received", "closableAt") == (2, START + 100)


def test_a_node_rejects_from_the_end_of_the_grace() -> None:
    sandbox = Twin().start(2)
    sandbox.submit(1)
    sandbox.submit(2)
    sandbox.now += 10
    assert sandbox.reject(1, by=account(2))["by"] == account(2)


def test_the_header_rejects_whether_the_round_is_closable_or_not() -> None:
    sandbox = Twin().start(2)
    sandbox.submit(1)
    sandbox.reject(1)
    sandbox.submit(1)
    sandbox.submit(2)
    sandbox.reject(1)


def test_an_older_base_is_taken_within_the_staleness() -> None:
    sandbox = Twin(target=1, maxStaleness=2, rounds=9).start(2)
    for _ in range(3):
        sandbox.play_round(1)
    assert sandbox.submit(2, base=1)["base"] == 1


def test_a_base_is_used_up_when_its_update_is_closed_in() -> None:
    sandbox = Twin(target=1, maxStaleness=2, rounds=9).start(2)
    sandbox.play_round(1)
    assert sandbox.look("getLocalWeight", 1)["nextBase"] == 1
    assert sandbox.submit(1, base=1)["base"] == 1


def test_a_rejected_update_leaves_its_base_usable() -> None:
    sandbox = Twin(target=1, maxStaleness=2, rounds=9).start(2)
    sandbox.submit(1)
    sandbox.reject(1)
    sandbox.play_round(2)
    assert sandbox.submit(1, base=0)["base"] == 0


def test_a_used_base_stays_used_after_later_updates_were_rejected() -> None:
    sandbox = Twin(target=1, maxStaleness=2, rounds=9).start(2)
    sandbox.play_round(1)
    sandbox.submit(1, base=1)
    sandbox.reject(1)
    with pytest.raises(RefusedError, match="BaseUsed"):
        sandbox.submit(1, base=0)


def test_a_used_base_stays_used_when_a_node_leaves_and_comes_back_with_another_key() -> None:
    sandbox = Twin(target=1, maxStaleness=2, rounds=9).start(3)
    sandbox.play_round(1)
    sandbox.act(OWNER, "removeNode", 1)
    assert sandbox.look("getLocalWeight", 1)["weights"] == digest("update 1")
    sandbox.act(OWNER, "registerNode", 1, account(8))
    sandbox.play_round(2)
    with pytest.raises(RefusedError, match="BaseUsed"):
        sandbox.submit(1, base=0)
