"""Bad updates: each is rejected by name on the chain, and the round goes on with the others."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from aggregator.close import Closed, NotDue, close
from fl_node.chain.embedded import embedded_account
from fl_node.cid import Cid
from fl_node.errors import RevertedError
from fl_node.rounds import Reason
from fl_node.status import status_of
from fl_node.weights import Weights
from tests.aggregator.by_hand import TERMS, by_hand, floats
from tests.small_federation import (
    INITIAL,
    small_federation,
)


@pytest.fixture
def federation(tmp_path):
    return small_federation(tmp_path, nodes=3, terms=TERMS)


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
