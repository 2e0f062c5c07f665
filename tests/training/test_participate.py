"""The trainer's step: what is due, once, whatever happened before and meanwhile."""

from dataclasses import replace

import numpy as np
import pytest

from aggregator.close import Closed, close
from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import EthereumLedger, deploy_contract
from fl_node.cid import Cid
from fl_node.errors import LedgerError, RevertedError
from fl_node.federation import open_federation
from fl_node.rounds import Reason, Terms, Update, update_metadata
from fl_node.training.participate import Complete, Prepared, Submitted, Waiting, participate
from fl_node.weights import Weights
from tests.small_federation import (
    SAMPLES,
    SmallTrainer,
    happens_before,
    initial_weights,
    silent,
    small_federation,
)

ASYNCHRONOUS = Terms(target=1, max_staleness=1, rounds=3)


@pytest.fixture
def federation(tmp_path):
    return small_federation(tmp_path)


def standing(federation, node):
    return federation.ledger("owner").local_weight(node)


def reject(federation, node, reason):
    update = standing(federation, node)
    federation.ledger("header").reject_local_weight(node, update.round, update.weights, reason)


def test_a_node_trains_from_the_latest_global_and_records_what_it_stored(federation):
    federation.run_round(1, 2)
    outcome = federation.participate(2)
    assert outcome == Submitted(standing(federation, 2), twin=False)
    update, latest = outcome.update, federation.ledger("owner").snapshot().latest
    assert (update.round, update.base, update.samples) == (2, 1, SAMPLES[2])
    stored = Weights.read(federation.place(update.weights))
    ledger = federation.ledger("node 2")
    assert stored.metadata == update_metadata(
        ledger.chain_id, ledger.federation, 2, latest, 2, SAMPLES[2], {"loss": 1 / 4}
    )
    trained = SmallTrainer().train(
        federation.view("owner").weights(latest.weights), node=2, round_=2, base_number=1
    )
    assert stored.same_tensors(trained.weights)


def test_a_node_whose_update_is_in_waits_for_the_others(federation):
    federation.participate(1)
    assert federation.participate(1) == Waiting(1, "1 of 2 updates are in")
    assert federation.trainer.trained == [(1, 1)]


def test_a_metric_that_is_not_finite_is_stored_as_none(federation):
    class Diverging(SmallTrainer):
        def train(self, base, **arguments):
            trained = super().train(base, **arguments)
            return replace(trained, metrics={"loss": float("inf"), "accuracy": float("nan")})

    federation.trainer = Diverging()
    update = federation.participate(1).update
    stored = Weights.read(federation.place(update.weights))
    assert stored.metadata["metrics"] == {"loss": None, "accuracy": None}
    federation.participate(2)
    assert isinstance(close(federation.closer()), Closed)


def test_a_node_that_nobody_registered_is_told_its_account(federation):
    account = embedded_account("node 3").address
    with pytest.raises(
        LedgerError, match=f"node 3 is not registered: ask the owner to register {account}"
    ):
        federation.participate(3)
    assert federation.trainer.trained == []


def test_another_accounts_node_is_refused_and_both_are_named(federation):
    participant = federation.participant(1, federation.ledger("node 2"))
    mine, theirs = (embedded_account(f"node {node}").address for node in (2, 1))
    with pytest.raises(LedgerError, match=f"node 1 belongs to account {theirs}, .* as {mine}"):
        participate(participant, silent)
    assert federation.trainer.trained == []


def test_a_node_whose_key_was_replaced_is_told_so_and_the_new_key_goes_on(federation):
    federation.participate(1)
    federation.ledger("owner").replace_node(1, embedded_account("node 5").address)
    with pytest.raises(LedgerError, match="check the node's number and keystore"):
        federation.participate(1)
    outcome = participate(federation.participant(1, federation.ledger("node 5")), silent)
    assert isinstance(outcome, Submitted)


def test_before_global_0_there_is_nothing_to_do(federation):
    owner, plan = embedded_account("owner"), federation.ledger("owner").plan()
    header, initial = embedded_account("header").address, initial_weights().cid()
    address = deploy_contract(federation.chain, owner, plan, initial, header, Terms())
    node = embedded_account("node 1")
    EthereumLedger(federation.chain, address, owner).register_node(1, node.address)
    participant = federation.participant(1, EthereumLedger(federation.chain, address, node))
    assert participate(participant, silent) == Waiting(0, "the owner has not put global 0 yet")


