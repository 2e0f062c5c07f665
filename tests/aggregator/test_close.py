"""The header's step: what is admissible is averaged, the rest is named, nothing is half done."""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest

from aggregator.close import AllClosed, Closed, Closer, NotDue, close
from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import EthereumLedger, deploy_contract
from fl_node.cid import Cid
from fl_node.errors import LedgerError, RevertedError, StoreError
from fl_node.federation import open_federation
from fl_node.report import Report
from fl_node.rounds import Reason, Terms
from fl_node.status import status_of
from fl_node.training.participate import Submitted
from fl_node.weights import Weights
from tests.small_federation import (
    INITIAL,
    SAMPLES,
    evaluated,
    happens_before,
    initial_weights,
    small_federation,
)

TERMS = Terms(quorum=2, round_seconds=1000, grace_seconds=100, rounds=3)


@pytest.fixture
def federation(tmp_path):
    return small_federation(tmp_path, nodes=3, terms=TERMS)


def floats(federation, cid):
    return federation.view("owner").weights(cid).tensors


def by_hand(federation, nodes):
    """FedAvg of the first round as the paper has it, in exact fractions rounded once."""
    updates = federation.timeline().rounds[1].updates
    total = sum(SAMPLES[node] for node in nodes)
    averages = {}
    for name in ("dense/bias", "dense/kernel"):
        files = {node: floats(federation, updates[node].weights)[name] for node in nodes}
        sums = [
            sum(Fraction(float(files[node].flat[i])) * SAMPLES[node] for node in nodes)
            for i in range(INITIAL[name].size)
        ]
        values = [float(each / total) for each in sums]
        averages[name] = np.array(values, np.float32).reshape(INITIAL[name].shape)
    return averages


# What is closed.


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


# What is not due.


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


# Bad updates.


def kernel(change):
    tensors = dict(INITIAL)
    tensors["dense/kernel"] = change(INITIAL["dense/kernel"].copy())
    return tensors


def one_value(value):
    def change(tensor):
        tensor[1, 0] = value
        return tensor

    return {"tensors": kernel(change)}


def renamed():
    tensors = dict(INITIAL)
    tensors["dense/other"] = tensors.pop("dense/bias")
    return {"tensors": tensors}


def integer_changed():
    return {"tensors": INITIAL | {"table/size": np.array([7, 8], np.int64)}}


def not_canonical():
    content = Weights(INITIAL, {"round": 1}).encode()
    return {"content": content.replace(b'"shape":[2]', b'"shape": [2]')}


# How an update of node 2 is spoilt, and why it must be refused.
SPOILT = {
    "no safetensors": ({"content": b"not a weights file"}, Reason.NOT_CANONICAL),
    "nothing": ({"content": b""}, Reason.NOT_CANONICAL),
    "a cut off file": (
        {"content": Weights(INITIAL, {}).encode()[:-1]},
        Reason.NOT_CANONICAL,
    ),
    "another form": (not_canonical(), Reason.NOT_CANONICAL),
    "too large": ({"content": bytes(200_000)}, Reason.TOO_LARGE),
    "other samples than said": ({"said": {"samples": 299}}, Reason.RECORD_MISMATCH),
    "another base than said": ({"said": {"base": 1}}, Reason.RECORD_MISMATCH),
    "another base's file": (
        {"said": {"base_weights": str(Cid(b"x" * 32))}},
        Reason.RECORD_MISMATCH,
    ),
    "another node": ({"said": {"node": 1}}, Reason.RECORD_MISMATCH),
    "another federation": ({"said": {"federation": "0x" + "1" * 40}}, Reason.RECORD_MISMATCH),
    "another chain": ({"said": {"chain_id": 1}}, Reason.RECORD_MISMATCH),
    "a later round": ({"said": {"round": 2}}, Reason.RECORD_MISMATCH),
    "another envelope": ({"said": {"envelope": "secret/1"}}, Reason.RECORD_MISMATCH),
    "another format": ({"said": {"format": 2}}, Reason.RECORD_MISMATCH),
    "a key too many": ({"said": {"more": 1}}, Reason.RECORD_MISMATCH),
    "metrics that are none": ({"said": {"metrics": "good"}}, Reason.RECORD_MISMATCH),
    "other names": (renamed(), Reason.WRONG_STRUCTURE),
    "another shape": ({"tensors": kernel(np.transpose)}, Reason.WRONG_STRUCTURE),
    "another dtype": (
        {"tensors": kernel(lambda tensor: tensor.astype(np.int32))},
        Reason.WRONG_STRUCTURE,
    ),
    "a tensor too few": (
        {"tensors": {"dense/bias": INITIAL["dense/bias"]}},
        Reason.WRONG_STRUCTURE,
    ),
    "another integer": (integer_changed(), Reason.INTEGER_CHANGED),
    "not a number": (one_value(np.nan), Reason.NOT_FINITE),
    "infinity": (one_value(-np.inf), Reason.NOT_FINITE),
    "no samples": ({"samples": 0}, Reason.BAD_SAMPLES),
    "too many samples": ({"samples": 1001}, Reason.BAD_SAMPLES),
    "too far from the base": (one_value(99.0), Reason.NORM_EXCEEDED),
}


