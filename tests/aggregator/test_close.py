"""The header's step: what is due is averaged and reported, and nothing else is done."""

from dataclasses import replace

import numpy as np
import pytest

from aggregator.close import AllClosed, Closed, Closer, NotDue, close
from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import EthereumLedger, deploy_contract
from fl_node.federation import open_federation
from fl_node.report import Report
from tests.aggregator.by_hand import TERMS, by_hand, floats
from tests.small_federation import (
    INITIAL,
    SAMPLES,
    evaluated,
    initial_weights,
    small_federation,
)


@pytest.fixture
def federation(tmp_path):
    return small_federation(tmp_path, nodes=3, terms=TERMS)


def test_a_global_is_the_average_of_the_updates_by_their_samples(federation):
    closed = federation.run_round(1, 2, 3)
    found = floats(federation, closed.model.weights)
    for name, expected in by_hand(federation, (1, 2, 3)).items():
        np.testing.assert_array_equal(found[name], expected)
    np.testing.assert_array_equal(found["table/size"], INITIAL["table/size"])


def test_where_the_plan_says_equal_samples_do_not_count(tmp_path):
    federation = small_federation(tmp_path, weighting="equal")
    closed = federation.run_round(1, 2)
    updates = federation.timeline().rounds[1].updates.values()
    one, other = (floats(federation, update.weights)["dense/kernel"] for update in updates)
    mean = ((one.astype(np.float64) + other) / 2).astype(np.float32)
    np.testing.assert_array_equal(floats(federation, closed.model.weights)["dense/kernel"], mean)
    assert [each.counted for each in closed.report.recomputable.admitted] == [1, 1]
    assert [each.samples for each in closed.report.recomputable.admitted] == [100, 300]


def test_the_chain_the_store_and_the_outcome_tell_the_same(federation):
    closed = federation.run_round(1, 2, 3)
    assert federation.ledger("owner").snapshot().latest == closed.model
    assert Report.decode(federation.view("owner").small(closed.model.report)) == closed.report
    assert closed.report.cid == closed.model.report
    assert closed.report.recomputable.weights == closed.model.weights
    assert closed.rejected == ()


def test_a_report_tells_what_anyone_can_recompute(federation):
    closed = federation.run_round(1, 2, 3)
    told, updates = closed.report.recomputable, federation.timeline().rounds[1].updates
    assert (told.round, told.base, told.base_weights) == (1, 0, initial_weights().cid())
    assert (told.strategy, told.state) == ("fedavg", None)
    assert (told.rejected, told.missing, told.duplicates) == ((), (), ())
    assert [(each.node, each.weights, each.samples, each.counted) for each in told.admitted] == [
        (node, updates[node].weights, SAMPLES[node], SAMPLES[node]) for node in (1, 2, 3)
    ]


def test_a_report_tells_what_the_closer_saw(federation):
    observed = federation.run_round(1, 2, 3).report.observed
    assert observed.closer == embedded_account("header").address
    assert observed.metrics == {"accuracy": 0.5, "loss": None}
    assert observed.local_metrics == {node: {"loss": 1 / (node + 1)} for node in (1, 2, 3)}
    assert set(observed.seconds) == {"aggregation", "evaluation"}
    assert {"flnode", "numpy", "tensorflow", "web3", "python"} <= set(observed.versions)


def test_a_global_file_says_no_more_than_that_it_is_one(federation):
    closed = federation.run_round(1, 2, 3)
    stored = federation.view("owner").weights(closed.model.weights)
    assert dict(stored.metadata) == {"format": 1, "kind": "global"}


def test_the_same_updates_give_the_same_global_in_another_federation_and_whoever_closes(tmp_path):
    one = small_federation(tmp_path, nodes=3, terms=TERMS)
    other, third = _another(one), _another(one)
    for nodes, each in (((1, 2, 3), one), ((3, 1, 2), other), ((2, 3, 1), third)):
        each.send(*nodes)
    one.pass_seconds(TERMS.grace_seconds)
    closers = [one.closer(), other.closer("node 3"), third.closer("node 1")]
    outcomes = [close(closer) for closer in closers]
    assert len({one.address, other.address, third.address}) == 3
    assert len({each.model.weights for each in outcomes}) == 1
    assert len({each.report.observed.closer for each in outcomes}) == 3
    same = replace(outcomes[0].report.recomputable, admitted=())  # their files name the federation
    assert all(replace(each.report.recomputable, admitted=()) == same for each in outcomes)


def _another(federation):
    """Another contract on the same chain and store."""
    owner, initial = embedded_account("owner"), initial_weights().cid()
    header = embedded_account("header").address
    plan = federation.ledger("owner").plan()
    address = deploy_contract(federation.chain, owner, plan, initial, header, TERMS)
    ledger = EthereumLedger(federation.chain, address, owner)
    for node in (1, 2, 3):
        ledger.register_node(node, embedded_account(f"node {node}").address)
    ledger.set_global_weight(0, initial, None, ledger.snapshot().history)
    return replace(federation, address=address, views={})


