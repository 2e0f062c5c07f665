"""An audit over a chain that lies finds where, and what went before is recomputed."""

from dataclasses import replace

import pytest

from aggregator.audit import audit
from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import EthereumLedger, deploy_contract
from fl_node.cid import Cid
from fl_node.errors import LedgerError, PlanError, WeightsError
from fl_node.federation import open_federation
from tests.aggregator.audited import TERMS, finished_federation, found
from tests.aggregator.falsify import (
    close_falsely,
    one_bit_off,
)
from tests.small_federation import silent, small_federation

OTHER = Cid.of_bytes(b"other")


@pytest.fixture
def federation(tmp_path):
    return small_federation(tmp_path, nodes=3, terms=TERMS)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_federation(tmp_path_factory.mktemp("finished"))


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