@pytest.fixture(scope="module")
def bounded(tmp_path_factory):
    """A federation with a bound on everything; its round is reopened after every test."""
    return small_federation(
        tmp_path_factory.mktemp("bounded"),
        nodes=3,
        terms=TERMS,
        max_samples=1000,
        max_delta_norm="50",
    )


@pytest.fixture
def reopened(bounded):
    yield bounded
    bounded.ledger("owner").reopen(bounded.timeline().open_number)


@pytest.mark.parametrize(("spoilt", "reason"), SPOILT.values(), ids=SPOILT)
def test_a_bad_update_is_rejected_by_name_on_the_chain(reopened, spoilt, reason):
    update = reopened.submit(2, **spoilt)
    outcome = close(reopened.closer())
    (rejected,) = outcome.rejected
    assert (rejected.update, rejected.refusal.reason) == (update, reason)
    assert "\n" not in rejected.refusal.found
    (told,) = reopened.timeline().open_round.rejections
    assert (told.update, told.reason) == (update, reason)
    assert told.by == embedded_account("header").address
    assert reopened.ledger("owner").local_weight(2) is None
    assert status_of(reopened.view("owner")).rounds[-1].rejected == ((2, reason.label),)


def test_every_reason_is_in_the_tables_of_these_tests():
    elsewhere = {Reason.UNAVAILABLE, Reason.DIGEST_MISMATCH}
    assert {reason for _, reason in SPOILT.values()} | elsewhere == set(Reason)


def damage(path):
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(damage, Reason.DIGEST_MISMATCH), (lambda path: path.unlink(), Reason.UNAVAILABLE)],
)
def test_bytes_that_are_others_or_missing_are_rejected_and_the_round_goes_on(
    federation, spoil, reason
):
    federation.send(1, 2, 3)
    spoil(federation.place(federation.timeline().rounds[1].updates[2].weights))
    outcome = close(federation.closer())
    assert isinstance(outcome, NotDue)
    assert outcome.missing == (2,)
    assert [each.refusal.reason for each in outcome.rejected] == [reason]
    federation.pass_seconds(1000)
    closed = close(federation.closer())
    told = closed.report.recomputable
    assert [(each.node, each.reason) for each in told.rejected] == [(2, reason)]
    assert [each.node for each in told.admitted] == [1, 3]
    assert told.missing == ()
    assert status_of(federation.view("owner")).rounds[0].rejected == ((2, reason.label),)


