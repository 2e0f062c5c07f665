"""Split learning on a devnet, each party a process of the real command."""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fl_node.chain.ethereum_session import EthereumSessionLedger
from fl_node.chain.session_timeline import SessionLog, SessionTimeline, read_session_timeline
from fl_node.config import load_settings, save_settings
from fl_node.connect import open_chain
from fl_node.members import read_members
from fl_node.patience import Patience
from fl_node.split.channel.keys import SessionKeys
from fl_node.split.deployment import deploy_split
from fl_node.split.draft import SplitDraft
from fl_node.split.epoch import checkpoint_file
from fl_node.split.record.journal import Journal
from fl_node.split.record.signed import session_id
from fl_node.split.upper import FOLDER
from tests.split.devnet.cradle import Cradle, Forked
from tests.split.devnet.small import THREADS

HEADER = "header"
KILLED = -9
WAIT_SECONDS = 150
_LOOK_SECONDS = 0.02
_PLAY = "tests.split.devnet.party:play"


@dataclass
class Life:
    """One process of a party, and what it printed."""

    process: Forked
    log: Path

    @property
    def text(self) -> str:
        return " ".join(self.log.read_text().split())

    def end(self, seconds: float = WAIT_SECONDS) -> int:
        """Wait for its end; gives the exit code."""
        return self.process.wait(seconds)


def host_of(node: int) -> str:
    return f"node-{node}" if node else HEADER


def wait_until(happened: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(_LOOK_SECONDS)


@dataclass
class Story:
    """One contract.

    :ivar network: the devnet's folder
    :ivar due: by host, moments that kill it, see :mod:`tests.split.devnet.wiring`
    :ivar misdeeds: by host, see :mod:`tests.split.devnet.misdeeds`
    :ivar words: by host, more words of its command
    :ivar lives: by host, its processes in their order
    """

    network: Path
    folder: Path
    draft: SplitDraft
    ledger: EthereumSessionLedger
    cradle: Cradle
    due: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    misdeeds: Mapping[str, str] = field(default_factory=dict)
    lives: dict[str, list[Life]] = field(default_factory=dict)
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def marks(self) -> Path:
        """Where a file is for every kill that was."""
        return self.folder / "marks"

    @property
    def hosts(self) -> list[str]:
        return [host_of(node) for node in range(self.draft.plan.training.nodes + 1)]

    def start(self, *hosts: str) -> None:
        """Start processes."""
        self.marks.mkdir(parents=True, exist_ok=True)
        for host in hosts or self.hosts:
            lives = self.lives.setdefault(host, [])
            log = self.folder / f"{host}-{len(lives) + 1}.log"
            process = self.cradle.fork(_PLAY, log, self._asked(host))
            lives.append(Life(process, log))

    def newest(self, host: str) -> Life:
        return self.lives[host][-1]

    def keep(self, seconds: float = WAIT_SECONDS) -> None:
        """Start again what was killed, until all have ended well."""
        end = time.monotonic() + seconds
        left = set(self.lives)
        while left:
            assert time.monotonic() < end, f"{left} do not end: {self._said(left)}"
            for host in sorted(left):
                code = self.newest(host).process.poll()
                if code == KILLED:
                    self.start(host)
                elif code == 0:
                    left.discard(host)
                else:
                    assert code is None, f"{host} ended with {code}: {self._said([host])}"
            time.sleep(_LOOK_SECONDS)

    def stop(self) -> None:
        for life in itertools.chain.from_iterable(self.lives.values()):
            life.process.kill()
            life.process.wait(WAIT_SECONDS)

    def timeline(self) -> SessionTimeline:
        patience = Patience(lambda _: None)
        return patience.until(lambda: read_session_timeline(self.ledger))

    def log(self, node: int = 1) -> SessionLog:
        return self.timeline().sessions[node]

    def roots(self, node: int = 1) -> list[bytes]:
        return [each.record.root for each in self.log(node).epochs]

    def session(self, node: int = 1) -> bytes:
        return session_id(self.ledger.chain_id, self.ledger.contract, node)

    def home(self, host: str) -> Path:
        """Give where a host keeps what belongs to this contract."""
        return self.network / host / FOLDER / self.ledger.contract

    def checkpoint(self, host: str, epoch: int, node: int = 1) -> bytes:
        return checkpoint_file(self.home(host) / self.session(node).hex(), epoch).read_bytes()

    def leaves(self, host: str, epoch: int, node: int = 1) -> list[bytes]:
        with Journal(self.home(host), self.session(node), epoch, lambda _: None) as journal:
            return journal.leaves()

    def keys(self, host: str) -> SessionKeys:
        """Give a party's keys, which it drew for this contract."""
        return SessionKeys.load_or_create(self.home(host), "unused", 1)

    def _asked(self, host: str) -> dict[str, Any]:
        home = str(self.network / host)
        role = ["provide"] if host == HEADER else ["train", "--node-id", host.partition("-")[2]]
        return {
            "command": ["split", *role, "-C", home, *self.words.get(host, ())],
            "host": host,
            "due": dict(self.due.get(host, {})),
            "marks": str(self.marks),
            "misdeed": self.misdeeds.get(host, ""),
        }

    def _said(self, hosts: Sequence[str] | set[str]) -> dict[str, str]:
        return {host: self.newest(host).text[-1500:] for host in hosts}


def deploy(network: Path, folder: Path, draft: SplitDraft, cradle: Cradle, **told: Any) -> Story:
    """Create a contract as the owner; its parties are the hosts of a devnet."""
    for host in (HEADER, "node-1", "node-2"):
        _calm(network / host)
    home = network / HEADER
    settings = load_settings(home, environment={})
    members = read_members(home).for_nodes(draft.plan.training.nodes)
    ledger, _ = deploy_split(home, settings, draft, members)
    view = EthereumSessionLedger(open_chain(home, settings), ledger.contract)
    folder.mkdir(parents=True)
    return Story(network, folder, draft, view, cradle, **told)


def _calm(home: Path) -> None:
    """Let TensorFlow of a host have as many threads as the whole model in the tests."""
    save_settings(home, replace(load_settings(home, environment={}), threads=THREADS))
