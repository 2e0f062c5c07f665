"""The commands of a network on Anvil and on current Geth: the same as on Clique, once each."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fl_node.chain.accounts import new_account, new_password
from fl_node.cli import flnode
from fl_node.config import Settings, load_settings, save_settings
from tests.chain.rpc_nodes import RpcNode

pytestmark = pytest.mark.slow

PLAN = """
name = "a few digits"
model = "cnn"
data = "mnist"
nodes = 2
images = 64
epochs = 1
batch_size = 16
[terms]
rounds = 1
"""
HOSTS = ("header", "node-1", "node-2")


@pytest.fixture(params=["anvil", "geth_dev"])
def node(request) -> RpcNode:
    return request.getfixturevalue(request.param)


@pytest.fixture
def network(node: RpcNode, tmp_path: Path) -> Path:
    """Folders as `flnode network` would write them, for a chain that is somebody else's."""
    accounts = {}
    for host in HOSTS:
        home = tmp_path / host
        (home / "keys").mkdir(parents=True)
        password = new_password(home / "keys" / "password")
        names = [host, "owner"] if host == "header" else [host]
        for name in names:
            accounts[name] = new_account(home / "keys" / f"{name}.json", password, light=True)
            node.fund(accounts[name])
        owner = "keys/owner.json" if host == "header" else ""
        settings = Settings(
            chain=node.url,
            store=f"directory:{tmp_path / 'store'}",
            keystore=f"keys/{host}.json",
            owner_keystore=owner,
            password_file="keys/password",
        )
        save_settings(home, settings)
    (tmp_path / "header" / "members.toml").write_text(
        f'header = "{accounts["header"]}"\n[nodes]\n'
        f'1 = "{accounts["node-1"]}"\n2 = "{accounts["node-2"]}"\n'
    )
    (tmp_path / "plan.toml").write_text(PLAN)
    return tmp_path


def typed(*words: str) -> str:
    done = CliRunner().invoke(flnode, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_federation_by_its_commands(network):
    header, nodes = network / "header", [network / "node-1", network / "node-2"]
    deployed = json.loads(typed("deploy", network / "plan.toml", "-C", header, "--json"))
    assert set(deployed["nodes"]) == {"1", "2"}
    for home in nodes:  # on machines of their own nobody writes into their settings
        assert load_settings(home).federation == ""
        joined = json.loads(
            typed(
                "join", deployed["federation"], "--accept", deployed["plan"], "-C", home, "--json"
            )
        )
        assert joined["accepted"]

    sent = [json.loads(typed("train", "-C", home, "--once", "--json")) for home in nodes]
    assert [(each["node"], each["rounds"]) for each in sent] == [(1, [1]), (2, [1])]
    closed = json.loads(typed("aggregate", "-C", header, "--once", "--json"))
    assert closed["rounds"] == [1]
    assert 0 <= closed["accuracy"][0] <= 1
    assert json.loads(typed("audit", "-C", header, "--json"))["ok"]

    # What is complete stays complete, whoever is started again.
    assert json.loads(typed("train", "-C", nodes[0], "--json"))["rounds"] == []
    assert json.loads(typed("aggregate", "-C", header, "--json"))["rounds"] == []
    told = typed("deploy", network / "plan.toml", "-C", header)
    assert "round 1 is open" in told
    refused = CliRunner().invoke(flnode, ["deploy", str(network / "plan.toml"), "-C", str(header)])
    assert "add --another" in str(refused.exception)
