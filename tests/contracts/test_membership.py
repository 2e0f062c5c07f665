"""Who takes part, from when, and by which key."""

import pytest

from tests.contracts.sandbox import HEADER, NOBODY, OWNER, Sandbox, account
from tests.contracts.spoken import START, RefusedError
from tests.contracts.twin import Twin

ONE, TWO, THREE = account(1), account(2), account(3)


def received(sandbox: Sandbox) -> int:
    count: int = sandbox.look("state")["received"]
    return count


def test_a_node_has_an_account_and_an_account_a_node() -> None:
    sandbox = Twin()
    event = sandbox.act(OWNER, "registerNode", 5, ONE)
    assert event.values == (5, ONE, sandbox.look("history"))
    assert sandbox.look("node", 5) == {"account": ONE, "attested": 0, "replaced": 0}
    assert sandbox.look("nodeOf", ONE) == 5
    assert sandbox.look("nodeOf", TWO) == 0
    assert sandbox.look("registered") == 1


def test_a_node_that_registers_in_mid_round_takes_part_in_the_next() -> None:
    sandbox = Twin().start(1)
    sandbox.act(OWNER, "registerNode", 2, TWO)
    assert sandbox.look("state")["members"] == 1
    assert sandbox.look("getLocalWeight", 2)["since"] == 2
    sandbox.play_round(1)
    assert sandbox.look("state")["members"] == 2
    sandbox.submit(2)


def test_a_node_that_registers_in_mid_round_takes_part_when_it_is_reopened() -> None:
    sandbox = Twin().start(1)
    sandbox.act(OWNER, "registerNode", 2, TWO)
    sandbox.act(OWNER, "reopen", 1)
    sandbox.submit(2)


def test_a_replaced_key_speaks_at_once_and_for_what_the_node_has() -> None:
    sandbox = Twin().start(2)
    sandbox.play_round(1, 2)
    before = sandbox.look("getLocalWeight", 1)
    event = sandbox.act(OWNER, "replaceNode", 1, THREE)
    assert event.values == (1, THREE, ONE, False, sandbox.look("history"))
    assert sandbox.look("getLocalWeight", 1) == before | {"attempts": 0}
    assert (sandbox.look("nodeOf", ONE), sandbox.look("nodeOf", THREE)) == (0, 1)
    assert sandbox.look("node", 1)["account"] == THREE
    assert sandbox.submit(1)["attempt"] == 1


def test_a_replaced_key_withdraws_the_update_from_the_open_round() -> None:
    sandbox = Twin().start(2)
    sandbox.submit(1)
    event = sandbox.act(OWNER, "replaceNode", 1, THREE)
    assert event["withdrew"]
    assert received(sandbox) == 0
    assert sandbox.submit(1)["attempt"] == 1


def test_a_new_key_has_all_its_attempts() -> None:
    sandbox = Twin().start(2)
    for _ in range(3):
        sandbox.submit(1)
        sandbox.reject(1)
    sandbox.act(OWNER, "replaceNode", 1, THREE)
    assert sandbox.submit(1)["attempt"] == 1


def test_a_new_key_does_not_shorten_the_wait_for_the_next_round() -> None:
    sandbox = Twin().start(1)
    sandbox.act(OWNER, "registerNode", 2, TWO)
    sandbox.act(OWNER, "replaceNode", 2, THREE)
    with pytest.raises(RefusedError, match="NotYetMember"):
        sandbox.submit(2)


def test_a_key_that_was_replaced_may_serve_another_node() -> None:
    sandbox = Twin().start(2)
    sandbox.act(OWNER, "replaceNode", 1, THREE)
    sandbox.act(OWNER, "registerNode", 3, ONE)
    assert sandbox.look("nodeOf", ONE) == 3


def test_two_nodes_exchange_their_keys() -> None:
    sandbox = Twin().start(2)
    sandbox.submit(2)
    sandbox.act(OWNER, "replaceNode", 1, THREE)
    sandbox.act(OWNER, "replaceNode", 2, ONE)
    sandbox.act(OWNER, "replaceNode", 1, TWO)
    assert sandbox.submit(1).values[1] == 1
    assert sandbox.submit(2).values[1] == 2
    assert received(sandbox) == 2


def test_a_removed_node_is_gone_and_its_account_free() -> None:
    sandbox = Twin().start(2)
    event = sandbox.act(OWNER, "removeNode", 1)
    assert event.values == (1, ONE, False, sandbox.look("history"))
    assert sandbox.look("node", 1)["account"] == NOBODY
    assert sandbox.look("nodeOf", ONE) == 0
    assert sandbox.look("registered") == 1
    sandbox.act(OWNER, "registerNode", 3, ONE)


def test_a_removal_withdraws_the_update_and_releases_a_frozen_round() -> None:
    sandbox = Twin(target=2).start(3)
    sandbox.submit(1)
    sandbox.submit(2)
    assert sandbox.act(OWNER, "removeNode", 2)["withdrew"]
    assert (received(sandbox), sandbox.look("state")["closableAt"]) == (1, 0)
    sandbox.submit(3)


def test_a_removal_leaves_closed_rounds_alone() -> None:
    sandbox = Twin().start(2)
    sandbox.play_round(1, 2)
    assert not sandbox.act(OWNER, "removeNode", 2)["withdrew"]
    assert sandbox.look("getLocalWeight", 2)["standing"]


def test_members_are_counted_when_a_round_opens() -> None:
    sandbox = Twin().start(3)
    sandbox.act(OWNER, "removeNode", 3)
    assert sandbox.look("state")["members"] == 3
    sandbox.submit(1)
    sandbox.submit(2)
    assert sandbox.look("state")["closableAt"] == 0
    sandbox.now += 100
    sandbox.close()
    assert sandbox.look("state")["members"] == 2


def test_before_the_start_every_node_may_be_removed() -> None:
    sandbox = Twin()
    sandbox.act(OWNER, "registerNode", 1, ONE)
    sandbox.act(OWNER, "removeNode", 1)
    assert sandbox.look("registered") == 0


def test_a_node_that_came_back_keeps_its_marks() -> None:
    sandbox = Twin(finality=2).start(3)
    sandbox.play_round(1, 2, 3)
    sandbox.now += 10
    sandbox.replace_global(ONE, b"x" * 32)
    sandbox.attest(1)
    sandbox.act(OWNER, "removeNode", 1)
    sandbox.act(OWNER, "registerNode", 1, account(8))
    assert sandbox.look("node", 1) == {"account": account(8), "attested": 3, "replaced": 1}
    assert sandbox.look("getLocalWeight", 1)["since"] == 4


def test_another_header_closes_from_now_on() -> None:
    sandbox = Twin().start(1)
    sandbox.submit(1)
    event = sandbox.act(OWNER, "setHeader", THREE)
    assert event.values == (THREE, HEADER, sandbox.look("history"))
    with pytest.raises(RefusedError, match="NotHeaderOrNode"):
        sandbox.close(by=HEADER)
    assert sandbox.close(by=THREE)["by"] == THREE
    assert sandbox.look("state")["openedAt"] == START