def test_whoever_closes_reports_the_same_recomputable_part(tmp_path):
    parts = []
    for role in ("header", "node 1", "node 3"):
        federation = small_federation(tmp_path / role, nodes=3, terms=TERMS)
        federation.send(1, 3)
        federation.submit(2, samples=0)
        federation.pass_seconds(2000)
        parts.append(close(federation.closer(role)).report.recomputable)
    assert parts[0] == parts[1] == parts[2]
    assert [each.node for each in parts[0].rejected] == [2]


def test_rounds_follow_each_other_until_the_last(federation):
    globals_ = [federation.run_round(1, 2, 3).model for _ in range(TERMS.rounds)]
    assert [each.number for each in globals_] == [1, 2, 3]
    assert len({each.weights for each in globals_}) == 3
    assert close(federation.closer()) == AllClosed(3)
    assert close(federation.closer("stranger")) == AllClosed(3)


def test_before_global_0_nothing_is_due(federation):
    owner, plan = embedded_account("owner"), federation.ledger("owner").plan()
    initial = initial_weights().cid()
    address = deploy_contract(federation.chain, owner, plan, initial, owner.address, TERMS)
    ledger = EthereumLedger(federation.chain, address, owner)
    for node in (2, 1):
        ledger.register_node(node, embedded_account(f"node {node}").address)
    view = open_federation(ledger, federation.store)
    assert close(Closer(view, evaluated)) == NotDue(0, 0, (1, 2), 0, ())


def test_a_round_without_its_target_waits_for_named_nodes_until_a_deadline(federation):
    federation.send(2)
    opened = federation.ledger("owner").snapshot().round.opened_at
    assert close(federation.closer()) == NotDue(1, 1, (1, 3), opened + 1000, ())


def test_a_deadline_without_a_quorum_closes_nothing(federation):
    federation.send(2)
    federation.pass_seconds(5000)
    assert isinstance(close(federation.closer()), NotDue)
    federation.send(1)
    assert isinstance(close(federation.closer()), Closed)


def test_at_the_deadline_a_quorum_is_enough_and_the_missing_are_named(federation):
    opened = federation.ledger("owner").snapshot().round.opened_at
    federation.send(1)
    federation.send(3)
    federation.chain.set_time(opened + TERMS.round_seconds - 1)
    assert isinstance(close(federation.closer()), NotDue)
    federation.chain.set_time(opened + TERMS.round_seconds)
    closed = close(federation.closer())
    assert closed.report.recomputable.missing == (2,)
    assert [each.node for each in closed.report.recomputable.admitted] == [1, 3]
    found = floats(federation, closed.model.weights)
    for name, expected in by_hand(federation, (1, 3)).items():
        np.testing.assert_array_equal(found[name], expected)


def test_within_the_grace_it_is_on_the_header(federation):
    federation.send(1, 2, 3)
    since = federation.ledger("owner").snapshot().round.closable_at
    federation.chain.set_time(since + TERMS.grace_seconds - 1)
    assert isinstance(close(federation.closer("node 1")), NotDue)
    federation.chain.set_time(since + TERMS.grace_seconds)
    closed = close(federation.closer("node 1"))
    assert closed.report.observed.closer == embedded_account("node 1").address


def test_after_a_deadline_the_grace_runs_from_it(federation):
    opened = federation.ledger("owner").snapshot().round.opened_at
    federation.send(1, 2)
    grace_ends = opened + TERMS.round_seconds + TERMS.grace_seconds
    federation.chain.set_time(grace_ends - 1)
    assert isinstance(close(federation.closer("node 3")), NotDue)
    federation.chain.set_time(grace_ends)
    assert isinstance(close(federation.closer("node 3")), Closed)


@pytest.mark.parametrize("role", ["stranger", "owner"])
def test_who_is_neither_header_nor_node_never_acts(federation, role):
    federation.send(1, 2)
    federation.submit(3, samples=0)
    federation.pass_seconds(99_999)
    before = federation.ledger("owner").snapshot().history
    assert isinstance(close(federation.closer(role)), NotDue)
    assert federation.ledger("owner").snapshot().history == before


def test_who_only_reads_never_acts(federation):
    federation.send(1, 2, 3)
    federation.pass_seconds(99_999)
    reading = EthereumLedger(federation.chain, federation.address)
    view = open_federation(reading, federation.store)
    assert isinstance(close(Closer(view, evaluated)), NotDue)


def test_within_the_grace_a_node_rejects_nothing(federation):
    federation.send(1, 2)
    federation.submit(3, samples=0)
    assert close(federation.closer("node 1")).rejected == ()
    assert len(federation.timeline().rounds[1].updates) == 3
