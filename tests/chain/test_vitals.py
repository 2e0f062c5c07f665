"""What a node says of itself, and transfers, on a chain in this process."""

import pytest
from web3.exceptions import Web3RPCError

from fl_node.chain.embedded import EmbeddedChain, embedded_account
from fl_node.chain.transfer import TRANSFER_GAS, transfer
from fl_node.chain.vitals import Vitals, chain_errors
from fl_node.errors import LedgerError, UnreachableError

GENESIS_SECONDS = 1_700_000_000
ALICE, BOB = embedded_account("alice"), embedded_account("bob")
STRANGER = "0x" + "11" * 20


@pytest.fixture
def chain():
    return EmbeddedChain([ALICE.address], GENESIS_SECONDS, clock=lambda: GENESIS_SECONDS + 10)


def test_a_node_tells_who_it_is_and_where_its_chain_is(chain):
    vitals = Vitals(chain)
    assert vitals.client().startswith("EthereumTester/")
    assert vitals.chain_id() == chain.chain_id
    assert vitals.genesis() == vitals.newest()
    assert (vitals.genesis().number, vitals.genesis().timestamp) == (0, GENESIS_SECONDS)
    assert vitals.blocks_behind() == 0
    assert vitals.code(ALICE.address) == b""


def test_a_transfer_moves_what_was_said_and_tells_its_block(chain):
    mined = transfer(chain, ALICE, STRANGER, 5)
    assert (mined.number, mined.timestamp) == (1, GENESIS_SECONDS + 10)
    assert Vitals(chain).balance_wei(STRANGER) == 5
    assert Vitals(chain).newest().number == 1


def test_a_transfer_to_oneself_costs_its_gas_only(chain):
    vitals = Vitals(chain)
    before, price = vitals.balance_wei(ALICE.address), vitals.gas_price_wei()
    transfer(chain, ALICE, ALICE.address, 0)
    assert 0 < before - vitals.balance_wei(ALICE.address) <= TRANSFER_GAS * price


def test_a_transfer_from_an_empty_account_is_one_error(chain):
    with pytest.raises(LedgerError, match="afford") as caught:
        transfer(chain, BOB, STRANGER, 5)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["", "0x12", "bob"])
def test_what_is_no_address_is_refused(chain, address):
    with pytest.raises(LedgerError, match="an address has 0x"):
        Vitals(chain).balance_wei(address)
    with pytest.raises(LedgerError, match="an address has 0x"):
        transfer(chain, ALICE, address, 1)


@pytest.mark.parametrize(
    ("cause", "ours"),
    [
        (ConnectionRefusedError("refused"), UnreachableError),
        (TimeoutError(), UnreachableError),
        (Web3RPCError("no such\nmethod"), LedgerError),
        (ValueError("no number"), LedgerError),
        (KeyError("result"), LedgerError),
    ],
)
def test_every_failure_becomes_one_line_of_ours(cause, ours):
    with pytest.raises(LedgerError) as caught, chain_errors("its peers"):
        raise cause
    assert type(caught.value) is ours
    assert str(caught.value).startswith("its peers was asked of the chain, found:")
    assert "\n" not in str(caught.value)
