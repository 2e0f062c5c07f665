"""A host enters a federation by its address, and accepts exactly its plan."""

from dataclasses import replace

import pytest

from fl_node.chain.embedded import embedded_account
from fl_node.config import load_settings
from fl_node.errors import LedgerError, PlanError
from fl_node.joining import look_at
from tests.embedded_host import embedded_host
from tests.small_federation import initial_weights


@pytest.fixture
def host(tmp_path):
    made = embedded_host(tmp_path / "host")
    made.change(federation="", plan="", threads=3)
    return made


@pytest.fixture
def address(host):
    return host.federation.address


def test_an_offer_tells_the_federation_and_who_this_host_is_in_it(host, address):
    offer = look_at(host.home, address.lower())
    assert offer.settings.federation == address
    assert offer.settings.plan == str(host.federation.ledger("owner").plan())
    assert offer.federation.plan.name == "small"
    assert offer.node == 1


def test_looking_writes_nothing(host, address):
    before = (host.home / "flnode.toml").read_bytes()
    look_at(host.home, address)
    assert (host.home / "flnode.toml").read_bytes() == before


def test_accepting_writes_federation_and_plan_and_nothing_else(host, address, monkeypatch):
    monkeypatch.setenv("FLNODE_THREADS", "9")
    before = host.settings
    offer = look_at(host.home, address)
    assert offer.accept() == host.home / "flnode.toml"
    after = load_settings(host.home, environment={})
    assert after == replace(before, federation=address, plan=offer.settings.plan)
    assert after.threads == 3


def test_another_plan_is_refused_naming_both(host, address):
    offer, other = look_at(host.home, address), str(initial_weights().cid())
    offer.require_plan(offer.settings.plan)
    with pytest.raises(PlanError) as caught:
        offer.require_plan(other)
    assert other in str(caught.value)
    assert offer.settings.plan in str(caught.value)


def test_an_address_without_a_federation_is_refused(host):
    with pytest.raises(LedgerError, match="does not hold this version's contract"):
        look_at(host.home, embedded_account("nobody").address)


def test_a_contract_of_another_kind_is_refused(host, address, monkeypatch):
    monkeypatch.setattr("fl_node.joining.is_federation", lambda _code: False)
    with pytest.raises(LedgerError, match="does not hold this version's contract"):
        look_at(host.home, address)


def test_who_is_registered_nowhere_may_look_and_accept(tmp_path):
    made = embedded_host(tmp_path / "host", role="node 7")
    offer = look_at(made.home, made.federation.address)
    assert offer.node is None
    offer.accept()
