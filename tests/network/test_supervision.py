import os
import signal
import sys
import time
from pathlib import Path

import pytest

from fl_node.errors import DaemonError
from fl_node.network.supervision import (
    CONFIG,
    Program,
    family,
    processes,
    stop,
    supervise,
)

SLEEPER = (sys.executable, "-S", "-c", "import time; time.sleep(600)", "--mine")


def programs(count: int = 2, command: tuple[str, ...] = SLEEPER) -> list[Program]:
    return [
        Program(f"p{number}", command, f"logs/p{number}.log", {"NUMBER": str(number)})
        for number in range(count)
    ]


@pytest.fixture(params=["plain", "100% of it (a, b)"])
def folder(tmp_path, request):
    place = tmp_path / request.param
    place.mkdir()
    yield place
    stop(place)


def eventually(happens, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Say whether a process runs; one that has ended may wait for its parent to notice."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def pids(folder: Path) -> dict[str, int]:
    return {each.name: each.pid for each in processes(folder)}


def test_programs_run_and_a_second_call_changes_nothing(folder):
    assert supervise(folder, programs(), "facts")
    first = pids(folder)
    assert set(first) == {"p0", "p1"}
    assert not supervise(folder, programs(), "facts")
    assert pids(folder) == first


def test_what_dies_is_started_again(folder):
    supervise(folder, programs(), "facts")
    eventually(lambda: all(each.state == "RUNNING" for each in processes(folder)))
    before = pids(folder)["p1"]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: pids(folder)["p1"] not in (0, before))


@pytest.mark.parametrize("change", ["programs", "facts"])
def test_a_change_restarts_all(folder, change):
    supervise(folder, programs(), "facts")
    before = pids(folder)
    described = (programs(3), "facts") if change == "programs" else (programs(), "others")
    assert supervise(folder, *described)
    after = pids(folder)
    assert len(after) == len(described[0])
    assert not set(before.values()) & set(after.values())


def test_stopping_ends_all_and_leaves_no_socket(folder):
    supervise(folder, programs(), "facts")
    running = family(folder)
    assert stop(folder)
    assert not stop(folder)
    assert processes(folder) == ()
    assert not any(map(lives, running))
    assert not (folder / "run").is_symlink()


def test_daemons_of_a_killed_supervisor_are_ended_before_new_ones_start(folder):
    supervise(folder, programs(), "facts")
    eventually(lambda: len(family(folder)) == 3)
    orphans = set(pids(folder).values())
    (supervisor,) = set(family(folder)) - orphans
    os.kill(supervisor, signal.SIGKILL)
    eventually(lambda: processes(folder) == ())
    assert supervise(folder, programs(), "facts")
    assert not any(map(lives, orphans))
    assert len(pids(folder)) == 2


def test_everything_is_for_the_owner_only(folder):
    supervise(folder, programs(), "facts")
    assert (folder / CONFIG).stat().st_mode & 0o777 == 0o600
    assert (folder / "logs").stat().st_mode & 0o777 == 0o700
    socket = (folder / "run").resolve() / "supervisor.sock"
    assert socket.stat().st_mode & 0o777 == 0o700


def test_what_a_program_writes_is_kept_and_its_environment_is_its_own(folder):
    says = ("/bin/sh", "-c", "echo I am $NUMBER; exec sleep 600", "--mine")
    supervise(folder, programs(1, says), "facts")
    eventually(lambda: (folder / "logs" / "p0.log").read_text() == "I am 0\n")


def test_a_path_that_the_configuration_cannot_hold_is_refused(tmp_path):
    odd = [Program("p", ("/bin/a ;b",), "log")]
    with pytest.raises(DaemonError, match="cannot hold the path"):
        supervise(tmp_path, odd, "facts")
    stop(tmp_path)
