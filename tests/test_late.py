"""Who was late: past the deadline, from an older global, or in a later round."""

import pytest

from fl_node.late import Late, late_nodes
from fl_node.rounds import Terms
from tests.small_federation import small_federation

TERMS = Terms(quorum=2, round_seconds=1000, grace_seconds=100, max_staleness=1, rounds=3)


@pytest.fixture
def small(tmp_path):
    return small_federation(tmp_path, nodes=3, terms=TERMS)


def late(small, number):
    timeline = small.timeline()
    return late_nodes(timeline, timeline.rounds[number])


def test_nobody_is_late_before_the_deadline(small):
    small.run_round(1, 2, 3)
    assert late(small, 1) == ()


def test_an_update_that_a_round_without_quorum_took_after_the_deadline(small):
    small.send(1)
    deadline = small.timeline().rounds[1].deadline
    small.clock.seconds = deadline + 42
    small.run_round(2)
    assert late(small, 1) == (Late(2, "42 s after the deadline"),)


def test_an_update_from_an_older_global_was_late_for_the_round_before_too(small):
    small.send(1, 2)
    small.pass_seconds(1000)
    small.run_round()
    assert late(small, 1) == ()  # nothing is heard of node 3
    small.submit(3, base=0)
    small.run_round(1, 2)
    assert late(small, 1) == (Late(3, "its update came in round 2"),)
    assert late(small, 2) == (Late(3, "trained from global 0"),)


def test_the_deadline_is_counted_from_when_the_round_takes_updates(tmp_path):
    small = small_federation(tmp_path, nodes=2, terms=Terms(rounds=2, finality=1, round_seconds=50))
    small.run_round(1, 2)
    small.pass_seconds(500)
    assert small.attest(2)
    assert small.participate(1)
    opened, state = small.timeline().rounds[2], small.ledger("owner").snapshot().round
    assert opened.deadline == state.deadline(small.timeline().terms)
    assert late(small, 2) == ()
