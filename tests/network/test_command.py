import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from fl_node.errors import FlnodeError
from fl_node.network.command import devnet
from fl_node.network.host import load_network
from fl_node.network.host_command import host, network
from fl_node.network.supervision import processes
from tests.network.test_layout import HOSTS


def run(command: click.Command, *words: str, answer: str = "") -> tuple[int, str, str]:
    """Give exit status, standard output and standard error; a named error is raised."""
    done = CliRunner().invoke(command, list(words), input=answer)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def test_a_network_of_machines_is_written_and_says_what_to_copy_where(tmp_path, ipfs):
    (tmp_path / "hosts.toml").write_text(HOSTS)
    place = tmp_path / "lab"
    status, out, _ = run(network, str(tmp_path / "hosts.toml"), "-C", str(place))
    assert status == 0
    assert f"copy {place}/node-1 to 10.0.0.2 and run ./start there; it listens on TCP 30303" in out
    _, out, _ = run(network, str(tmp_path / "hosts.toml"), "-C", str(place), "--json")
    document = json.loads(out)
    assert (document["created"], document["network"]["chain_id"]) == (
        False,
        load_network(place).chain_id,
    )


def test_a_host_that_is_down_says_so_with_status_1(tmp_path, ipfs):
    (tmp_path / "hosts.toml").write_text(HOSTS)
    run(network, str(tmp_path / "hosts.toml"), "-C", str(tmp_path / "lab"))
    place = str(tmp_path / "lab" / "node-1")
    status, out, _ = run(host, "status", "-C", place)
    assert status == 1
    assert "not ready: its daemons are stopped" in out
    status, out, _ = run(host, "status", "-C", place, "--json")
    assert (status, json.loads(out)["running"]) == (1, False)
    assert run(host, "down", "-C", place)[1] == f"{place} was down already: nothing was changed\n"
    assert run(host, "logs", "-C", place) == (0, "", "")


@pytest.mark.parametrize("words", [["down"], ["status"], ["logs"]])
def test_a_devnet_that_is_not_there_is_a_named_error(tmp_path, words):
    with pytest.raises(FlnodeError, match="no network here"):
        run(devnet, *words, "-C", str(tmp_path / "nothing"))


@pytest.mark.slow
def test_deleting_asks_first(devnet_folder):
    status, _, err = run(devnet, "reset", "-C", str(devnet_folder), answer="n\n")
    assert status == 1
    assert f"delete {devnet_folder} with its keys, chain and store?" in err
    assert len(processes(devnet_folder)) == 6


@pytest.mark.slow
def test_up_shows_what_runs_where_and_what_to_type_next(devnet_folder):
    status, out, err = run(devnet, "up", "-C", str(devnet_folder))
    assert (status, err) == (0, "")
    made = load_network(devnet_folder)
    for each in made.hosts:
        line = next(line for line in out.splitlines() if line.startswith(each.name))
        assert f"127.0.0.1:{each.ports.rpc} " in line
        assert f"127.0.0.1:{each.ports.api} " in line
        assert line.endswith(str(devnet_folder / each.name))
    assert "it was up already: nothing was changed" in out
    typed = [line.strip() for line in out.splitlines() if line.startswith("  flnode ")]
    assert typed == [
        f"{words} -C {devnet_folder}"
        for words in (
            "flnode deploy examples/mnist.toml",
            "flnode train --node-id 1",
            "flnode train --node-id 2",
            "flnode aggregate",
            "flnode status --watch",
        )
    ]


@pytest.mark.slow
def test_status_as_json_has_a_row_for_each_host(devnet_folder):
    status, out, _ = run(devnet, "status", "-C", str(devnet_folder), "--json")
    document = json.loads(out)
    assert (status, document["ready"], document["lacks"]) == (0, True, "")
    rows = {row["name"]: row for row in document["hosts"]}
    assert set(rows) == {"header", "node-1", "node-2"}
    assert {(row["chain_peers"], row["swarm_peers"]) for row in rows.values()} == {(2, 2)}
    assert all(row["block"] > 0 for row in rows.values())
    states = {row[daemon] for row in rows.values() for daemon in ("geth", "ipfs")}
    assert states <= {"STARTING", "RUNNING"}  # the first is the supervisor's word for a second


@pytest.mark.slow
def test_logs_are_shown_by_daemon(devnet_folder):
    _, out, _ = run(devnet, "logs", "node-1", "-n", "3", "-C", str(devnet_folder))
    names = re.findall(r"^(node-1-(?:geth|ipfs)): ", out, re.MULTILINE)
    assert names == ["node-1-geth"] * 3 + ["node-1-ipfs"] * 3


def test_the_script_for_several_machines_calls_the_command():
    script = Path(__file__).parents[2] / "scripts" / "network"
    assert script.stat().st_mode & 0o111
    assert script.read_text().endswith('.venv/bin/flnode" network "$@"\n')
