"""An audit finds every falsification, names its round, node and reason, and never stops at one."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregator.attest import attest
from aggregator.audit import CONTRADICTED, REPRODUCED, UNVERIFIABLE, audit
from aggregator.close import close
from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import EthereumLedger, deploy_contract
from fl_node.cid import Cid
from fl_node.errors import LedgerError, PlanError, UnavailableError, WeightsError
from fl_node.federation import open_federation
from fl_node.report import Admitted, Rejected, Report
from fl_node.rounds import Reason, Terms, global_metadata
from fl_node.weights import Weights
from tests.aggregator.falsify import (
    OBSERVED,
    Forgery,
    averaged,
    close_falsely,
    honest_about,
    one_bit_off,
    other_bytes,
    reported,
    truth,
)
from tests.small_federation import INITIAL, SAMPLES, silent, small_federation

TERMS = Terms(quorum=2, round_seconds=1000, grace_seconds=100, rounds=3)
OTHER = Cid.of_bytes(b"other")


@pytest.fixture
def federation(tmp_path):
    return small_federation(tmp_path, nodes=3, terms=TERMS)


def audited(federation, role="stranger"):
    return audit(federation.view(role), silent)


def found(result):
    return [(each.round, each.node, each.reason) for each in result.findings]


# A federation in which all is well.


def test_a_clean_run_holds(federation):
    for _ in range(TERMS.rounds):
        federation.run_round(1, 2, 3)
    told = []
    result = audit(federation.view("stranger"), told.append)
    assert result.ok
    assert result.first_bad is None
    assert told == [each.number for each in result.rounds] == [1, 2, 3]
    assert all(
        (each.findings, each.rejections, each.disputes) == ((), (), ()) for each in result.rounds
    )


def test_whoever_looks_finds_the_same_without_an_account(federation):
    federation.run_round(1, 2, 3)
    reading = EthereumLedger(federation.chain, federation.address)
    assert audit(open_federation(reading, federation.store), silent) == audited(federation)


def test_a_federation_without_a_closed_round_holds(federation):
    federation.send(1)
    assert audited(federation).ok
    assert audited(federation).rounds == ()


def test_the_open_round_is_not_judged(federation):
    federation.run_round(1, 2, 3)
    federation.submit(1, samples=0)
    assert audited(federation).ok


def test_a_round_of_a_subset_with_rejections_holds(federation):
    federation.submit(2, content=b"junk")
    federation.send(1, 3)
    federation.pass_seconds(1000)
    close(federation.closer())
    result = audited(federation)
    assert result.ok
    (verdict,) = result.rounds[0].rejections
    assert (verdict.rejection.reason, verdict.verdict) == (Reason.NOT_CANONICAL, REPRODUCED)


def test_a_round_that_a_node_closed_after_the_grace_holds(federation):
    federation.send(1, 2, 3)
    federation.pass_seconds(100)
    close(federation.closer("node 2"))
    assert audited(federation).ok


def test_everything_that_the_owner_did_is_listed(federation):
    owner = federation.ledger("owner")
    owner.set_header(embedded_account("node 1").address)
    owner.extend(4)
    newest = owner.events()[-1].block
    acts = audited(federation).owner_acts
    assert acts[-2:] == (f"HeaderSet at block {newest - 1}", f"Extended at block {newest}")
    assert [act.split()[0] for act in acts[:-2]] == ["NodeRegistered"] * 3


def test_what_the_closer_says_it_saw_is_no_matter_of_an_audit(federation):
    federation.send(1, 2, 3)
    close_falsely(federation, truth)
    assert audited(federation).ok


# Headers that lie.


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


def puts_the_base(outcome, _updates):
    return honest_about(outcome, Weights(INITIAL, global_metadata()))


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


def none_at_all(outcome, _updates):
    return Forgery(outcome.weights.encode(), None)


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


# Updates that should not have been averaged, or should have been.

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
    detail = f"rejected as {reason.label}: it passes every check"
    assert result.first_bad.detail == detail
    assert verdict(federation).verdict == CONTRADICTED


def test_a_bad_update_that_was_rejected_for_another_reason_is_found(federation):
    rejected_as(federation, Reason.NOT_FINITE, samples=0)
    result = audited(federation)
    assert found(result) == [(1, 2, "contradicted-rejection")]
    assert result.first_bad.detail == "rejected as not-finite: it is bad-samples instead"


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


# Many findings.


def test_the_first_bad_one_is_the_earliest_and_all_are_listed(federation):
    federation.run_round(1, 2, 3)
    federation.send(1, 2, 3)
    close_falsely(federation, one_bit_off)
    federation.send(1, 3)
    federation.submit(2, samples=0)
    close_falsely(federation, none_at_all)
    result = audited(federation)
    assert found(result) == [
        (2, None, "wrong-global"),
        (2, None, "wrong-report"),
        (3, 2, "bad-samples"),
    ]
    assert result.first_bad == result.findings[0]
    assert not result.ok
    assert [each.number for each in result.rounds] == [1, 2, 3]


def test_a_right_round_after_a_wrong_one_is_right(federation):
    federation.send(1, 2, 3)
    close_falsely(federation, puts_the_base)
    federation.run_round(1, 2, 3)
    assert {each.round for each in audited(federation).findings} == {1}


def narrow(_outcome, _updates):
    weights = Weights({"dense/bias": INITIAL["dense/bias"]}, global_metadata())
    return Forgery(weights.encode(), b"no report")


def not_finite(outcome, _updates):
    tensors = outcome.weights.tensors | {"dense/bias": np.float32([np.nan, np.inf])}
    return Forgery(Weights(tensors, global_metadata()).encode(), b"no report")


@pytest.mark.parametrize("lie", [other_bytes(b"garbage"), narrow], ids=["garbage", "narrow"])
def test_rounds_that_start_from_no_global_are_named_and_do_not_stop_the_audit(federation, lie):
    federation.send(1, 2, 3)
    close_falsely(federation, lie)
    for node in (1, 2, 3):
        base = federation.timeline().model(1)
        said = {"base_weights": str(base.weights)}
        federation.submit(node, tensors=INITIAL, said=said)
    header = federation.ledger("header")
    header.set_global_weight(2, OTHER, None, header.snapshot().history)
    result = audited(federation)
    assert result.first_bad.reason == "wrong-global"
    assert [each for each in found(result) if each[0] == 2] == [
        (2, node, "unavailable") for node in (1, 2, 3)
    ]
    assert all("\n" not in each.detail for each in result.findings)


def test_a_global_that_is_not_finite_is_found_and_the_round_after_it_is_judged(federation):
    federation.send(1, 2, 3)
    close_falsely(federation, not_finite)
    for node in (1, 2, 3):
        federation.submit(node, tensors=INITIAL)
    close(federation.closer())
    result = audited(federation)
    assert found(result) == [(1, None, "wrong-global"), (1, None, "wrong-report")]
    assert [each.number for each in result.rounds] == [1, 2]


# Bytes that are lost or damaged afterwards.


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Two rounds with a report each, and a rejection in the first; tests leave it as it is."""
    federation = small_federation(tmp_path_factory.mktemp("damaged"), nodes=3, terms=TERMS)
    federation.submit(2, content=b"junk")
    federation.send(1, 3)
    federation.pass_seconds(1000)
    close(federation.closer())
    federation.run_round(1, 2, 3)
    federation.view("stranger")
    return federation


