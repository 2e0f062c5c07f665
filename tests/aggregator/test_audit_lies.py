"""An audit finds what a header falsified: its round, its node, and why."""

from dataclasses import replace

import numpy as np
import pytest

from aggregator.audit import CONTRADICTED, REPRODUCED, UNVERIFIABLE
from aggregator.close import close
from fl_node.cid import Cid
from fl_node.report import Admitted, Rejected, Report
from fl_node.rounds import Reason, global_metadata
from fl_node.weights import Weights
from tests.aggregator.audited import TERMS, audited, found
from tests.aggregator.falsify import (
    OBSERVED,
    Forgery,
    averaged,
    close_falsely,
    honest_about,
    none_at_all,
    one_bit_off,
    other_bytes,
    puts_the_base,
    reported,
    truth,
)
from tests.small_federation import INITIAL, SAMPLES, small_federation

OTHER = Cid.of_bytes(b"other")


@pytest.fixture
def federation(tmp_path):
    return small_federation(tmp_path, nodes=3, terms=TERMS)


def leaves_one_out(outcome, updates):
    counts = {node: SAMPLES[node] for node in updates if node != 2}
    left = tuple(each for each in outcome.recomputable.admitted if each.node != 2)
    weights = averaged(updates, counts)
    return reported(outcome, weights, weights=weights.cid(), admitted=left, missing=(2,))


def hides_that_it_leaves_one_out(outcome, updates):
    counts = {node: SAMPLES[node] for node in updates if node != 2}
    return honest_about(outcome, averaged(updates, counts))


def counts_one_twice(outcome, updates):
    counts = {node: SAMPLES[node] * (2 if node == 2 else 1) for node in updates}
    return honest_about(outcome, averaged(updates, counts))


def counts_all_the_same(outcome, updates):
    return honest_about(outcome, averaged(updates, dict.fromkeys(updates, 1)))


def counts_other_samples_and_says_so(outcome, updates):
    counts = {node: SAMPLES[node] + (node == 1) for node in updates}
    admitted = tuple(
        replace(each, samples=counts[each.node], counted=counts[each.node])
        for each in outcome.recomputable.admitted
    )
    weights = averaged(updates, counts)
    return reported(outcome, weights, weights=weights.cid(), admitted=admitted)


def puts_one_update(outcome, updates):
    return honest_about(outcome, Weights(updates[1].tensors, global_metadata()))


def puts_other_metadata(outcome, _updates):
    return honest_about(outcome, Weights(outcome.weights.tensors, {"kind": "mine"}))


LIES = [
    one_bit_off,
    leaves_one_out,
    hides_that_it_leaves_one_out,
    counts_one_twice,
    counts_all_the_same,
    counts_other_samples_and_says_so,
    puts_one_update,
    puts_the_base,
    puts_other_metadata,
    other_bytes(b"garbage"),
    other_bytes(b""),
]


@pytest.fixture(scope="module")
def lied_to(tmp_path_factory):
    """Round 1 of both nodes waits to be closed; it is reopened after every test."""
    terms = replace(TERMS, finality=2)
    federation = small_federation(tmp_path_factory.mktemp("lied"), nodes=2, terms=terms)
    federation.send(1, 2)
    return federation


@pytest.fixture
def closable(lied_to):
    yield lied_to
    lied_to.ledger("owner").reopen(1)
    lied_to.send(1, 2)


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_wrong_global_is_found(closable, lie):
    close_falsely(closable, lie)
    result = audited(closable)
    assert found(result) == [(1, None, "wrong-global"), (1, None, "wrong-report")]
    put = closable.timeline().model(1).weights
    assert str(put) in result.first_bad.detail
    assert "\n" not in result.first_bad.detail


# A field of the report, and another value for it.
MISREPORTED = {
    "round": lambda told: {"round": 2},
    "base": lambda told: {"base": 1},
    "base_weights": lambda told: {"base_weights": OTHER},
    "strategy": lambda told: {"strategy": "fedprox"},
    "admitted, one less": lambda told: {"admitted": told.admitted[1:]},
    "admitted, one more": lambda told: {"admitted": (*told.admitted, Admitted(4, 0, OTHER, 1, 1))},
    "admitted, other samples": lambda told: {
        "admitted": (replace(told.admitted[0], samples=7), *told.admitted[1:])
    },
    "admitted, other counts": lambda told: {
        "admitted": (replace(told.admitted[0], counted=7), *told.admitted[1:])
    },
    "rejected": lambda told: {"rejected": (Rejected(2, OTHER, Reason.NOT_FINITE),)},
    "missing": lambda told: {"missing": (2,)},
    "duplicates": lambda told: {"duplicates": ((1, 2),)},
    "state": lambda told: {"state": OTHER},
    "weights": lambda told: {"weights": OTHER},
}


@pytest.mark.parametrize("field", MISREPORTED)
def test_a_wrong_field_of_a_report_is_found_by_its_name(closable, field):
    def lie(outcome, _updates):
        return reported(outcome, outcome.weights, **MISREPORTED[field](outcome.recomputable))

    close_falsely(closable, lie)
    result = audited(closable)
    assert found(result) == [(1, None, "wrong-report")]
    assert result.first_bad.detail.startswith(field.split(",")[0] + " should be ")


def not_canonical(outcome, _updates):
    report = Report(outcome.recomputable, OBSERVED).encode()
    return Forgery(outcome.weights.encode(), report.replace(b":", b": "))


