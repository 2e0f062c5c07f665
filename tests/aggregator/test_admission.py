"""One update alone: admitted, or refused for the first reason that holds."""

import math

import numpy as np
import pytest

from aggregator.admission import Refusal
from fl_node.cid import Cid
from fl_node.errors import StoreError
from fl_node.rounds import Reason
from fl_node.weights import Weights
from tests.aggregator.desk import BASE, INITIAL, file_of, filled, metadata
from tests.vectors.golden import FEDERATION


def test_an_update_is_admitted_with_its_tensors_and_metadata(desk):
    admitted = desk.send(file_of(filled(3.0)))
    assert isinstance(admitted, Weights)
    assert admitted.tensors["kernel"].tolist() == [[2, -1], [1.5, 3]]
    assert admitted.metadata == metadata()


def test_an_update_for_a_full_round_may_be_sent_to_a_later_one(desk):
    for trained_for in (3, 4):
        assert isinstance(desk.send(file_of(round=trained_for)), Weights)


REFUSED = {
    "no weights file": (b"no weights file", Reason.NOT_CANONICAL),
    "an empty file": (b"", Reason.NOT_CANONICAL),
    "a byte too many": (file_of() + b"\0", Reason.NOT_CANONICAL),
    "a header of another key order": (
        file_of().replace(rb"\"kind\":\"update\",", b"").replace(b"30", rb"30,\"kind\":\"update\""),
        Reason.NOT_CANONICAL,
    ),
    "a boolean that is neither": (
        file_of()[: -BASE.nbytes] + file_of()[-BASE.nbytes :].replace(b"\1", b"\3", 1),
        Reason.NOT_CANONICAL,
    ),
    "no metadata": (Weights(BASE.tensors).encode(), Reason.RECORD_MISMATCH),
    "a global": (BASE.encode(), Reason.RECORD_MISMATCH),
    "another kind": (file_of(kind="global"), Reason.RECORD_MISMATCH),
    "another format": (file_of(format=2), Reason.RECORD_MISMATCH),
    "a true format": (file_of(format=True), Reason.RECORD_MISMATCH),
    "another envelope": (file_of(envelope="sealed/1"), Reason.RECORD_MISMATCH),
    "another chain": (file_of(chain_id=1), Reason.RECORD_MISMATCH),
    "another federation": (file_of(federation=FEDERATION.lower()), Reason.RECORD_MISMATCH),
    "another node": (file_of(node=8), Reason.RECORD_MISMATCH),
    "other samples": (file_of(samples=31), Reason.RECORD_MISMATCH),
    "samples as a text": (file_of(samples="30"), Reason.RECORD_MISMATCH),
    "another base": (file_of(base=1), Reason.RECORD_MISMATCH),
    "another base's file": (file_of(base_weights=str(INITIAL.cid())), Reason.RECORD_MISMATCH),
    "a round to come": (file_of(round=5), Reason.RECORD_MISMATCH),
    "the base's round": (file_of(round=2), Reason.RECORD_MISMATCH),
    "no round": (file_of(round="left out"), Reason.RECORD_MISMATCH),
    "a round that is a text": (file_of(round="4"), Reason.RECORD_MISMATCH),
    "a key more": (file_of(more=1), Reason.RECORD_MISMATCH),
    "a key that is null": (file_of(more=None), Reason.RECORD_MISMATCH),
    "a key less": (file_of(envelope="left out"), Reason.RECORD_MISMATCH),
    "no metrics": (file_of(metrics="left out"), Reason.RECORD_MISMATCH),
    "metrics as a list": (file_of(metrics=[1]), Reason.RECORD_MISMATCH),
    "a metric as a text": (file_of(metrics={"loss": "low"}), Reason.RECORD_MISMATCH),
    "a metric that is true": (file_of(metrics={"loss": True}), Reason.RECORD_MISMATCH),
    "a metric in a metric": (file_of(metrics={"loss": {}}), Reason.RECORD_MISMATCH),
    "a tensor less": (file_of({"bias": None}), Reason.WRONG_STRUCTURE),
    "a tensor more": (file_of({"more": np.zeros(1, "f4")}), Reason.WRONG_STRUCTURE),
    "no tensors": (Weights({}, metadata()).encode(), Reason.WRONG_STRUCTURE),
    "another shape": (file_of({"bias": np.zeros((2, 1), "f4")}), Reason.WRONG_STRUCTURE),
    "another dtype": (file_of({"steps": np.array(6, "<i4")}), Reason.WRONG_STRUCTURE),
    "integers for floats": (file_of({"bias": np.zeros(2, "<i4")}), Reason.WRONG_STRUCTURE),
    "another integer": (file_of({"steps": np.array(7, "<i8")}), Reason.INTEGER_CHANGED),
    "the initial integer": (file_of({"steps": INITIAL.tensors["steps"]}), Reason.INTEGER_CHANGED),
    "another boolean": (file_of({"mask": np.array([True, True])}), Reason.INTEGER_CHANGED),
    "NaN": (file_of(filled(math.nan)), Reason.NOT_FINITE),
    "infinity": (file_of(filled(math.inf, "bias")), Reason.NOT_FINITE),
    "minus infinity": (file_of(filled(-math.inf)), Reason.NOT_FINITE),
    "a step too far": (file_of(filled(3.51)), Reason.NORM_EXCEEDED),
    "the other end of float32": (file_of(filled(-3.4e38)), Reason.NORM_EXCEEDED),
}


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_bad_file_is_refused_for_its_reason_in_one_line(desk, content, reason):
    refusal = desk.send(content)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is reason
    assert refusal.found
    assert "\n" not in refusal.found
    assert len(refusal.found) < 500