def test_bad_updates_leave_the_others_average_and_all_reasons_in_the_report(federation):
    federation.submit(3, tensors=one_value(np.nan)["tensors"])
    federation.send(1, 2)
    assert isinstance(close(federation.closer()), NotDue)
    federation.submit(3, content=b"junk")
    federation.pass_seconds(1000)
    closed = close(federation.closer())
    assert [each.refusal.reason for each in closed.rejected] == [Reason.NOT_CANONICAL]
    assert [(each.node, each.reason) for each in closed.report.recomputable.rejected] == [
        (3, Reason.NOT_FINITE),
        (3, Reason.NOT_CANONICAL),
    ]
    found = floats(federation, closed.model.weights)
    for name, expected in by_hand(federation, (1, 2)).items():
        np.testing.assert_array_equal(found[name], expected)


def test_anothers_file_under_ones_own_name_is_refused(federation):
    federation.send(1)
    theirs = federation.timeline().rounds[1].updates[1]
    federation.submit(2, cid=theirs.weights)
    outcome = close(federation.closer())
    assert [each.refusal.reason for each in outcome.rejected] == [Reason.RECORD_MISMATCH]


def test_a_node_may_send_again_up_to_three_times_and_then_it_counts(federation):
    for attempt in (1, 2):
        federation.submit(2, content=b"junk %d" % attempt)
        assert len(close(federation.closer()).rejected) == 1
    federation.submit(2)
    federation.send(1, 3)
    closed = close(federation.closer())
    assert [each.node for each in closed.report.recomputable.admitted] == [1, 2, 3]
    assert [each.node for each in closed.report.recomputable.rejected] == [2, 2]
    assert federation.timeline().rounds[1].updates[2].attempt == 3


def test_a_fourth_update_is_refused_by_the_contract_and_the_round_goes_on(federation):
    for attempt in (1, 2, 3):
        federation.submit(2, content=b"junk %d" % attempt)
        close(federation.closer())
    with pytest.raises(RevertedError, match="TooManyAttempts"):
        federation.submit(2)
    federation.send(1, 3)
    federation.pass_seconds(1000)
    assert isinstance(close(federation.closer()), Closed)


def test_a_rejection_of_what_made_a_round_closable_opens_it_again(federation):
    federation.send(1, 2)
    federation.submit(3, samples=0)
    assert federation.ledger("owner").snapshot().round.closable_at
    assert isinstance(close(federation.closer()), NotDue)
    assert federation.ledger("owner").snapshot().round.closable_at == 0
    federation.submit(3)
    assert isinstance(close(federation.closer()), Closed)


def test_equal_tensors_of_two_nodes_are_flagged_and_counted(federation):
    tensors = one_value(5.0)["tensors"]
    federation.submit(3, tensors=tensors)
    federation.submit(1, tensors=tensors)
    federation.send(2)
    closed = close(federation.closer())
    assert closed.report.recomputable.duplicates == ((1, 3),)
    assert len(closed.report.recomputable.admitted) == 3


def test_an_update_is_fetched_and_judged_once_however_often_the_header_looks(federation):
    closer, fetched = federation.closer(), []

    @dataclass(frozen=True)
    class Counting:
        store: object

        def fetch(self, cid, **limits):
            fetched.append(cid)
            return self.store.fetch(cid, **limits)

        def __getattr__(self, name):
            return getattr(self.store, name)

    view = replace(closer.federation, store=Counting(federation.store))
    closer = replace(closer, federation=view)
    federation.send(1)
    update = federation.timeline().rounds[1].updates[1]
    for _ in range(3):
        close(closer)
    assert fetched.count(update.weights) == 1


def test_stale_updates_are_judged_by_their_own_base(tmp_path):
    terms = replace(TERMS, target=1, quorum=1, max_staleness=1)
    federation = small_federation(tmp_path, nodes=2, terms=terms, max_delta_norm="1")
    federation.submit(1, tensors={**INITIAL, "dense/bias": np.float32([0.9, 0])})
    close(federation.closer())
    # 1.3 from global 1 at most, 0.5 from global 0: admissible as the latter's
    federation.submit(2, base=0, tensors={**INITIAL, "dense/bias": np.float32([-0.5, 0])})
    closed = close(federation.closer())
    assert [(each.node, each.base) for each in closed.report.recomputable.admitted] == [(2, 0)]
    assert closed.report.recomputable.base == 1