def other_hash(outcome, _updates):
    report = Report(outcome.recomputable, OBSERVED).encode()
    return Forgery(outcome.weights.encode(), report.replace(b'"round":1', b'"round":2'))


def garbage(outcome, _updates):
    return Forgery(outcome.weights.encode(), b"\xff\xfe\x00")


@pytest.mark.parametrize("lie", [not_canonical, other_hash, garbage, none_at_all])
def test_a_round_without_a_report_that_can_be_read_is_found(closable, lie):
    close_falsely(closable, lie)
    result = audited(closable)
    assert found(result) == [(1, None, "wrong-report")]
    assert "\n" not in result.first_bad.detail


def test_a_report_that_was_never_stored_is_found(closable):
    close_falsely(closable, truth)
    closable.place(closable.timeline().model(1).report).unlink()
    assert found(audited(closable)) == [(1, None, "wrong-report")]


def test_a_report_of_another_round_is_found(federation):
    earlier = federation.run_round(1, 2, 3).report
    federation.send(1, 2, 3)
    close_falsely(
        federation, lambda outcome, _: Forgery(outcome.weights.encode(), earlier.encode())
    )
    assert found(audited(federation)) == [(2, None, "wrong-report")]


INADMISSIBLE = {
    "no samples": ({"samples": 0}, "bad-samples"),
    "too many samples": ({"samples": 1001}, "bad-samples"),
    "not a number": ({"tensors": INITIAL | {"dense/bias": np.float32([np.nan, 0])}}, "not-finite"),
    "another record": ({"said": {"samples": 1}}, "record-mismatch"),
    "another integer": (
        {"tensors": INITIAL | {"table/size": np.array([1, 2])}},
        "integer-changed",
    ),
    "too far": ({"tensors": INITIAL | {"dense/bias": np.float32([99, 0])}}, "norm-exceeded"),
}


@pytest.fixture(scope="module")
def bounded(tmp_path_factory):
    return small_federation(
        tmp_path_factory.mktemp("bounded"),
        nodes=2,
        terms=replace(TERMS, finality=2),
        max_samples=1000,
        max_delta_norm="50",
    )


@pytest.mark.parametrize(("spoilt", "reason"), INADMISSIBLE.values(), ids=INADMISSIBLE)
def test_an_inadmissible_update_that_was_averaged_is_found_with_its_node(bounded, spoilt, reason):
    bounded.send(1)
    bounded.submit(2, **spoilt)
    close_falsely(bounded, truth)
    result = audited(bounded)
    assert found(result) == [(1, 2, reason)]
    assert result.first_bad.detail.startswith("averaged all the same: ")
    bounded.ledger("owner").reopen(1)


def test_all_inadmissible_updates_of_a_round_are_listed(federation):
    federation.send(1)
    federation.submit(3, samples=0)
    federation.submit(2, said={"more": 1})
    close_falsely(federation, truth)
    assert found(audited(federation)) == [(1, 2, "record-mismatch"), (1, 3, "bad-samples")]


def rejected_as(federation, reason, **spoilt):
    """Node 2's update is rejected as the header likes, and the round is closed without it."""
    update = federation.submit(2, **spoilt)
    federation.ledger("header").reject_local_weight(2, 1, update.weights, reason)
    federation.send(1, 3)
    federation.pass_seconds(1000)
    close(federation.closer())
    return update


def verdict(federation):
    ((only,),) = [each.rejections for each in audited(federation).rounds]
    return only


@pytest.mark.parametrize("reason", sorted(set(Reason) - {Reason.UNAVAILABLE}))
def test_a_good_update_that_was_rejected_is_found_with_its_node(federation, reason):
    rejected_as(federation, reason)
    result = audited(federation)
    assert found(result) == [(1, 2, "contradicted-rejection")]
    header = federation.ledger("header").account
    detail = f"rejected as {reason.label}: it passes every check; by the header ({header})"
    assert result.first_bad.detail == detail
    assert verdict(federation).verdict == CONTRADICTED


def test_a_bad_update_that_was_rejected_for_another_reason_is_found(federation):
    rejected_as(federation, Reason.NOT_FINITE, samples=0)
    result = audited(federation)
    assert found(result) == [(1, 2, "contradicted-rejection")]
    detail = "rejected as not-finite: it is bad-samples instead; by the header ("
    assert result.first_bad.detail.startswith(detail)


def test_that_bytes_were_unavailable_cannot_be_verified_and_is_no_finding(federation):
    rejected_as(federation, Reason.UNAVAILABLE)
    assert audited(federation).ok
    assert verdict(federation).verdict == UNVERIFIABLE


def test_a_rejection_that_can_be_repeated_is_reproduced(federation):
    rejected_as(federation, Reason.BAD_SAMPLES, samples=0)
    assert audited(federation).ok
    assert verdict(federation).verdict == REPRODUCED


def test_a_rejection_of_bytes_that_are_gone_or_damaged_is_unverifiable(federation):
    update = rejected_as(federation, Reason.NOT_FINITE)
    place = federation.place(update.weights)
    place.chmod(0o644)
    place.write_bytes(b"damaged")
    assert audited(federation).ok
    assert verdict(federation).verdict == UNVERIFIABLE
    place.unlink()
    assert audited(federation).ok
    assert verdict(federation).verdict == UNVERIFIABLE