def replaced_by_a_folder(path):
    path.unlink()
    path.mkdir()


def cut(path):
    path.write_bytes(path.read_bytes()[:3])


def emptied(path):
    path.write_bytes(b"")


def lengthened(path):
    path.write_bytes(path.read_bytes() + b"\0")


def flipped(path):
    path.write_bytes(bytes(byte ^ 0x80 for byte in path.read_bytes()))


def gone(path):
    path.unlink()


DAMAGES = [replaced_by_a_folder, cut, emptied, lengthened, flipped, gone]


@contextmanager
def damaged(*damages):
    """Damage files for a while."""
    contents = {path: path.read_bytes() for path, _ in damages}
    try:
        for path, damage in damages:
            path.chmod(0o644)
            damage(path)
        yield
    finally:
        for path, content in contents.items():
            if path.is_dir():
                path.rmdir()
            path.write_bytes(content)


def erased(federation, cid):
    return damaged((federation.place(cid), gone))


def test_an_update_that_was_erased_cannot_be_checked(finished):
    with erased(finished, finished.timeline().rounds[2].updates[3].weights):
        result = audited(finished)
    assert found(result) == [(2, 3, "unavailable")]
    assert result.first_bad.detail.startswith("cannot be checked: ")


def test_an_update_that_was_damaged_cannot_be_checked(finished):
    place = finished.place(finished.timeline().rounds[1].updates[1].weights)
    with damaged((place, cut)):
        result = audited(finished)
    assert found(result) == [(1, 1, "digest-mismatch")]
    assert result.first_bad.detail.startswith("cannot be checked: ")


