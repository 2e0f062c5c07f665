"""A member fetches what others sent, a file at a time."""

import time
from dataclasses import dataclass, field, replace

import pytest

from fl_node import holding
from fl_node.cid import Cid
from fl_node.errors import DigestMismatchError, StoreUnreachableError, UnavailableError
from fl_node.holding import Holding, wanted
from fl_node.patience import Patience
from fl_node.rounds import Reason
from fl_node.store.directory import DirectoryStore
from fl_node.store.store import Store
from fl_node.upkeep import Upkeep
from tests.small_federation import silent, small_federation


@dataclass
class Borrowing(Store):
    """A member's own store, which fetches from everybody else's.

    :ivar lies: CIDs for which the others give other bytes
    """

    own: DirectoryStore
    others: DirectoryStore
    lies: set[Cid] = field(default_factory=set)
    asked: list[Cid] = field(default_factory=list)
    away: bool = False

    def put(self, pieces):
        return self.own.put(pieces)

    def fetch(self, cid, *, max_bytes, timeout_seconds):
        if not self.own.holds(cid):
            self.asked.append(cid)
            if cid in self.lies:
                raise DigestMismatchError("other bytes")
            found = self.others.read(cid, max_bytes=max_bytes, timeout_seconds=timeout_seconds)
            self.own.put([found])
        return self.own.fetch(cid, max_bytes=max_bytes, timeout_seconds=timeout_seconds)

    def holds(self, cid):
        if self.away:
            raise StoreUnreachableError("away")
        return self.own.holds(cid)

    def drop(self, cid):
        self.own.drop(cid)


@pytest.fixture
def small(tmp_path):
    made = small_federation(tmp_path / "all")
    made.run_round(1, 2)
    made.run_round(1, 2)
    return made


@pytest.fixture
def member(small, tmp_path):
    """Node 1 with a store of its own, empty so far."""
    store = Borrowing(DirectoryStore(tmp_path / "own"), small.store)
    return replace(small.view("node 1"), store=store)


def everything(small, keep_rounds: int = 0) -> set[Cid]:
    return set(wanted(small.timeline(), keep_rounds))


def fetch_all(member, timeline, keep_rounds: int = 0) -> Holding:
    made = Holding(member, keep_rounds)
    deadline = time.monotonic() + 60
    while made.turn(timeline):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    return made


def test_everything_that_rounds_brought_is_wanted(small):
    logs = [small.timeline().rounds[number] for number in (1, 2)]
    sent = {update.weights for log in logs for update in log.submitted}
    made = {cid for log in logs for cid in (log.closing.model.weights, log.closing.model.report)}
    assert everything(small) == sent | made


def test_a_member_ends_up_with_everything(small, member):
    fetch_all(member, small.timeline())
    assert all(member.store.own.holds(cid) for cid in everything(small))
    assert len(member.store.asked) == len(everything(small))


def test_what_is_here_is_not_fetched(small, member):
    fetch_all(member, small.timeline())
    asked = len(member.store.asked)
    fetch_all(member, small.timeline())
    assert len(member.store.asked) == asked


def test_only_rounds_that_are_kept_are_fetched(small, member):
    fetch_all(member, small.timeline(), keep_rounds=1)
    assert set(member.store.asked) == everything(small, 1)
    assert len(everything(small, 1)) < len(everything(small))


def test_a_rejected_update_is_its_closers_to_keep(small):
    junk = small.submit(1, content=b"junk")
    small.ledger("header").reject_local_weight(1, 3, junk.weights, Reason.NOT_CANONICAL)
    assert junk.weights not in everything(small)


def test_what_nobody_serves_is_asked_for_again_later(small, member, monkeypatch):
    monkeypatch.setattr(holding, "_FIRST_PAUSE_SECONDS", 0.2)
    lost = small.timeline().rounds[1].closing.model.report
    content = small.place(lost).read_bytes()
    small.place(lost).unlink()
    made = fetch_all(member, small.timeline())
    assert member.store.asked.count(lost) == 1
    small.store.put([content])
    assert not made.turn(small.timeline())  # the pause is running
    time.sleep(0.3)
    assert made.turn(small.timeline())
    deadline = time.monotonic() + 60
    while not member.store.own.holds(lost):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_other_bytes_are_not_asked_for_again(small, member):
    lie = small.timeline().rounds[1].closing.model.report
    member.store.lies.add(lie)
    made = fetch_all(member, small.timeline())
    assert not made.turn(small.timeline())
    assert member.store.asked.count(lie) == 1
    assert all(member.store.own.holds(cid) for cid in everything(small) - {lie})


def test_a_store_that_is_away_is_the_owners_affair(small, member):
    member.store.away = True
    with pytest.raises(StoreUnreachableError):
        Holding(member).turn(small.timeline())


def test_upkeep_goes_on_until_everything_is_here(small, member):
    upkeep = Upkeep.of(member, 0, silent)
    upkeep.finish(Patience(silent))
    assert all(member.store.own.holds(cid) for cid in everything(small))


def test_upkeep_ends_although_something_is_nowhere(small, member):
    small.place(small.timeline().rounds[2].submitted[0].weights).unlink()
    with pytest.raises(UnavailableError):
        member.store.fetch(
            small.timeline().rounds[2].submitted[0].weights, max_bytes=10**6, timeout_seconds=1
        )
    Upkeep.of(member, 0, silent).finish(Patience(silent))
