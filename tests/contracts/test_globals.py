"""Rounds are closed, globals attested, replaced and final."""

from tests.contracts.sandbox import HEADER, OWNER, account, digest
from tests.contracts.spoken import START
from tests.contracts.twin import Twin

ONE, TWO, THREE = account(1), account(2), account(3)
X = digest("x")


def test_a_close_puts_the_global_and_opens_the_next_round() -> None:
    sandbox = Twin().start(2)
    sandbox.submit(1)
    sandbox.submit(2)
    sandbox.now += 3
    event = sandbox.close(weights=X)
    assert event.values == (1, X, digest("report"), HEADER, sandbox.look("history"))
    assert sandbox.look("getGlobalWeight") == (1, X, digest("report"))
    assert sandbox.look("state") == {
        "number": 2,
        "opening": 2,
        "members": 2,
        "received": 0,
        "attested": 0,
        "openedAt": START + 3,
        "closableAt": 0,
        "finalized": True,
        "termsPending": False,
    }


def test_the_header_closes_at_the_deadline_with_a_quorum() -> None:
    sandbox = Twin().start(2)
    sandbox.submit(1)
    sandbox.now += 100
    assert sandbox.close()["by"] == HEADER


def test_a_node_closes_when_the_grace_after_the_target_ends() -> None:
    sandbox = Twin().start(2)
    sandbox.submit(1)
    sandbox.now += 50
    sandbox.submit(2)
    sandbox.now += 10
    assert sandbox.close(by=TWO)["by"] == TWO


def test_a_node_closes_when_the_grace_after_the_deadline_ends() -> None:
    sandbox = Twin().start(2)
    sandbox.submit(1)
    sandbox.now += 110
    assert sandbox.close(by=TWO)["by"] == TWO


def test_without_grace_a_node_closes_at_once() -> None:
    sandbox = Twin(graceSeconds=0).start(1)
    sandbox.submit(1)
    assert sandbox.close(by=ONE)["by"] == ONE


def test_a_node_that_registered_in_mid_round_may_close_it() -> None:
    sandbox = Twin(graceSeconds=0).start(1)
    sandbox.act(OWNER, "registerNode", 2, TWO)
    sandbox.submit(1)
    assert sandbox.close(by=TWO)["by"] == TWO


def test_each_close_counts_an_opening_and_keeps_two_globals_apart() -> None:
    sandbox = Twin(rounds=9).start(1)
    for number in range(1, 6):
        sandbox.play_round(1)
        assert sandbox.look("state")["opening"] == number + 1
        assert sandbox.look("getGlobalWeight")[:2] == (number, digest(f"global {number}"))


def test_the_last_close_completes_the_federation() -> None:
    sandbox = Twin(rounds=1).start(1)
    sandbox.play_round(1)
    assert sandbox.look("state")["number"] == 2
    assert sandbox.look("getGlobalWeight")[0] == 1


def test_an_attestation_agrees_or_is_a_public_dispute_and_leaves_the_history_alone() -> None:
    sandbox = Twin().start(2)
    sandbox.play_round(1, 2)
    before = sandbox.look("history")
    assert sandbox.attest(1).values == (1, 1, digest("global 1"), True, before)
    assert sandbox.attest(2, weights=X).values == (1, 2, X, False, before)
    assert sandbox.look("history") == before
    assert sandbox.look("state")["attested"] == 1


def test_attestations_count_beyond_finality_and_without_it() -> None:
    sandbox = Twin(finality=1).start(2)
    sandbox.play_round(1, 2)
    sandbox.attest(1)
    sandbox.attest(2)
    assert sandbox.look("state")["attested"] == 2


def test_finality_starts_the_clock_of_the_round_and_lets_updates_in() -> None:
    sandbox = Twin(finality=2).start(2)
    sandbox.play_round(1, 2)
    sandbox.now += 40
    sandbox.attest(1)
    assert sandbox.look("state")["openedAt"] == START
    assert not sandbox.look("state")["finalized"]
    sandbox.now += 40
    sandbox.attest(2)
    assert sandbox.look("state")["openedAt"] == START + 80
    assert sandbox.look("state")["finalized"]
    sandbox.submit(1)


def test_an_attestation_after_finality_does_not_start_the_clock_again() -> None:
    sandbox = Twin(finality=1).start(2)
    sandbox.play_round(1, 2)
    sandbox.attest(1)
    sandbox.now += 40
    sandbox.attest(2)
    assert sandbox.look("state")["openedAt"] == START


def test_a_dispute_does_not_make_a_global_final() -> None:
    sandbox = Twin(finality=1).start(2)
    sandbox.play_round(1, 2)
    sandbox.attest(1, weights=X)
    assert not sandbox.look("state")["finalized"]


def test_a_node_attests_again_after_the_next_close() -> None:
    sandbox = Twin(finality=1).start(1)
    sandbox.play_round(1)
    sandbox.attest(1)
    sandbox.play_round(1)
    assert sandbox.attest(1)["round"] == 2


def test_a_global_that_is_not_attested_is_replaced_after_the_grace() -> None:
    sandbox = Twin(finality=2).start(3)
    sandbox.play_round(1, 2, 3)
    sandbox.attest(1)
    sandbox.now += 10
    event = sandbox.replace_global(TWO, X)
    assert event.values == (1, X, digest("report"), TWO, sandbox.look("history"))
    assert sandbox.look("getGlobalWeight")[:2] == (1, X)
    state = sandbox.look("state")
    assert (state["number"], state["opening"], state["attested"]) == (2, 3, 0)
    assert (state["openedAt"], state["finalized"]) == (START + 10, False)
    assert sandbox.look("node", 2)["replaced"] == 1


def test_attestations_start_anew_for_a_replacement() -> None:
    sandbox = Twin(finality=2).start(3)
    sandbox.play_round(1, 2, 3)
    sandbox.attest(1)
    sandbox.now += 10
    sandbox.replace_global(TWO, X)
    sandbox.attest(1)
    sandbox.attest(2)
    assert sandbox.look("state")["finalized"]


def test_each_node_may_replace_and_each_replacement_has_its_grace() -> None:
    sandbox = Twin(finality=2).start(3)
    sandbox.play_round(1, 2, 3)
    for node, weights in ((1, X), (2, digest("y")), (3, digest("global 1"))):
        sandbox.now += 10
        assert sandbox.replace_global(account(node), weights)["weights"] == weights


def test_a_node_replaces_again_in_another_round() -> None:
    sandbox = Twin(finality=1).start(1)
    for number in (1, 2):
        sandbox.play_round(1)
        sandbox.now += 10
        assert sandbox.replace_global(ONE, X)["round"] == number
        sandbox.attest(1)


def test_the_last_global_is_replaced_too() -> None:
    sandbox = Twin(finality=1, rounds=1).start(1)
    sandbox.play_round(1)
    sandbox.now += 10
    assert sandbox.replace_global(ONE, X)["round"] == 1


def test_a_header_that_is_a_node_replaces_as_a_node() -> None:
    sandbox = Twin(finality=1).start(1)
    sandbox.act(OWNER, "registerNode", 2, HEADER)
    sandbox.play_round(1)
    sandbox.now += 10
    assert sandbox.replace_global(HEADER, X)["by"] == HEADER
