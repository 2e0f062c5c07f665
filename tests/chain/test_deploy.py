"""Creating a federation: members, terms and global 0 are there when it returns."""

from dataclasses import replace

import pytest

from fl_node.chain.deploy import create_federation
from fl_node.chain.embedded import EmbeddedChain, embedded_account
from fl_node.chain.history import first_break
from fl_node.cid import Cid
from fl_node.errors import LedgerError, RevertedError
from fl_node.rounds import Global, Terms

OWNER = embedded_account("owner")
HEADER = embedded_account("header").address
PLAN, INITIAL = Cid(b"p" * 32), Cid(b"i" * 32)
TERMS = Terms(target=2, quorum=2, finality=1)
NODES = {number: embedded_account(f"node {number}").address for number in (1, 2, 7)}


@pytest.fixture(scope="module")
def chain():
    return EmbeddedChain([OWNER.address], 1_700_000_000, lambda: 0)


def create(chain, **changes):
    asked = {"plan": PLAN, "initial": INITIAL, "header": HEADER, "nodes": NODES, "terms": TERMS}
    return create_federation(chain, OWNER, **(asked | changes))


def test_round_1_is_open_for_all_nodes_under_the_terms(chain):
    ledger = create(chain)
    found = ledger.snapshot()
    assert (found.round.number, found.round.members, found.round.final) == (1, 3, True)
    assert (found.terms, found.header) == (TERMS, HEADER)
    assert found.latest == Global(0, INITIAL, None)
    assert {number: ledger.member(number).account for number in NODES} == NODES
    assert all(ledger.member(number).since <= found.round.opening for number in NODES)
    assert (ledger.plan(), ledger.owner(), ledger.account) == (PLAN, OWNER.address, OWNER.address)
    assert first_break(ledger.events(), ledger.chain_id, ledger.federation) is None


def test_two_federations_on_one_chain_do_not_mix(chain):
    one, other = create(chain), create(chain, nodes={3: NODES[1], 4: NODES[2]})
    assert one.federation != other.federation
    assert one.member(3) is None
    assert [event.kind for event in one.events()].count("NodeRegistered") == 3
    assert [event.kind for event in other.events()].count("NodeRegistered") == 2


REFUSED = {
    "quorum of none": ({"terms": replace(TERMS, quorum=0)}, "BadTerms"),
    "quorum above the target": ({"terms": replace(TERMS, quorum=3)}, "BadTerms"),
    "no seconds": ({"terms": replace(TERMS, round_seconds=0)}, "BadTerms"),
    "no rounds": ({"terms": replace(TERMS, rounds=0)}, "BadTerms"),
    "target above the nodes": ({"terms": replace(TERMS, target=4)}, "TermsDoNotFit"),
    "finality above the nodes": ({"terms": replace(TERMS, finality=4)}, "TermsDoNotFit"),
    "no nodes": ({"nodes": {}}, "TermsDoNotFit"),
    "node 0": ({"nodes": {0: NODES[1]}}, "ZeroNodeId"),
    "an account twice": ({"nodes": {1: NODES[1], 2: NODES[1]}}, "AccountTaken"),
    "no header": ({"header": "0x" + "00" * 20}, "ZeroAccount"),
}


@pytest.mark.parametrize(("changes", "error"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_by_the_contract(chain, changes, error):
    with pytest.raises(RevertedError) as caught:
        create(chain, **changes)
    assert caught.value.name == error


def test_a_header_that_is_no_address_is_refused_before_anything_is_sent(chain):
    before = chain.web3.eth.block_number
    with pytest.raises(LedgerError, match="an address has 0x and 40 hexadecimal digits"):
        create(chain, header="header")
    assert chain.web3.eth.block_number == before
