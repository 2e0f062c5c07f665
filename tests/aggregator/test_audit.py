"""An audit of a federation in which all is well, or several things are not."""

from dataclasses import replace

import numpy as np
import pytest

from aggregator.attest import Witness
from aggregator.audit import REPRODUCED, audit
from aggregator.close import close
from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import EthereumLedger
from fl_node.cid import Cid
from fl_node.federation import open_federation
from fl_node.report import Report
from fl_node.rounds import Reason, global_metadata
from fl_node.store.directory import DirectoryStore
from fl_node.weights import Weights
from tests.aggregator.audited import TERMS, audited, found
from tests.aggregator.falsify import (
    OBSERVED,
    Forgery,
    close_falsely,
    none_at_all,
    one_bit_off,
    other_bytes,
    puts_the_base,
    truth,
)
from tests.small_federation import INITIAL, silent, small_federation

OTHER = Cid.of_bytes(b"other")


@pytest.fixture
def federation(tmp_path):
    return small_federation(tmp_path, nodes=3, terms=TERMS)


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


class Counting(DirectoryStore):
    """Counts what is asked of it."""

    asked = 0

    def fetch(self, cid, **bounds):
        type(self).asked += 1
        return super().fetch(cid, **bounds)


def test_twice_the_rounds_cost_twice_as_much(tmp_path):
    def asked(rounds):
        small = small_federation(
            tmp_path / str(rounds), nodes=2, terms=replace(TERMS, rounds=rounds, quorum=2)
        )
        for _ in range(rounds):
            small.run_round(1, 2)
        view = open_federation(
            EthereumLedger(small.chain, small.address), Counting(tmp_path / str(rounds) / "store")
        )
        Counting.asked = 0
        assert audit(view, silent).ok
        return Counting.asked

    assert asked(8) == 2 * asked(4)


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


@pytest.fixture
def disputed(tmp_path):
    """Node 1 disputes a wrong global 1, and has put the right one after the grace."""
    federation = small_federation(tmp_path, nodes=2, terms=replace(TERMS, finality=2))
    federation.send(1, 2)
    close_falsely(federation, one_bit_off)
    witness = Witness(federation.view("node 1"), 1)
    said = witness.judge()
    witness.attest()
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
