"""Hosts on machines of their own, and what a user types on each."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fl_node.network.supervision import family
from tests.devnet.story import HEADER, SOURCES, Role, Story
from tests.machines.lan import Lan

_BIN = Path(sys.executable).parent
_FLNODE = str(_BIN / "flnode")
_PATIENCE_SECONDS = 150


@dataclass
class Machines:
    """Machines on a network, each with one host's folder.

    :ivar folder: holds a folder for each machine; no machine looks into another's
    """

    lan: Lan
    folder: Path

    def arrive(self, source: Path, number: int) -> None:
        """Plug in a machine, and move a host's folder to it as a user would."""
        self.lan.add(source.name, number)
        shutil.copytree(source, self.folder / source.name, symlinks=True)
        shutil.rmtree(source)

    def start(self, *hosts: str) -> dict[str, dict[str, Any]]:
        """Run their start scripts, all at once; each returns when its own daemons answer."""
        starts = {host: (self._home(host) + "/start", "--json") for host in hosts}
        return _documents({host: self._typed(host, *words) for host, words in starts.items()})

    def start_until_ready(self, *hosts: str) -> None:
        """Start hosts, and go on until each has found all others."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while any(lacks := [said["lacks"] for said in self.start(*hosts).values()]):
            assert time.monotonic() < deadline, lacks

    def type(self, hosts: Iterable[str], *words: str) -> dict[str, dict[str, Any]]:
        """Type an flnode command on machines at once; give the document that each prints."""
        typed = {host: self._typed(host, _FLNODE, *words, *self._place(host)) for host in hosts}
        return _documents(typed)

    def height(self, host: str) -> int:
        """Say how many blocks a host's Geth has."""
        status = self._typed(host, _FLNODE, "host", "status", *self._place(host))
        said = _documents({host: status}, codes=(0, 1))  # 1: it lacks something
        return int(said[host]["hosts"][0]["block"])

    def deploy(self, logs: Path, rounds: int) -> tuple[Story, str]:
        """Deploy a federation on the header's machine; give it and its plan."""
        words = ("-m", "tests.machines.small_deployment", self._home(HEADER), str(rounds))
        (said,) = _documents({HEADER: self._typed(HEADER, sys.executable, *words)}).values()
        logs.mkdir()
        story = Story(self.folder, logs, said["federation"], rounds, self.lan.inside)
        return story, said["plan"]

    def cut_power(self, host: str, role: Role) -> None:
        """Let a machine die: its cable first, so that no process says goodbye to anybody."""
        self.lan.cut(host)
        role.kill()
        while pids := family(self.folder / host):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        self.lan.mend(host)

    def _home(self, host: str) -> str:
        return str(self.folder / host)

    def _place(self, host: str) -> tuple[str, ...]:
        return ("--folder", self._home(host), "--json")

    def _typed(self, host: str, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.lan.inside[host], *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=SOURCES,
            env=os.environ | {"PATH": f"{_BIN}{os.pathsep}{os.environ['PATH']}"},
        )


def _documents(
    typed: Mapping[str, subprocess.Popen[str]], codes: tuple[int, ...] = (0,)
) -> dict[str, dict[str, Any]]:
    """Wait for the ends of commands, and read what each printed."""
    try:
        said = {host: each.communicate(timeout=_PATIENCE_SECONDS) for host, each in typed.items()}
    finally:
        for process in typed.values():
            with process:
                process.kill()  # nothing, if it has ended
    for host, process in typed.items():
        assert process.returncode in codes, f"{process.args}: {said[host][1][-2000:]}"
    return {host: json.loads(output) for host, (output, _) in said.items()}


def write_folders(folder: Path, hosts_file: Path) -> list[Path]:
    """Write a folder for each host, as a user does; give them in the order of the file."""
    words = ("network", str(hosts_file), "--folder", str(folder), "--json")
    done = subprocess.run([_FLNODE, *words], capture_output=True, text=True, check=True)
    hosts = json.loads(done.stdout)["network"]["hosts"]
    return [folder / each["name"] for each in hosts]
