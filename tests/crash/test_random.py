"""Fifty kills at random moments: roles and daemons, from a fixed seed."""

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fl_node.chain.ledger import Ledger
from fl_node.config import load_settings
from fl_node.connect import open_ledger, open_signer
from fl_node.network.supervision import processes
from fl_node.patience import Patience
from tests.crash.comparison import assert_nothing_changed
from tests.crash.conftest import Doomed
from tests.crash.keeper import Keeper
from tests.devnet.story import HEADER, HOSTS, Story, kill_daemon, wait_until

pytestmark = pytest.mark.slow

SEED, KILLS = 20, 50
LEAST_PAUSE_SECONDS, MOST_PAUSE_SECONDS = 2, 4
FIRST_ROUNDS, MORE_ROUNDS, AHEAD = 8, 2, 3
SECONDS = 480


def test_fifty_kills_at_random_moments(doomed: Doomed, devnet: Path, tmp_path: Path) -> None:
    daemons = sorted(each.name for each in processes(devnet))
    story = doomed(FIRST_ROUNDS)
    keeper = Keeper(story)
    death = Death(keeper, devnet, victims(daemons))
    story.start()
    try:
        with keeper.telling():
            keeper.keep(SECONDS, death.turn)
            story.rounds = death.rounds
            assert_nothing_changed(story, tmp_path)
    finally:
        sys.stdout.write("\n".join([f"seed {SEED}", *death.log, ""]))
    wait_until(lambda: {each.state for each in processes(devnet)} == {"RUNNING"}, "all run again")
    assert set(death.struck) == {*HOSTS, *daemons}
    assert sum(death.struck.values()) == KILLS
    assert len(death.rounds_hit) >= FIRST_ROUNDS


def victims(daemons: list[str]) -> Iterator[tuple[float, str]]:
    """Draw pauses and who dies after them: everybody often, in any order."""
    chance = random.Random(SEED)
    everybody = [*HOSTS, *daemons]
    drawn = everybody * (KILLS // len(everybody))
    drawn += chance.sample(everybody, KILLS - len(drawn))
    chance.shuffle(drawn)
    for victim in drawn:
        yield chance.uniform(LEAST_PAUSE_SECONDS, MOST_PAUSE_SECONDS), victim


@dataclass
class Death:
    """Comes when a pause is over; the owner lengthens the federation as long as it does.

    :ivar log: who was killed when, in which round, and what it said last
    """

    keeper: Keeper
    devnet: Path
    left: Iterator[tuple[float, str]]
    rounds: int = FIRST_ROUNDS
    log: list[str] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    rounds_hit: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._ledger = owners_ledger(self.keeper.story)
        self._next = next(self.left)
        self._due = self._began + self._next[0]

    def turn(self) -> bool:
        """Kill whoever is due; tell whether there are more to come."""
        if self._next is None or time.monotonic() < self._due:
            return self._next is not None
        self._strike(self._next[1])
        self._next = next(self.left, None)
        if self._next is not None:
            self._due = time.monotonic() + self._next[0]
            self._lengthen()
        return True

    def _strike(self, victim: str) -> None:
        number = self._round()
        if victim in HOSTS:
            said = self.keeper.last_said(victim)
            self.keeper.story.roles[victim].kill()
        else:
            said = f"header: {self.keeper.last_said(HEADER)}"
            kill_daemon(self.devnet, victim)
        seconds = time.monotonic() - self._began
        self.log.append(f"{seconds:6.1f} s, round {number:2}: {victim:12} {said}")
        self.struck[victim] += 1
        self.rounds_hit.add(number)

    def _round(self) -> int:
        return Patience(lambda _: None).until(self._ledger.snapshot).round.number

    def _lengthen(self) -> None:
        if self._round() > self.rounds - AHEAD:
            self.rounds += MORE_ROUNDS
            Patience(lambda _: None).until(self._extend)

    def _extend(self) -> None:
        if self._ledger.snapshot().terms.rounds < self.rounds:  # else only the answer was lost
            self._ledger.extend(self.rounds)


def owners_ledger(story: Story) -> Ledger:
    home = story.folder / HEADER
    settings = replace(load_settings(home, environment={}), federation=story.address)
    return open_ledger(home, settings, open_signer(home, settings, "owner_keystore"))
