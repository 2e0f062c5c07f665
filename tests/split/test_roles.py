"""What a party of split learning needs before it begins, said in one line where it is missing."""

from pathlib import Path

from click.testing import CliRunner

from fl_node.chain.embedded import embedded_account
from fl_node.chain.epochs import SplitTerms
from fl_node.chain.ethereum_session import EthereumSessionLedger, deploy_session
from fl_node.cli import flnode
from fl_node.errors import LedgerError
from tests.chain.scene import address
from tests.embedded_host import embedded_host
from tests.split.test_plan import PLAN

EXAMPLE = Path(__file__).parents[2] / "examples" / "split.toml"


def refused(folder, role, *words, provider="header", nodes=()):
    """Ask a role of a contract, without any data owner unless some are named."""
    host = embedded_host(folder / "host", role)
    plan = host.federation.store.put([PLAN.encode()])
    owner, terms = embedded_account("owner"), SplitTerms(5, 60)
    contract = deploy_session(host.federation.chain, owner, plan, address(provider), terms)
    registered = {node: address(name) for node, name in enumerate(nodes, 1)}
    EthereumSessionLedger(host.federation.chain, contract, owner).register_nodes(registered)
    host.change(federation=contract, plan=str(plan))
    done = CliRunner().invoke(flnode, ["split", *words, "-C", str(host.home)])
    assert isinstance(done.exception, LedgerError)
    said = str(done.exception)
    assert "\n" not in said
    return said


def test_a_provider_without_data_owners_says_so(tmp_path):
    assert "has no data owner: its owner registers them" in refused(tmp_path, "header", "provide")


def test_only_the_providers_account_provides(tmp_path):
    said = refused(tmp_path, "node 1", "provide")
    assert f"{address('node 1')} is not the provider" in said
    assert address("header") in said


def test_an_account_that_is_no_node_is_told_whom_to_ask(tmp_path):
    said = refused(tmp_path, "node 1", "train")
    assert "is no node of" in said
    assert "ask its owner to register it" in said


def test_a_node_that_is_said_to_be_another_hears_which_it_is(tmp_path):
    words, nodes = ("train", "--node-id", "2"), ("node 1", "node 2")
    said = refused(tmp_path, "node 1", *words, nodes=nodes)
    assert f"{address('node 1')} is node 1 of " in said
    assert "not node 2: use that node's host, or leave out --node-id" in said


def test_a_deployment_says_which_commands_come_next(tmp_path):
    home = str(embedded_host(tmp_path / "host", "owner").home)
    members = ["--header", address("header"), "--node", f"1={address('node 1')}"]
    words = ["deploy", str(EXAMPLE), "-C", home, "--another", *members]
    done = CliRunner().invoke(flnode, words, catch_exceptions=False)
    assert done.output.splitlines()[-4:] == [
        "next, 3 lines, each in its own terminal:",
        f"  flnode split provide -C {home}",
        "  flnode split train, on each data owner's host",
        f"  flnode status --watch -C {home}",
    ]
