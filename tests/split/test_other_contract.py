"""A role that is pointed at the other kind of contract says in one line which role is meant."""

import pytest
from click.testing import CliRunner

from fl_node.chain.embedded import embedded_account
from fl_node.chain.epochs import SplitTerms
from fl_node.chain.ethereum_session import deploy_session
from fl_node.cli import flnode
from fl_node.errors import PlanError
from tests.chain.scene import address
from tests.embedded_host import embedded_host
from tests.split.test_plan import PLAN


def refused(*arguments):
    done = CliRunner().invoke(flnode, [*map(str, arguments)])
    assert isinstance(done.exception, PlanError)
    said = str(done.exception)
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("role", "words"),
    [("node 1", ("train", "--node-id", 1, "--once")), ("header", ("aggregate", "--once"))],
)
def test_a_federations_role_names_the_command_for_split_learning(tmp_path, role, words):
    host = embedded_host(tmp_path / "host", role)
    plan = host.federation.store.put([PLAN.encode()])
    contract = deploy_session(
        host.federation.chain, embedded_account("owner"), plan, address("header"), SplitTerms(5, 60)
    )
    host.change(federation=contract, plan=str(plan))
    said = refused(*words, "-C", host.home)
    assert "'split', not a federation's: see flnode split --help" in said


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("node 1", ("train", "--node-id", 1)),
        ("header", ("provide",)),
        ("node 1", ("leakage",)),
    ],
)
def test_a_party_of_split_learning_names_the_commands_for_a_federation(tmp_path, role, words):
    host = embedded_host(tmp_path / "host", role)
    said = refused("split", *words, "-C", host.home)
    assert said.startswith(host.federation.address)
    assert "flnode train and flnode aggregate" in said
