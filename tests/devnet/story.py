"""A federation of small tensors on a real devnet, each role a process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aggregator.audit import Audit, audit
from fl_node.chain.deploy import create_federation
from fl_node.chain.ethereum import EthereumLedger
from fl_node.chain.timeline import Timeline, read_timeline
from fl_node.config import load_settings
from fl_node.connect import open_chain, open_ledger, open_signer, open_store
from fl_node.federation import Federation, open_federation
from fl_node.members import read_members
from fl_node.network.supervision import processes
from fl_node.patience import Patience
from fl_node.rounds import Terms
from tests.small_federation import initial_weights, small_federation, small_plan

HEADER, NODES = "header", (1, 2)
HOSTS = (HEADER, *(f"node-{node}" for node in NODES))
SOURCES = Path(__file__).parents[2]
WAIT_SECONDS = 180


def wait_until(happened: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def kill_daemon(folder: Path, name: str) -> None:
    """Kill one with SIGKILL as soon as it runs; its supervisor starts another."""

    def pids() -> list[int]:
        return [each.pid for each in processes(folder) if each.name == name and each.pid]

    wait_until(lambda: bool(pids()), f"{name} runs")
    os.kill(pids()[0], signal.SIGKILL)


class Process(Protocol):
    """What of :class:`subprocess.Popen` is asked of a role."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def kill(self) -> None: ...


@dataclass
class Role:
    """A process, and what it printed."""

    name: str
    log: Path
    process: Process

    @property
    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self, seconds: float = WAIT_SECONDS) -> None:
        """Wait for its end; it must be a good one."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} does not end: {self.lines[-5:]}") from None
        assert code == 0, f"{self.name} ended with {code}: {self.lines[-20:]}"


Launch = Callable[["Story", str, Path], Process]


def number_of(host: str) -> int:
    """Give a node's number, or 0 for the header."""
    return 0 if host == HEADER else int(host.removeprefix("node-"))


def launch_small(story: "Story", host: str, log: Path) -> Process:
    """Begin a role of small tensors, with nothing but what its command line says."""
    command = [
        *story.inside.get(host, ()),
        *(sys.executable, "-m", "tests.devnet.small_role"),
        *(str(story.folder / host), story.address, str(number_of(host))),
    ]
    with log.open("wb") as stream:
        return subprocess.Popen(command, stdout=stream, stderr=stream, cwd=SOURCES)


@dataclass
class Story:
    """One federation on a devnet.

    :ivar folder: the devnet's
    :ivar logs: what its roles print
    :ivar inside: by host, the words before a command that is to run on the host's machine
    :ivar launch: how a role begins
    """

    folder: Path
    logs: Path
    address: str
    rounds: int
    inside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    launch: Launch = launch_small
    roles: dict[str, Role] = field(default_factory=dict)

    def start(self, *hosts: str) -> None:
        for host in hosts or HOSTS:
            log = self.logs / f"{host}-{time.monotonic_ns()}.log"
            self.roles[host] = Role(host, log, self.launch(self, host, log))

    def view(self, host: str = HEADER) -> Federation:
        home = self.folder / host
        settings = load_settings(home, environment={"FLNODE_FEDERATION": self.address})
        return open_federation(open_ledger(home, settings), open_store(home, settings))

    def timeline(self, host: str = HEADER) -> Timeline:
        """Read it, however many daemons are away just now."""
        patience = Patience(lambda _: None)
        return patience.until(lambda: read_timeline(self.view(host).ledger)[1])

    def wait_for_round(self, number: int) -> None:
        """Wait until this round is open."""
        wait_until(lambda: self.timeline().open_number >= number, f"round {number}")

    def finish(self) -> None:
        """Let every role end by itself, and see that nothing was lost on the way."""
        for role in self.roles.values():
            role.end()
        assert self.globals() == undisturbed(self.logs / "undisturbed", self.rounds)
        timeline = self.timeline()
        for number in range(1, self.rounds + 1):
            log = timeline.rounds[number]
            assert (sorted(log.updates), log.rejections, log.missing) == ([1, 2], (), [])
        assert self.audit().ok

    def globals(self, host: str = HEADER) -> list[str]:
        timeline = self.timeline(host)
        return [str(timeline.model(number).weights) for number in range(1, self.rounds + 1)]

    def audit(self, host: str = HEADER) -> Audit:
        return audit(self.view(host), lambda _number: None)

    def stop(self) -> None:
        for role in self.roles.values():
            role.kill()


def create_small(home: Path, terms: Terms) -> EthereumLedger:
    """Deploy as the owner whose host this is; its nodes are registered, round 1 is open."""
    settings = load_settings(home, environment={})
    store, members = open_store(home, settings), read_members(home)
    store.put(initial_weights().pieces())
    return create_federation(
        open_chain(home, settings),
        open_signer(home, settings, "owner_keystore"),
        plan=store.put([small_plan(fetch_timeout_seconds=60).encode()]),
        initial=initial_weights().cid(),
        header=members.header,
        nodes=members.nodes,
        terms=terms,
    )


def deploy_small(folder: Path, logs: Path, terms: Terms) -> Story:
    """Deploy on a devnet."""
    ledger = create_small(folder / HEADER, terms)
    logs.mkdir(exist_ok=True)
    return Story(folder, logs, ledger.federation, terms.rounds)


def undisturbed(folder: Path, rounds: int) -> list[str]:
    """Give the globals of the same federation in one process, where nothing ever happens."""
    small = small_federation(folder, terms=Terms(rounds=rounds))
    return [str(small.run_round(*NODES).model.weights) for _ in range(rounds)]
