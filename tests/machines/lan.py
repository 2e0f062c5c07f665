"""Machines on one switch: each is a network namespace with a cable of its own (a veth pair).

All of it is in namespaces named after this process: the machine that tests keeps its network.
"""

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field

NETWORK = "10.203.0"
_SWITCH, _BRIDGE, _CARD = "switch", "lan", "eth0"
_END_SECONDS = 20


class NamespacesError(Exception):
    """This machine lets nobody make network namespaces, or not this user."""


@dataclass
class Lan:
    """A switch, and the machines that are plugged in.

    :ivar namespaces: by machine; the switch has one, too
    :ivar inside: by machine, the words before a command that is to run there
    """

    ip: str
    namespaces: dict[str, str] = field(default_factory=dict)
    inside: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, machine: str, number: int) -> None:
        """Plug a machine in, with the address of this number."""
        inside, switch = self._new(machine), self.namespaces[_SWITCH]
        card = (*("link", "add", _CARD, "netns", inside), "type", "veth")
        self._ip(*card, "peer", "name", machine, "netns", switch)
        self._ip("-n", switch, "link", "set", machine, "master", _BRIDGE, "up")
        self._ip("-n", inside, "address", "add", f"{address(number)}/24", "dev", _CARD)
        self._ip("-n", inside, "link", "set", "lo", "up")
        self._ip("-n", inside, "link", "set", _CARD, "up")

    def cut(self, machine: str) -> None:
        """Pull the cable: nobody is told, packets just get lost."""
        self._ip("-n", self.namespaces[_SWITCH], "link", "set", machine, "down")

    def mend(self, machine: str) -> None:
        """Put it in again."""
        self._ip("-n", self.namespaces[_SWITCH], "link", "set", machine, "up")

    def close(self) -> None:
        """Kill what still runs on the machines, and remove all."""
        for namespace in self.namespaces.values():
            self._kill(namespace)
            self._ip("netns", "delete", namespace)

    def _kill(self, namespace: str) -> None:
        deadline = time.monotonic() + _END_SECONDS
        while pids := self._ip("netns", "pids", namespace).split():
            assert time.monotonic() < deadline, f"{pids} do not end"
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.1)

    def _new(self, machine: str) -> str:
        name = f"flnode-{os.getpid()}-{machine}"
        self._ip("netns", "add", name)
        self.namespaces[machine] = name
        self.inside[machine] = (self.ip, "netns", "exec", name)
        return name

    def _ip(self, *words: str) -> str:
        done = subprocess.run([self.ip, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stderr.strip() or f"exit status {done.returncode}"
            raise NamespacesError(f"ip {' '.join(words)}: {said}")
        return done.stdout


def address(number: int) -> str:
    """Give the address of the machine with this number."""
    return f"{NETWORK}.{10 + number}"


def open_lan() -> Lan:
    """Make a switch that nobody is plugged into.

    :raises NamespacesError: when this machine has no iproute2, or this user may not
    """
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    found = shutil.which("ip", path=places)
    if found is None:
        raise NamespacesError("there is no command ip here")
    lan = Lan(found)
    switch = lan._new(_SWITCH)
    try:
        lan._ip("-n", switch, "link", "add", _BRIDGE, "type", "bridge")
        lan._ip("-n", switch, "link", "set", _BRIDGE, "up")
    except NamespacesError:
        lan.close()
        raise
    return lan
