"""A federation is opened by its address alone, and gives bytes only as they were named."""

from dataclasses import replace

import pytest

from fl_node.cid import Cid
from fl_node.errors import (
    DigestMismatchError,
    PlanError,
    TooLargeError,
    UnavailableError,
    WeightsError,
)
from fl_node.federation import MAX_PLAN_BYTES, Federation, open_federation
from tests.small_federation import initial_weights, small_federation


@pytest.fixture(scope="module")
def federation(tmp_path_factory):
    return small_federation(tmp_path_factory.mktemp("federation"))


def naming(federation, plan):
    """A ledger that names another plan."""
    ledger = federation.own_ledger("stranger")
    ledger.plan = lambda: plan
    return ledger


def test_an_address_leads_to_plan_and_initial_weights(federation):
    ledger = federation.ledger("node 1")
    opened = open_federation(ledger, federation.store)
    assert opened.plan.cid == ledger.plan()
    assert opened.initial.cid() == opened.plan.initial
    assert opened.initial.same_tensors(initial_weights())
    assert (opened.ledger, opened.store) == (ledger, federation.store)


def test_weights_and_small_files_come_by_their_names(federation):
    opened = federation.view("node 1")
    cid = federation.store.put([b"a report"])
    assert opened.small(cid) == b"a report"
    assert opened.weights(opened.plan.initial).same_tensors(initial_weights())


def test_small_files_have_a_limit(federation):
    cid = federation.store.put([bytes(MAX_PLAN_BYTES + 1)])
    with pytest.raises(TooLargeError):
        federation.view("node 1").small(cid)
    with pytest.raises(TooLargeError):
        open_federation(naming(federation, cid), federation.store)


def test_a_global_that_no_model_fills_is_refused_before_it_is_read(federation):
    cid = federation.store.put([bytes(1024 * 1024)])
    with pytest.raises(TooLargeError):
        federation.view("node 1").weights(cid)


def test_what_is_not_there_is_unavailable(federation):
    opened = federation.view("node 1")
    for read in (opened.small, opened.weights):
        with pytest.raises(UnavailableError):
            read(Cid(b"n" * 32))
    with pytest.raises(UnavailableError):
        open_federation(naming(federation, Cid(b"n" * 32)), federation.store)


def test_what_was_damaged_is_not_given(federation):
    cid = federation.store.put([b"whole"])
    place = federation.place(cid)
    place.chmod(0o644)
    place.write_bytes(b"other")
    for read in (federation.view("node 1").small, federation.view("node 1").weights):
        with pytest.raises(DigestMismatchError):
            read(cid)


def test_weights_that_are_none_are_refused(federation):
    with pytest.raises(WeightsError):
        federation.view("node 1").weights(federation.store.put([b"no weights"]))


@pytest.mark.parametrize("content", [b"", b"{}", b"no plan", b"[]", b"\xff"])
def test_a_plan_that_is_none_is_refused_in_one_line(federation, content):
    with pytest.raises(PlanError) as caught:
        open_federation(naming(federation, federation.store.put([content])), federation.store)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("initial", "error"), [(b"no weights", WeightsError), (None, UnavailableError)]
)
def test_initial_weights_that_are_none_are_refused(federation, initial, error):
    cid = federation.store.put([initial]) if initial else Cid(b"n" * 32)
    plan = replace(federation.view("owner").plan, initial=cid)
    ledger = naming(federation, federation.store.put([plan.encode()]))
    with pytest.raises(error):
        open_federation(ledger, federation.store)


def test_fetches_have_the_plans_timeout_and_the_first_one_its_own(federation):
    asked = []

    class Asked:
        def fetch(self, cid, *, max_bytes, timeout_seconds):
            asked.append(timeout_seconds)
            return federation.store.fetch(cid, max_bytes=max_bytes, timeout_seconds=timeout_seconds)

        def read(self, cid, *, max_bytes, timeout_seconds):
            return self.fetch(
                cid, max_bytes=max_bytes, timeout_seconds=timeout_seconds
            ).read_bytes()

    opened = open_federation(federation.ledger("node 1"), Asked())
    assert isinstance(opened, Federation)
    opened.weights(opened.plan.initial)
    opened.small(opened.plan.initial)
    assert asked == [60, *[opened.plan.fetch_timeout_seconds] * 3]
