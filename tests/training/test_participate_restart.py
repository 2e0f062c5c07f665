"""The trainer's step, stopped anywhere and started again."""

from dataclasses import dataclass, replace

import pytest

from fl_node.errors import StoreError, UnavailableError
from fl_node.training.participate import Waiting, participate
from tests.small_federation import (
    SmallTrainer,
    silent,
    small_federation,
)


@pytest.fixture
def federation(tmp_path):
    return small_federation(tmp_path)


def standing(federation, node):
    return federation.ledger("owner").local_weight(node)


class KilledError(BaseException):
    """Stands for SIGKILL: nobody catches it."""


def killed(*_: object, **__: object) -> None:
    raise KilledError


@dataclass(frozen=True)
class Dying:
    """A store whose process dies before or after it has put something."""

    store: object
    puts_first: bool

    def __getattr__(self, name):
        return getattr(self.store, name)

    def put(self, pieces):
        if self.puts_first:
            self.store.put(pieces)
        raise KilledError


def dies_in_training(federation):
    federation.trainer = SmallTrainer()
    federation.trainer.train = killed
    return federation.participant(1)


def dies_before_the_put(federation):
    participant = federation.participant(1)
    view = replace(participant.federation, store=Dying(federation.store, puts_first=False))
    return replace(participant, federation=view)


def dies_after_the_put(federation):
    participant = federation.participant(1)
    view = replace(participant.federation, store=Dying(federation.store, puts_first=True))
    return replace(participant, federation=view)


def dies_before_the_send(federation):
    ledger = federation.own_ledger("node 1")
    ledger.set_local_weight = killed
    return federation.participant(1, ledger)


def dies_after_the_send(federation):
    ledger = federation.own_ledger("node 1")
    plain = ledger.set_local_weight
    ledger.set_local_weight = lambda update: (plain(update), killed())
    return federation.participant(1, ledger)


@pytest.mark.parametrize(
    "dies",
    [
        dies_in_training,
        dies_before_the_put,
        dies_after_the_put,
        dies_before_the_send,
        dies_after_the_send,
    ],
)
def test_a_node_killed_at_any_point_sends_the_same_update_when_it_is_started_again(tmp_path, dies):
    undisturbed = small_federation(tmp_path / "undisturbed").participate(1).update
    federation = small_federation(tmp_path / "killed")
    participant = dies(federation)
    with pytest.raises(KilledError):
        participate(participant, silent)
    federation.trainer = SmallTrainer()
    federation.participate(1)
    assert standing(federation, 1) == undisturbed
    sent = [event for event in federation.ledger("owner").events() if "Local" in event.kind]
    assert len(sent) == 1
    assert federation.participate(1) == Waiting(1, "1 of 2 updates are in")


def test_a_global_that_cannot_be_had_is_an_error_of_the_store(federation):
    federation.run_round(1, 2)
    federation.place(federation.timeline().model(1).weights).unlink()
    with pytest.raises(UnavailableError):
        federation.participate(1)


def test_a_full_disk_sends_nothing(federation):
    class Full(Dying):
        def put(self, pieces):
            raise StoreError("cannot write: No space left on device")

    participant = federation.participant(1)
    view = replace(participant.federation, store=Full(federation.store, puts_first=False))
    with pytest.raises(StoreError):
        participate(replace(participant, federation=view), silent)
    assert standing(federation, 1) is None