def test_a_base_that_was_erased_leaves_the_round_after_it_unchecked(finished):
    with erased(finished, finished.timeline().model(1).weights):
        result = audited(finished)
    assert found(result) == [(2, node, "unavailable") for node in (1, 2, 3)]
    assert "global 1" in result.first_bad.detail


def test_the_last_global_need_not_be_there_since_it_is_recomputed(finished):
    with erased(finished, finished.timeline().model(2).weights):
        assert audited(finished).ok


def test_a_report_that_was_erased_is_named_and_concerns_its_round_only(finished):
    with erased(finished, finished.timeline().model(1).report):
        assert found(audited(finished)) == [(1, None, "wrong-report")]


def test_a_plan_or_initial_weights_that_were_erased_leave_nothing_to_audit(finished):
    ledger = finished.ledger("stranger")
    for cid in (finished.timeline().initial, ledger.plan()):
        with erased(finished, cid), pytest.raises(UnavailableError):
            open_federation(ledger, finished.store)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_store_damaged_under_it_never_stops_an_audit(finished, data):
    kept = {str(finished.timeline().initial), str(finished.ledger("owner").plan())}
    files = [path for path in finished.store.folder.rglob("Qm*") if path.name not in kept]
    damages = st.tuples(st.sampled_from(sorted(files)), st.sampled_from(DAMAGES))
    drawn = data.draw(st.lists(damages, min_size=1, max_size=4, unique_by=lambda each: each[0]))
    with damaged(*drawn):
        result = audited(finished)
    assert all("\n" not in each.detail for each in result.findings)
    assert {each.reason for each in result.findings} <= {
        "digest-mismatch",
        "too-large",
        "unavailable",
        "wrong-report",
    }


def test_a_store_that_is_whole_again_holds(finished):
    assert audited(finished).ok


# Chains that lie.


class Lying(EthereumLedger):
    """A node that tells of other events, or of another plan, than the contract's."""

    def __init__(self, federation, change, plan=None):
        super().__init__(federation.chain, federation.address)
        self._change, self._plan = change, plan

    def events(self):
        return tuple(self._change(list(super().events())))

    def plan(self):
        return self._plan or super().plan()


def audited_through(federation, change, plan=None):
    ledger = Lying(federation, change, plan)
    return audit(open_federation(ledger, federation.store), silent)


def test_a_dropped_event_is_found_and_what_went_before_is_recomputed(finished):
    events = finished.ledger("owner").events()
    closings = [at for at, event in enumerate(events) if event.kind == "GlobalWeightSet"]
    for at in range(len(events) - 1):
        result = audited_through(finished, lambda told, at=at: told[:at] + told[at + 1 :])
        assert found(result) == [(0, None, "history")]
        assert f"event {at} " in result.first_bad.detail
        before = [number for number, closed in enumerate(closings) if closed < at and number]
        assert [each.number for each in result.rounds] == before


def test_an_altered_event_is_found(finished):
    def alter(told):
        at = [event.kind for event in told].index("LocalWeightSet")
        values = {**told[at].values, "samples": 1}
        return [*told[:at], replace(told[at], values=values), *told[at + 1 :]]

    assert found(audited_through(finished, alter)) == [(0, None, "history")]


