"""A node's account gets what it lacks, and its number once."""

import pytest

from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import CALL_GAS_LIMIT
from fl_node.chain.transfer import transfer
from fl_node.chain.vitals import Vitals
from fl_node.errors import LedgerError, RevertedError
from fl_node.growth.registry import FUNDED_WRITES, fund, register, revoke
from tests.small_federation import small_federation

NEW, OTHER = "0x" + "22" * 20, "0x" + "33" * 20
OWNER = embedded_account("owner")


@pytest.fixture
def federation(tmp_path):
    return small_federation(tmp_path / "federation")


def test_a_new_account_can_pay_for_its_writes_and_gets_it_once(federation):
    vitals = Vitals(federation.chain)
    sent = fund(federation.chain, OWNER, NEW)
    assert vitals.balance_wei(NEW) == sent
    assert sent >= FUNDED_WRITES * CALL_GAS_LIMIT * vitals.gas_price_wei()
    assert fund(federation.chain, OWNER, NEW) == 0
    assert vitals.balance_wei(NEW) == sent


def test_what_is_there_already_is_taken_into_account(federation):
    transfer(federation.chain, OWNER, NEW, 10**18)
    sent = fund(federation.chain, OWNER, NEW)
    assert Vitals(federation.chain).balance_wei(NEW) == 10**18 + sent
    assert fund(federation.chain, OWNER, embedded_account("node 1").address) == 0


def test_an_owner_who_cannot_pay_is_told_before_anything_is_sent(federation):
    poor = embedded_account("stranger")
    vitals = Vitals(federation.chain)
    transfer(federation.chain, poor, OTHER, vitals.balance_wei(poor.address) - 10**18)
    height = vitals.newest().number
    with pytest.raises(LedgerError, match=r"needs .* ether more, its owner .* has") as caught:
        fund(federation.chain, poor, NEW)
    assert "\n" not in str(caught.value)
    assert vitals.newest().number == height


def test_a_node_is_registered_once(federation):
    ledger = federation.ledger("owner")
    assert register(ledger, 3, NEW)
    assert not register(ledger, 3, NEW)
    assert ledger.member(3).account == NEW
    assert [event.kind for event in ledger.events()].count("NodeRegistered") == 3


def test_a_number_that_is_taken_is_refused_naming_both(federation):
    with pytest.raises(LedgerError, match=f"node 1 was to be {NEW}, found 0x.* registered"):
        register(federation.ledger("owner"), 1, NEW)


def test_an_account_has_one_number(federation):
    with pytest.raises(RevertedError):
        register(federation.ledger("owner"), 3, embedded_account("node 1").address)


def test_only_the_owner_registers_and_revokes(federation):
    for act in (lambda ledger: register(ledger, 3, NEW), lambda ledger: revoke(ledger, 1)):
        with pytest.raises(RevertedError):
            act(federation.ledger("stranger"))


def test_a_node_is_revoked_once(federation):
    ledger = federation.ledger("owner")
    assert revoke(ledger, 2)
    assert not revoke(ledger, 2)
    assert ledger.member(2) is None