@pytest.mark.parametrize("samples", [0, 1001, 2**53 - 1])
def test_samples_that_the_plan_does_not_allow_are_bad(desk, samples):
    refusal = desk.send(file_of(samples=samples), samples=samples)
    assert refusal == Refusal(
        Reason.BAD_SAMPLES, f"1 to 1000 samples may be claimed, found {samples}"
    )


@pytest.mark.parametrize("samples", [1, 1000])
def test_samples_at_the_bounds_are_good(desk, samples):
    assert isinstance(desk.send(file_of(samples=samples), samples=samples), Weights)


def test_more_samples_than_json_can_say_are_a_mismatch(desk):
    refusal = desk.send(file_of(), samples=2**64 - 1)
    assert refusal.reason is Reason.RECORD_MISMATCH


def test_bytes_that_nobody_has_are_unavailable(desk):
    refusal = desk.judge(Cid(bytes(32)))
    assert refusal.reason is Reason.UNAVAILABLE
    assert str(Cid(bytes(32))) in refusal.found


def test_bytes_other_than_named_are_a_digest_mismatch(desk):
    cid = desk.store.put([file_of()])
    place = desk.store.fetch(cid, max_bytes=10_000, timeout_seconds=1)
    place.chmod(0o644)
    place.write_bytes(file_of(node=8))
    assert desk.judge(cid).reason is Reason.DIGEST_MISMATCH


def test_a_store_that_cannot_work_is_no_fault_of_the_update(desk):
    cid = desk.store.put([file_of()])
    place = desk.store.fetch(cid, max_bytes=10_000, timeout_seconds=1)
    place.unlink()
    place.mkdir()
    with pytest.raises(StoreError, match="Is a directory"):
        desk.judge(cid)


FAULTS = {  # each later fault is hidden by each earlier one
    Reason.RECORD_MISMATCH: ({}, {"node": 8}),
    Reason.WRONG_STRUCTURE: ({"more": np.zeros(1, "f4")}, {}),
    Reason.INTEGER_CHANGED: ({"mask": np.array([True, True])}, {}),
    Reason.NOT_FINITE: (filled(math.nan, "bias"), {}),
    Reason.BAD_SAMPLES: ({}, {"samples": 0}),
    Reason.NORM_EXCEEDED: (filled(100.0), {}),
}
PAIRS = [(one, other) for one in FAULTS for other in FAULTS if one < other]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_of_two_faults_the_earlier_check_gives_the_reason(desk, first, second):
    tensors = FAULTS[second][0] | FAULTS[first][0]
    said = FAULTS[second][1] | FAULTS[first][1]
    recorded = {"samples": said["samples"]} if "samples" in said else {}
    assert desk.send(file_of(tensors, **said), **recorded).reason is first


def test_every_reason_is_provoked_by_some_test_here():
    here = {reason for _, reason in REFUSED.values()} | set(FAULTS)
    assert here | {Reason.UNAVAILABLE, Reason.TOO_LARGE, Reason.DIGEST_MISMATCH} == set(Reason)
