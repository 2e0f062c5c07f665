"""A status tells of every round who is in, rejected and missing, and why."""

from dataclasses import replace

import pytest

from aggregator.close import close
from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import EthereumLedger, deploy_contract
from fl_node.federation import open_federation
from fl_node.rounds import Terms
from fl_node.status import status_of
from tests.small_federation import initial_weights, small_federation

TERMS = Terms(quorum=2, round_seconds=1000, grace_seconds=100, rounds=2)


@pytest.fixture
def federation(tmp_path):
    return small_federation(tmp_path, nodes=3, terms=TERMS)


def status(federation):
    return status_of(federation.view("stranger"))


def test_a_new_federation(federation):
    found = status(federation)
    snapshot = federation.ledger("owner").snapshot()
    assert (found.federation, found.name) == (federation.address, "small")
    assert found.chain_id == federation.chain.chain_id
    assert found.plan == federation.ledger("owner").plan()
    assert (found.open_number, found.rounds_total) == (1, 2)
    assert (found.complete, found.closable) == (False, False)
    assert found.deadline == snapshot.round.opened_at + 1000
    assert (found.latest, found.latest_number) == (initial_weights().cid(), 0)
    assert found.nodes == tuple((n, embedded_account(f"node {n}").address) for n in (1, 2, 3))
    (only,) = found.rounds
    assert (only.number, only.model, only.included, only.missing) == (1, None, (), (1, 2, 3))


def test_the_open_round_tells_who_is_in_and_who_is_missing(federation):
    federation.send(3)
    federation.send(1)
    (only,) = status(federation).rounds
    assert (only.included, only.missing) == ((1, 3), (2,))
    assert (only.accuracy, only.unreadable) == (None, None)


def test_a_round_is_closable_by_its_target_or_by_its_deadline_and_a_quorum(federation):
    federation.send(1)
    federation.pass_seconds(1000)
    assert not status(federation).closable
    federation.send(2)
    assert status(federation).closable


def test_a_closed_round_tells_its_global_its_rejections_and_its_accuracy(federation):
    for content in (b"junk", b"more junk"):
        federation.submit(2, content=content)
        close(federation.closer())
    federation.send(1, 3)
    federation.pass_seconds(1000)
    closed = close(federation.closer())
    found = status(federation)
    first, second = found.rounds
    assert first.model == closed.model.weights == found.latest
    assert (first.included, first.missing) == ((1, 3), ())
    assert first.rejected == ((2, "not-canonical"), (2, "not-canonical"))
    assert (first.accuracy, first.unreadable) == (0.5, None)
    assert (second.number, second.model) == (2, None)


def test_a_complete_federation_shows_no_round_after_the_last(federation):
    for _ in range(2):
        federation.run_round(1, 2, 3)
    found = status(federation)
    assert (found.complete, found.closable, found.open_number) == (True, False, 3)
    assert [each.number for each in found.rounds] == [1, 2]


def test_without_an_accuracy_there_is_none(federation):
    federation.send(1, 2, 3)
    close(replace(federation.closer(), evaluate=lambda _: {"loss": 1.0}))
    assert (status(federation).rounds[0].accuracy, status(federation).rounds[0].unreadable) == (
        None,
        None,
    )


def test_a_report_that_is_gone_or_none_says_why_and_stops_nothing(federation):
    closed = federation.run_round(1, 2, 3)
    place = federation.place(closed.model.report)
    place.unlink()
    first = status(federation).rounds[0]
    assert first.accuracy is None
    assert str(closed.model.report) in first.unreadable
    assert first.included == (1, 2, 3)


@pytest.mark.parametrize(
    ("report", "why"), [(b"junk", "no report"), (None, "closed without a report")]
)
def test_a_hostile_report_says_why_and_stops_nothing(federation, report, why):
    federation.send(1, 2, 3)
    header, cid = federation.ledger("header"), report and federation.store.put([report])
    header.set_global_weight(1, initial_weights().cid(), cid, header.snapshot().history)
    first = status(federation).rounds[0]
    assert (first.accuracy, first.model) == (None, initial_weights().cid())
    assert why in first.unreadable
    assert "\n" not in first.unreadable


def test_before_global_0_there_is_no_round(federation):
    owner, plan = embedded_account("owner"), federation.ledger("owner").plan()
    initial = initial_weights().cid()
    address = deploy_contract(federation.chain, owner, plan, initial, owner.address, TERMS)
    view = open_federation(EthereumLedger(federation.chain, address), federation.store)
    found = status_of(view)
    assert (found.open_number, found.rounds, found.nodes) == (0, (), ())
    assert (found.complete, found.closable) == (False, False)
    assert found.latest == initial


def test_reading_a_status_changes_nothing(federation):
    before = federation.chain.web3.eth.block_number
    status(federation)
    assert federation.chain.web3.eth.block_number == before


def test_equal_updates_of_two_nodes_show(federation):
    for node in (1, 3):
        federation.submit(node)  # the base's own tensors
    federation.send(2)
    close(federation.closer())
    assert status(federation).rounds[0].duplicates == ((1, 3),)