def test_a_node_registered_in_mid_round_takes_part_from_the_next(federation):
    federation.ledger("owner").register_node(3, embedded_account("node 3").address)
    assert federation.participate(3) == Waiting(1, "node 3 counts from the next round")
    federation.run_round(1, 2)
    assert federation.run_round(1, 2, 3).model.number == 2
    assert (3, 1) not in federation.trainer.trained


def test_a_global_that_is_not_final_is_not_trained_from(tmp_path):
    federation = small_federation(tmp_path, terms=Terms(finality=1, rounds=3))
    federation.run_round(1, 2)
    assert federation.participate(1) == Waiting(2, "global 1 lacks attestations")
    assert federation.trainer.trained == [(1, 1), (2, 1)]
    assert federation.attest(2)
    assert isinstance(federation.participate(1), Submitted)


def test_a_full_round_is_not_trained_for(tmp_path):
    federation = small_federation(tmp_path, terms=ASYNCHRONOUS)
    federation.participate(1)
    assert federation.participate(2) == Waiting(1, "the round is full and waits to be closed")
    assert federation.trainer.trained == [(1, 1)]


def test_a_round_that_is_closable_by_its_deadline_is_full(tmp_path):
    federation = small_federation(tmp_path)
    federation.participate(1)
    federation.pass_seconds(3600)
    assert federation.participate(2) == Waiting(1, "the round is full and waits to be closed")


def test_after_the_deadline_a_round_without_its_quorum_still_takes_updates(federation):
    federation.pass_seconds(4000)
    assert isinstance(federation.participate(2), Submitted)


def test_after_the_last_round_a_node_is_done(tmp_path):
    federation = small_federation(tmp_path, terms=Terms(rounds=1))
    federation.run_round(1, 2)
    assert federation.participate(1) == Complete(1)
    federation.ledger("owner").extend(2)
    assert isinstance(federation.participate(1), Submitted)


def test_what_was_unavailable_is_sent_again_up_to_three_times(federation):
    sent = []
    for attempt in (1, 2, 3):
        outcome = federation.participate(1)
        assert standing(federation, 1).attempt == attempt
        sent.append(outcome.update.weights)
        reject(federation, 1, Reason.UNAVAILABLE)
    assert len(set(sent)) == 1
    outcome = federation.participate(1)
    assert outcome == Waiting(
        1,
        "the update was rejected as unavailable: node 1 sits this round out; look at its data and "
        "settings",
    )
    assert len(federation.trainer.trained) == 3


def test_what_was_unavailable_counts_once_it_can_be_had(federation):
    update = federation.participate(1).update
    federation.place(update.weights).unlink()
    federation.participate(2)
    close(federation.closer())
    assert standing(federation, 1) is None
    again = federation.participate(1)
    assert again.update.weights == update.weights
    closed = close(federation.closer())
    assert [each.node for each in closed.report.recomputable.admitted] == [1, 2]


@pytest.mark.parametrize("reason", sorted(set(Reason) - {Reason.UNAVAILABLE}))
def test_a_node_sits_out_when_sending_again_cannot_help_and_says_so(federation, reason):
    federation.participate(1)
    reject(federation, 1, reason)
    outcome = federation.participate(1)
    assert isinstance(outcome, Waiting)
    assert f"was rejected as {reason.label}: node 1 sits this round out" in outcome.reason
    assert federation.trainer.trained == [(1, 1)]


def test_a_node_that_sat_out_takes_part_in_the_next_round(federation):
    federation.participate(1)
    reject(federation, 1, Reason.NOT_FINITE)
    federation.participate(2)
    federation.pass_seconds(3600)
    close(federation.closer())
    assert isinstance(federation.participate(1), Submitted)


def test_a_reopened_round_gets_the_same_update_again(federation):
    first = federation.participate(1)
    reject(federation, 1, Reason.NOT_FINITE)
    federation.ledger("owner").reopen(1)
    assert federation.participate(1).update == first.update


def full_before_it_is_sent(federation, node=2):
    """Let node 1 take the round's only place while another trains."""
    ledger = federation.own_ledger(f"node {node}")
    happens_before(ledger, "set_local_weight", lambda: federation.participate(1))
    return participate(federation.participant(node, ledger), silent)


