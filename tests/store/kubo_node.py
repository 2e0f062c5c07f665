"""Real Kubo nodes in a private swarm on loopback, for tests."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from fl_node.network.build import find_daemon
from fl_node.network.daemons import IPFS
from fl_node.network.host import Host, Ports
from fl_node.network.kubo import (
    ENVIRONMENT,
    FOLDER,
    SWARM_KEY,
    command,
    configure,
    make_repository,
    peer_id,
)

_START_SECONDS = 60


def kubo_binary() -> Path:
    """Find the daemon that tests run."""
    return find_daemon(IPFS, print)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class KuboNode:
    """A repository and the daemon over it; ports stay the same when it is started again.

    :ivar place: a folder of its own, as a host's
    """

    place: Path
    swarm_key: bytes
    ports: Ports = field(default_factory=lambda: Ports(0, 0, free_port(), free_port()))
    process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> Host:
        return Host("node-1", "127.0.0.1", self.ports, "", "", "", peer_id(self.place))

    @property
    def id(self) -> str:
        return self.host.peer_id

    @property
    def api(self) -> str:
        return f"/ip4/127.0.0.1/tcp/{self.ports.api}"

    @property
    def swarm_address(self) -> str:
        return self.host.swarm_address

    def create(self) -> "KuboNode":
        self.place.mkdir(parents=True)
        make_repository(kubo_binary(), self.place)
        (self.place / FOLDER / SWARM_KEY).write_bytes(self.swarm_key)
        configure(self.place, self.host, ())
        return self

    def know(self, others: Iterable["KuboNode"]) -> None:
        """Write its peering list; it counts from the next start."""
        configure(self.place, self.host, [other.host for other in others])

    def start(self) -> "KuboNode":
        log_file = self.place / "log"
        with log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command(kubo_binary()), env=self.environment(), stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers():
            assert time.monotonic() < deadline, log_file.read_text()
            assert self.process.poll() is None, log_file.read_text()
            time.sleep(0.02)
        return self

    def answers(self) -> bool:
        try:
            self.call("version")
        except (URLError, ConnectionError):
            return False
        return True

    def call(self, asked: str) -> str:
        """Ask its API, by other means than the store's."""
        request = Request(f"http://127.0.0.1:{self.ports.api}/api/v0/{asked}", method="POST")
        with urlopen(request, timeout=20) as answer:
            return str(answer.read().decode())

    def run(self, *arguments: str, content: bytes | None = None) -> str:
        """Run the program itself, which asks the daemon if it runs."""
        done = subprocess.run(
            [kubo_binary(), *arguments],
            env=self.environment(),
            input=content,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode(errors="replace").strip()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def connect(self, other: "KuboNode") -> None:
        self.call(f"swarm/connect?arg={other.swarm_address}/p2p/{other.id}")

    def environment(self) -> dict[str, str]:
        return os.environ | ENVIRONMENT | {"IPFS_PATH": str(self.place / FOLDER)}