# What happens meanwhile.


def closed_with_news(federation, method, *acts):
    """Close while things happen between reading and writing."""
    ledger = federation.own_ledger("header")
    happens_before(ledger, method, *acts)
    return close(Closer(open_federation(ledger, federation.store), evaluated))


def test_what_happens_before_the_write_is_in_the_history_that_is_closed_over(federation):
    federation.send(1, 2)
    federation.pass_seconds(1000)
    owner = federation.ledger("owner")
    outcome = closed_with_news(
        federation,
        "set_global_weight",
        lambda: owner.register_node(4, embedded_account("node 4").address),
        lambda: owner.extend(7),
    )
    assert isinstance(outcome, Closed)
    events = owner.events()
    assert [event.kind for event in events[-3:]] == [
        "NodeRegistered",
        "Extended",
        "GlobalWeightSet",
    ]
    closing = federation.timeline().rounds[1].closing
    assert closing.seen_history == events[-2].values["history"]


def test_an_update_withdrawn_before_the_write_is_not_in_the_global(federation):
    federation.send(1, 2, 3)
    federation.pass_seconds(1000)
    owner = federation.ledger("owner")
    outcome = closed_with_news(
        federation,
        "set_global_weight",
        lambda: owner.replace_node(2, embedded_account("node 5").address),
    )
    assert [each.node for each in outcome.report.recomputable.admitted] == [1, 3]
    assert outcome.report.recomputable.missing == (2,)


def test_a_round_reopened_before_the_write_is_not_due_any_more(federation):
    federation.send(1, 2, 3)
    owner = federation.ledger("owner")
    outcome = closed_with_news(federation, "set_global_weight", lambda: owner.reopen(1))
    assert isinstance(outcome, NotDue)
    assert outcome.missing == (1, 2, 3)


def test_a_round_that_another_closed_is_closed_once(federation):
    federation.send(1, 2, 3)
    outcome = closed_with_news(federation, "set_global_weight", lambda: close(federation.closer()))
    assert isinstance(outcome, NotDue)
    assert outcome.round == 2
    assert len(federation.timeline().rounds[1].closings) == 1


def test_the_last_round_that_another_closed_ends_all(tmp_path):
    federation = small_federation(tmp_path, terms=replace(TERMS, rounds=1))
    federation.send(1, 2)
    outcome = closed_with_news(federation, "set_global_weight", lambda: close(federation.closer()))
    assert outcome == AllClosed(1)


def test_a_bad_update_that_another_took_out_before_is_not_rejected_twice(federation):
    federation.submit(2, samples=0)
    federation.submit(3, samples=0)
    owner = federation.ledger("owner")
    outcome = closed_with_news(
        federation,
        "reject_local_weight",
        lambda: None,
        lambda: owner.replace_node(3, embedded_account("node 5").address),
    )
    assert isinstance(outcome, NotDue)
    assert [each.update.node for each in outcome.rejected] == [2]
    assert len(federation.timeline().rounds[1].rejections) == 1


def test_a_bad_update_that_was_replaced_meanwhile_leaves_the_new_one_to_be_judged(federation):
    junk = federation.submit(2, content=b"junk")
    header = federation.ledger("header")

    def replaced() -> None:
        header.reject_local_weight(2, 1, junk.weights, Reason.NOT_CANONICAL)
        federation.submit(2)

    outcome = closed_with_news(federation, "reject_local_weight", replaced)
    assert outcome.rejected == ()
    assert federation.timeline().rounds[1].updates[2].attempt == 2


def test_a_header_that_was_replaced_meanwhile_stops(federation):
    federation.submit(2, samples=0)
    owner, stranger = federation.ledger("owner"), embedded_account("stranger").address
    outcome = closed_with_news(
        federation, "reject_local_weight", lambda: owner.set_header(stranger)
    )
    assert isinstance(outcome, NotDue)
    assert federation.timeline().rounds[1].rejections == ()