def test_an_update_that_came_too_late_is_kept_for_the_next_round(tmp_path):
    federation = small_federation(tmp_path, terms=ASYNCHRONOUS)
    outcome = full_before_it_is_sent(federation)
    assert isinstance(outcome, Waiting)
    assert "RoundFull" in outcome.reason
    kept = outcome.prepared
    assert (kept.base, kept.samples) == (0, SAMPLES[2])
    assert federation.participate(2, kept).prepared is kept  # still full
    close(federation.closer())
    trained = list(federation.trainer.trained)
    sent = federation.participate(2, kept)
    assert sent.update == Update(2, 2, 0, kept.weights, SAMPLES[2])
    assert federation.trainer.trained == trained
    closed = close(federation.closer())
    assert [(each.node, each.base) for each in closed.report.recomputable.admitted] == [(2, 0)]


def test_an_update_whose_base_is_too_old_is_trained_anew(tmp_path):
    federation = small_federation(tmp_path, terms=replace(ASYNCHRONOUS, max_staleness=0))
    kept = full_before_it_is_sent(federation).prepared
    close(federation.closer())
    sent = federation.participate(2, kept)
    assert (sent.update.base, sent.update.round) == (1, 2)
    assert sent.update.weights != kept.weights
    assert federation.trainer.trained == [(2, 1), (1, 1), (2, 2)]


@pytest.mark.parametrize("base", [0, 2])
def test_an_update_from_a_used_up_or_unknown_base_is_trained_anew(tmp_path, base):
    federation = small_federation(tmp_path, terms=ASYNCHRONOUS)
    federation.run_round(1)
    sent = federation.participate(1, Prepared(base, Cid(b"x" * 32), 1))
    assert (sent.update.base, sent.update.samples) == (1, SAMPLES[1])


def test_a_round_that_was_closed_meanwhile_is_not_an_error(tmp_path):
    federation = small_federation(tmp_path, terms=replace(ASYNCHRONOUS, rounds=2))

    def others() -> None:
        federation.run_round(1)

    for number in (1, 2):
        ledger = federation.own_ledger("node 2")
        happens_before(ledger, "set_local_weight", others)
        outcome = participate(federation.participant(2, ledger), silent)
        assert isinstance(outcome, Waiting)
        assert outcome.round == number
        assert "the round moved on" in outcome.reason
        assert outcome.prepared.base == number - 1
    assert federation.participate(2) == Complete(2)


def test_the_update_of_a_twin_is_adopted_and_said_to_be_one(federation):
    ledger, twins = federation.own_ledger("node 1"), Update(1, 1, 0, Cid(b"t" * 32), 7)
    happens_before(
        ledger, "set_local_weight", lambda: federation.ledger("node 1").set_local_weight(twins)
    )
    assert participate(federation.participant(1, ledger), silent) == Submitted(twins, twin=True)
    assert federation.participate(1) == Waiting(1, "1 of 2 updates are in")


def test_a_twin_with_the_same_bytes_is_no_twin(federation):
    ledger = federation.own_ledger("node 1")
    happens_before(ledger, "set_local_weight", lambda: federation.participate(1))
    outcome = participate(federation.participant(1, ledger), silent)
    assert outcome == Submitted(standing(federation, 1), twin=False)


def test_a_node_removed_while_it_trained_is_told_by_the_contract(federation):
    federation.ledger("owner").register_node(3, embedded_account("node 3").address)
    ledger = federation.own_ledger("node 1")
    happens_before(ledger, "set_local_weight", lambda: federation.ledger("owner").remove_node(1))
    with pytest.raises(RevertedError, match="NotAccountOfNode"):
        participate(federation.participant(1, ledger), silent)


def test_progress_is_passed_on_to_whoever_watches(federation):
    class Telling(SmallTrainer):
        def train(self, base, *, progress, **arguments):
            progress("half")
            return super().train(base, **arguments)

    federation.trainer, told = Telling(), []
    participate(federation.participant(1), told.append)
    assert told == ["half"]


def test_what_a_node_is_given_to_open_is_only_the_address(federation):
    view = open_federation(federation.ledger("node 1"), federation.store)
    assert view.plan.name == "small"
    assert view.initial.same_tensors(initial_weights())
    assert all(tensor.dtype in (np.float32, np.int64) for tensor in view.initial.tensors.values())
