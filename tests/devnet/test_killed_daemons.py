"""Daemons that die in the middle of a round: the round ends, and nothing is lost."""

import pytest

from fl_node.network import devnet as network
from fl_node.network.supervision import processes, start_program, stop_program
from tests.devnet.story import HOSTS, kill_daemon, wait_until

pytestmark = pytest.mark.slow


def all_run(folder) -> bool:
    states = [each.state for each in processes(folder)]
    return len(states) == 6 and set(states) == {"RUNNING"}


def test_every_daemon_in_turn_is_killed_in_the_middle_of_a_round(devnet, story):
    names = sorted(each.name for each in processes(devnet))
    assert len(names) == 6
    federation = story(rounds=len(names))
    federation.start()
    for number, name in enumerate(names, start=1):
        federation.wait_for_round(number)
        kill_daemon(devnet, name)
    federation.finish()
    wait_until(lambda: all_run(devnet), "all daemons run again")


def test_all_daemons_are_killed_at_once(devnet, story):
    federation = story(rounds=3)
    federation.start()
    federation.wait_for_round(2)
    for each in processes(devnet):
        kill_daemon(devnet, each.name)
    federation.finish()


def test_the_devnet_goes_down_and_up_between_rounds(devnet, story):
    federation = story(rounds=3)
    federation.start()
    federation.wait_for_round(2)
    assert network.down(devnet)
    assert processes(devnet) == ()
    # A role that is started while all daemons are away waits for them.
    federation.roles["node-1"].kill()
    federation.start("node-1")
    waiting = federation.roles["node-1"]
    wait_until(lambda: any("see that the node runs" in line for line in waiting.lines), "it waits")
    network.up(devnet, lambda _: None)
    federation.finish()


def test_each_sealer_in_turn_is_dead_for_a_whole_round(devnet, story):
    federation = story(rounds=3)
    sealers = [each.name for each in processes(devnet) if "geth" in each.name]
    assert len(sealers) == 3
    federation.start()
    for number, name in enumerate(sorted(sealers), start=1):
        stop_program(devnet, name)
        host = name.removesuffix("-geth").removeprefix("geth-")
        assert host in HOSTS
        # A role whose own node is away waits; the others' chain goes on without it.
        others = [each for each in HOSTS if each != host]
        wait_until(
            lambda others=others, number=number: (
                federation.timeline(others[0]).open_number >= number
            ),
            "the other sealers go on",
        )
        start_program(devnet, name)
        federation.wait_for_round(number + 1)
    federation.finish()


def test_all_roles_are_killed_and_started_again(story):
    federation = story(rounds=4)
    for number in (1, 2, 3):
        federation.start()
        federation.wait_for_round(number + 1)
        federation.stop()
    federation.start()
    federation.finish()