def test_a_node_that_is_no_header_any_more_leaves_the_round_to_the_new_one(federation):
    owner = federation.ledger("owner")
    owner.set_header(embedded_account("node 1").address)
    federation.send(1, 2, 3)
    ledger = federation.own_ledger("node 1")
    stranger = embedded_account("stranger").address
    happens_before(ledger, "set_global_weight", lambda: owner.set_header(stranger))
    outcome = close(Closer(open_federation(ledger, federation.store), evaluated))
    assert isinstance(outcome, NotDue)
    assert isinstance(close(federation.closer("stranger")), Closed)


def test_another_refusal_of_the_contract_is_not_swallowed(federation):
    federation.send(1, 2, 3)
    ledger = federation.own_ledger("header")

    def refused(*_: object) -> None:
        raise RevertedError("Unheard")

    ledger.set_global_weight = refused
    with pytest.raises(RevertedError, match="Unheard"):
        close(Closer(open_federation(ledger, federation.store), evaluated))


# What goes wrong on the closer's machine.


def raising(error):
    def raise_it(*_: object) -> None:
        raise error

    return raise_it


@pytest.mark.parametrize("puts", [0, 1])
def test_after_a_full_disk_nothing_is_half_done_and_the_next_call_closes(federation, puts):
    federation.send(1, 2, 3)
    closer, left = federation.closer(), iter(range(puts))

    @dataclass(frozen=True)
    class Filling:
        store: object

        def put(self, pieces):
            if next(left, None) is None:
                raise StoreError("cannot write: No space left on device")
            return self.store.put(pieces)

        def __getattr__(self, name):
            return getattr(self.store, name)

    before = federation.ledger("owner").snapshot()
    with pytest.raises(StoreError):
        close(
            replace(
                closer,
                federation=replace(closer.federation, store=Filling(closer.federation.store)),
            )
        )
    assert federation.ledger("owner").snapshot() == before
    assert isinstance(close(closer), Closed)


class InterruptError(BaseException):
    """Stands for Ctrl-C."""


@pytest.mark.parametrize("error", [ValueError("the test data are gone"), InterruptError()])
def test_after_an_evaluation_that_failed_the_next_call_closes(federation, error):
    federation.send(1, 2, 3)
    closer = federation.closer()
    with pytest.raises(type(error)):
        close(replace(closer, evaluate=raising(error)))
    assert federation.ledger("owner").snapshot().round.number == 1
    assert close(closer).model == federation.timeline().model(1)


def test_a_closer_killed_after_the_write_finds_the_round_closed(federation):
    federation.send(1, 2, 3)
    ledger = federation.own_ledger("header")
    plain = ledger.set_global_weight
    ledger.set_global_weight = lambda *arguments: (plain(*arguments), raising(InterruptError())())
    with pytest.raises(InterruptError):
        close(Closer(open_federation(ledger, federation.store), evaluated))
    outcome = close(federation.closer())
    assert (outcome.round, outcome.received) == (2, 0)
    assert isinstance(federation.participate(1), Submitted)


def test_a_base_that_cannot_be_had_stops_the_closer_with_one_line(federation):
    federation.run_round(1, 2, 3)
    federation.send(1, 2, 3)
    federation.place(federation.timeline().model(1).weights).unlink()
    with pytest.raises(StoreError) as caught:
        close(federation.closer())
    assert "\n" not in str(caught.value)
    assert federation.timeline().rounds[2].rejections == ()  # no node is blamed for it


def test_a_chain_that_cannot_be_read_is_an_error(federation):
    nowhere = EthereumLedger(
        federation.chain, embedded_account("stranger").address, embedded_account("header")
    )
    closer = federation.closer()
    with pytest.raises(LedgerError):
        close(replace(closer, federation=replace(closer.federation, ledger=nowhere)))
