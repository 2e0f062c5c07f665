"""The commands of the federation's owner about its rounds."""

import json

import pytest
from click.testing import CliRunner

from fl_node.chain.timeline import read_timeline
from fl_node.connect import connect
from fl_node.errors import LedgerError, RevertedError
from fl_node.owner_command import owner
from tests.embedded_host import embedded_host


@pytest.fixture
def host(tmp_path):
    return embedded_host(tmp_path / "host", role="header")


def run(host, *arguments):
    done = CliRunner().invoke(owner, [*map(str, arguments), "-C", str(host.home)])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def acts(host):
    """What the chain says that the owner did, as another process reads it."""
    timeline = read_timeline(connect(host.home)[1].ledger)[1]
    return [act.kind for act in timeline.owner_acts]


def now(host):
    return connect(host.home)[1].ledger.snapshot()


def test_another_header_is_one_act_however_often_it_is_asked_for(host):
    account = host.federation.ledger("node 2").account
    for _ in range(2):
        done = run(host, "header", account)
        assert done.stdout == f"the header is {account}; on its host: flnode aggregate\n"
    assert now(host).header == account
    assert acts(host).count("HeaderSet") == 1


def test_the_open_round_is_reopened(host):
    host.federation.send(1)
    document = json.loads(run(host, "reopen", "--json").stdout)
    assert document == {"reopened": 1}
    assert now(host).round.received == 0


def test_another_round_than_the_open_one_is_refused_by_the_contract(host):
    with pytest.raises(RevertedError, match="WrongRound"):
        run(host, "reopen", "--round", 7)


def test_the_last_round_is_moved(host):
    assert run(host, "extend", 9).stdout == "the last round is 9, it was 3\n"
    assert now(host).terms.rounds == 9


def test_terms_count_from_the_next_round_on(host):
    document = json.loads(run(host, "terms", "--quorum", 2, "--finality", 1, "--json").stdout)
    assert {"quorum": 2, "finality": 1, "rounds": 3}.items() <= document["terms"].items()
    assert run(host, "terms").exit_code == 2
    run(host, "reopen")
    found = now(host).terms
    assert (found.quorum, found.finality) == (2, 1)


def test_terms_that_contradict_each_other_are_refused(host):
    with pytest.raises(RevertedError, match="TermsDoNotFit"):
        run(host, "terms", "--quorum", 9)


def test_an_account_that_is_no_address_is_one_line(host):
    with pytest.raises(LedgerError, match="an address has 0x and 40 hexadecimal digits"):
        run(host, "header", "alice")


def test_who_is_not_the_owner_is_refused_by_the_contract(host):
    host.change(owner_keystore="keys/header.json")
    with pytest.raises(RevertedError, match="NotOwner"):
        run(host, "reopen")
