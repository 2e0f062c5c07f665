"""Three machines with addresses of their own: one is cut off for a while, one loses its power.

Each machine is a network namespace with a cable to a switch, so these tests take root and iproute2,
and fail without; where the variable TESTS_WITHOUT_ROOT is set they are skipped.
"""

import shutil
import time
from pathlib import Path

import pytest

from fl_node.network.host import NETWORK_FILE
from tests.devnet.story import HOSTS, undisturbed, wait_until
from tests.machines.lan import address

pytestmark = pytest.mark.slow

ROUNDS = 4
CUT_SECONDS = 20


def closed(story):
    """The rounds that the header closed so far."""
    lines = story.roles["header"].lines
    return [int(line.split()[1]) for line in lines if line.startswith("closed ")]


def wait_for(story, number):
    def happened():
        ended = [each.lines[-1:] for each in story.roles.values() if each.process.poll()]
        assert not ended, ended
        return number in closed(story)

    wait_until(happened, f"round {number} is closed")


def joined(machines, story, plan, *hosts):
    """Let hosts enter; give which node each is."""
    said = machines.type(hosts, "join", story.address, "--accept", plan)
    return {host: said[host]["node"] for host in hosts}


def cut_off(machines, story, host):
    """The others' chain goes on, the federation waits, and nothing is lost."""
    machines.lan.cut(host)
    before, sealed, done = machines.height(host), machines.height("header"), closed(story)
    time.sleep(CUT_SECONDS)
    assert machines.height("header") > sealed + CUT_SECONDS / 4
    assert machines.height(host) <= before + 1  # one block is all that a lone sealer makes
    assert len(closed(story)) <= len(done) + 1
    machines.lan.mend(host)


def end(machines, story, *hosts):
    """Let every role end; all hosts' audits are good. Give each round's global and its updates."""
    for role in story.roles.values():
        role.end()
    audits = machines.type(hosts, "audit")
    (status,) = machines.type(hosts[-1:], "status").values()
    found = [(each["ok"], each["rounds_checked"], each["rejections"]) for each in audits.values()]
    assert found == [(True, story.rounds, [])] * len(hosts)
    rounds = status["rounds"]
    assert [each["rejected"] + each["missing"] for each in rounds] == [[]] * story.rounds
    return [each["global"] for each in rounds], [each["included"] for each in rounds]


def test_a_federation_outlives_a_cut_cable_and_a_machine_without_power(machines, deploy, tmp_path):
    story, plan = deploy(ROUNDS)
    assert joined(machines, story, plan, *HOSTS) == {"header": 0, "node-1": 1, "node-2": 2}
    story.start("node-2", "header", "node-1")

    wait_for(story, 1)
    cut_off(machines, story, "node-1")

    wait_for(story, 2)
    machines.cut_power("node-2", story.roles["node-2"])
    machines.start("node-2")
    story.start("node-2")

    expected = undisturbed(tmp_path / "undisturbed", ROUNDS), [[1, 2]] * ROUNDS
    assert end(machines, story, *HOSTS) == expected


def test_a_fourth_machine_joins_and_counts_from_the_next_round(machines, deploy):
    story, plan = deploy(2)
    joined(machines, story, plan, "header")
    (added,) = machines.type(["header"], "nodes", "add", "3", "--address", address(3)).values()
    made = Path(added["folder"])
    for host in ("node-1", "node-2"):
        shutil.copy(made.parent / NETWORK_FILE, machines.folder / host)
    machines.arrive(made, 3)
    machines.start_until_ready("node-1", "node-2", "node-3")

    assert joined(machines, story, plan, "node-3") == {"node-3": 3}
    story.start(*HOSTS, "node-3")
    _, updates = end(machines, story, "header", "node-3")
    assert updates == [[1, 2], [1, 2, 3]]