def test_a_history_that_breaks_does_not_hide_what_was_wrong_before(federation):
    federation.send(1, 2, 3)
    close_falsely(federation, one_bit_off)
    federation.run_round(1, 2, 3)
    result = audited_through(federation, lambda told: told[:-2] + told[-1:])
    assert found(result) == [
        (0, None, "history"),
        (1, None, "wrong-global"),
        (1, None, "wrong-report"),
    ]


def test_a_chain_that_keeps_its_newest_events_to_itself_cannot_be_audited(finished):
    with pytest.raises(LedgerError, match="do not agree: is the node still syncing"):
        audited_through(finished, lambda told: told[:-1])


def test_a_chain_that_names_another_plan_is_found(finished):
    other = replace(finished.view("owner").plan, seed=2)
    cid = finished.store.put([other.encode()])
    result = audited_through(finished, lambda told: told, cid)
    assert found(result) == [(0, None, "plan")]
    assert str(cid) in result.first_bad.detail


def test_a_plan_that_starts_from_other_weights_than_the_chain_is_found(federation):
    owner, plan = embedded_account("owner"), federation.ledger("owner").plan()
    address = deploy_contract(federation.chain, owner, plan, OTHER, owner.address, TERMS)
    ledger = EthereumLedger(federation.chain, address, owner)
    result = audit(open_federation(ledger, federation.store), silent)
    assert found(result) == [(0, None, "initial")]


@pytest.mark.parametrize(
    ("content", "error"), [(b"no plan", PlanError), (b"{}", PlanError), (b"", PlanError)]
)
def test_what_the_chain_names_must_be_a_plan(federation, content, error):
    cid = federation.store.put([content])
    with pytest.raises(error):
        open_federation(Lying(federation, list, cid), federation.store)


def test_initial_weights_that_are_none_are_refused(federation):
    plan = replace(federation.view("owner").plan, initial=federation.store.put([b"none"]))
    cid = federation.store.put([plan.encode()])
    with pytest.raises(WeightsError):
        open_federation(Lying(federation, list, cid), federation.store)


# Globals that were replaced.


@pytest.fixture
def disputed(tmp_path):
    """Node 1 disputes a wrong global 1, and has put the right one after the grace."""
    federation = small_federation(tmp_path, nodes=2, terms=replace(TERMS, finality=2))
    federation.send(1, 2)
    close_falsely(federation, one_bit_off)
    said = attest(federation.view("node 1"), 1)
    federation.chain.set_time(int(federation.chain.now()) + TERMS.grace_seconds)
    federation.said = said
    return federation


def put_instead(federation, weights, report):
    node = federation.ledger("node 1")
    node.set_global_weight(1, weights, report, node.snapshot().history)


def right_report(federation):
    """The report that an honest closer would have written."""
    from aggregator.recompute import recompute

    view, timeline = federation.view("node 1"), federation.timeline()
    log = timeline.rounds[1]
    updates = {node: view.weights(each.weights) for node, each in log.updates.items()}
    report = Report(recompute(view, timeline, log, updates).recomputable, OBSERVED)
    return federation.store.put([report.encode()])


def test_a_wrong_global_that_was_replaced_by_the_right_one_holds(disputed):
    assert found(audited(disputed)) == [(1, None, "wrong-global"), (1, None, "wrong-report")]
    put_instead(disputed, disputed.said.expected, right_report(disputed))
    result = audited(disputed)
    assert result.ok
    assert result.rounds[0].disputes == (1,)


def test_a_right_global_that_was_replaced_by_a_wrong_one_is_found(tmp_path):
    federation = small_federation(tmp_path, nodes=2, terms=replace(TERMS, finality=2))
    federation.run_round(1, 2)
    federation.pass_seconds(TERMS.grace_seconds)
    put_instead(federation, OTHER, federation.timeline().model(1).report)
    assert found(audited(federation)) == [(1, None, "wrong-global")]


def test_a_reopened_round_is_judged_by_its_last_closing(tmp_path):
    federation = small_federation(tmp_path, nodes=2, terms=replace(TERMS, finality=2))
    federation.send(1, 2)
    close_falsely(federation, one_bit_off)
    federation.ledger("owner").reopen(1)
    assert audited(federation).ok
    federation.run_round(1, 2)
    result = audited(federation)
    assert result.ok
    assert result.owner_acts[-1].startswith("Reopened at block")
