"""Nodes of a chain that is not ours join and leave by their accounts."""

import json

import pytest
from click.testing import CliRunner

from fl_node.chain.timeline import read_timeline
from fl_node.chain.vitals import Vitals
from fl_node.connect import connect
from fl_node.errors import LedgerError, NetworkError, RevertedError
from fl_node.growth.nodes import add_node, number_of, remove_node
from fl_node.nodes_command import nodes
from tests.embedded_host import EmbeddedHost, embedded_host

NEW, MIXED = "0x" + "ab" * 20, "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB"


@pytest.fixture
def host(tmp_path) -> EmbeddedHost:
    return embedded_host(tmp_path / "host")


def quiet(line):
    raise AssertionError(line)


def member(host, node):
    return connect(host.home)[1].ledger.member(node)


def run(*arguments):
    done = CliRunner().invoke(nodes, [str(each) for each in arguments], standalone_mode=False)
    if done.exception:
        raise done.exception
    return done.stdout


def test_a_node_with_an_account_is_registered_and_gets_no_money(host):
    done = add_node(host.home, 3, NEW, None, quiet)
    assert done.account.lower() == NEW
    assert (done.node, done.registered, done.funded_wei, done.folder) == (3, True, 0, None)
    assert done.steps == (f"on its host: flnode join {host.federation.address}",)
    assert member(host, 3).account == done.account
    assert Vitals(host.federation.chain).balance_wei(NEW) == 0


def test_again_it_changes_nothing(host):
    add_node(host.home, 3, NEW, None, quiet)
    before = (host.home / "chain.jsonl").read_bytes()
    assert not add_node(host.home, 3, NEW, None, quiet).registered
    assert (host.home / "chain.jsonl").read_bytes() == before


def test_without_an_account_there_has_to_be_a_private_network(host):
    with pytest.raises(NetworkError, match="give the node's --account"):
        add_node(host.home, 3, None, None, quiet)


@pytest.mark.parametrize("account", ["", "0x12", "node-3", NEW[:-1]])
def test_what_is_no_account_is_refused(host, account):
    with pytest.raises(LedgerError, match="an address has 0x"):
        add_node(host.home, 3, account, None, quiet)


def test_who_is_not_the_owner_gets_nothing_done(host):
    host.change(owner_keystore="keys/node-1.json")
    for act in (
        lambda: add_node(host.home, 3, NEW, None, quiet),
        lambda: remove_node(host.home, 2, quiet),
    ):
        with pytest.raises(RevertedError):
            act()


def test_before_a_deployment_nothing_is_registered(host):
    host.change(federation="")
    done = add_node(host.home, 3, NEW, None, quiet)
    assert (done.registered, done.steps) == (False, ())


def test_a_node_that_leaves_is_revoked(host):
    done = remove_node(host.home, 2, quiet)
    assert (done.revoked, done.reopened, done.voted_out) == (True, None, None)
    (step,) = done.steps
    assert step.startswith("round 1 waits for it until its deadline, unless you do: ")
    assert member(host, 2) is None


@pytest.mark.parametrize("at_once", [True, False])
def test_the_open_round_can_be_restarted_without_it(host, at_once):
    if not at_once:
        remove_node(host.home, 2, quiet)
    done = remove_node(host.home, 2, quiet, reopen=True)
    assert (done.revoked, done.reopened, done.steps) == (at_once, 1, ())
    assert sorted(read_timeline(connect(host.home)[1].ledger)[1].open_round.members) == [1]
    with pytest.raises(NetworkError, match="there is no node 2 here"):
        remove_node(host.home, 2, quiet, reopen=True)


def test_a_node_that_is_not_there_cannot_leave(host):
    with pytest.raises(NetworkError, match="there is no node 7 here"):
        remove_node(host.home, 7, quiet)


@pytest.mark.parametrize(("text", "node"), [("3", 3), ("node-3", 3), ("12", 12)])
def test_a_node_is_named_by_its_number_or_its_host(text, node):
    assert number_of(text) == node


@pytest.mark.parametrize("text", ["header", "0", "node-0", "node-03", "", "three", "-1", "3 "])
def test_other_names_are_none(text):
    with pytest.raises(NetworkError, match="header"):
        number_of(text)


def test_a_program_gets_one_document(host):
    added = json.loads(run("add", 3, "--account", NEW, "-C", host.home, "--json"))
    assert added["account"] == MIXED
    assert (added["node"], added["registered"], added["funded_wei"]) == (3, True, 0)
    removed = json.loads(run("remove", "node-3", "-C", host.home, "--json"))
    assert (removed.pop("node"), removed.pop("revoked")) == (3, True)
    assert removed == {"reopened": None, "voted_out": None, "steps": []}


def test_a_person_gets_lines_and_numbered_steps(host):
    told = run("add", 3, "--account", NEW, "-C", host.home).splitlines()
    assert told == [
        f"node 3 is {MIXED}, and is registered from now on",
        f"1. on its host: flnode join {host.federation.address}",
    ]
    assert run("remove", 3, "-C", host.home) == "node 3 is revoked\n"


def test_nobody_votes_where_no_daemons_run(host):
    with pytest.raises(NetworkError, match="no daemons run here"):
        run("vote", NEW, "out", "-C", host.home)
