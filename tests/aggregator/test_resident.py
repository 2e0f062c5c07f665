"""Roles that stay, on a chain whose time passes while they wait."""

import os
import signal

import numpy as np
import pytest

from aggregator.close import Closed
from aggregator.replace import replace_latest
from aggregator.resident import HeaderRole, TrainerRole
from aggregator.restore import restore_latest
from fl_node.errors import DisputeError, StoppedError
from fl_node.patience import Patience
from fl_node.rounds import Terms, global_metadata
from fl_node.upkeep import Upkeep
from fl_node.weights import Weights
from tests.small_federation import SmallFederation, evaluated, silent, small_federation


class Watcher:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    def training(self, node, progress):
        self.told.append(("training", node))

    def participated(self, node, outcome):
        self.told.append((type(outcome).__name__, node))

    def judged(self, judgement):
        self.told.append(("judged", judgement))

    def closed(self, outcome):
        self.told.append(("closed", outcome.model.number))

    def rejected(self, rejected):
        self.told.append(("rejected", rejected.update.node))


class Passing(Patience):
    """Lets the chain's time pass instead of waiting, and others act meanwhile."""

    def __init__(self, small: SmallFederation, *acts) -> None:
        super().__init__(silent)
        self.small, self.acts = small, list(acts)

    def until_news(self, ledger, head):
        self.check()
        if self.acts:
            self.acts.pop(0)()
        self.small.pass_seconds(100)


def trainer(small: SmallFederation, node: int, *acts) -> TrainerRole:
    closer = small.closer(f"node {node}")
    upkeep = Upkeep.of(small.view(f"node {node}"), 0, silent)
    return TrainerRole(small.participant(node), closer, upkeep, Passing(small, *acts), Watcher())


def header(small: SmallFederation, *acts, keep_rounds: int = 0) -> HeaderRole:
    upkeep = Upkeep.of(small.view("header"), keep_rounds, silent)
    return HeaderRole(small.closer(), upkeep, Passing(small, *acts), Watcher())


@pytest.fixture
def small(tmp_path):
    return small_federation(tmp_path, terms=Terms(rounds=3, round_seconds=3600, grace_seconds=600))


def test_once_is_one_update_and_one_round(small):
    for node in (1, 2):
        role = trainer(small, node)
        role.run(once=True)
        assert [update.round for update in role.sent] == [1]
    role = header(small)
    role.run(once=True)
    assert [closed.model.number for closed in role.closed] == [1]
    assert small.timeline().open_number == 2


def test_roles_stay_until_the_last_round_is_closed(small):
    first = trainer(small, 1)

    def others():
        trainer(small, 2).run(once=True)
        header(small).run(once=True)

    first.patience.acts = [others] * 3
    first.run()
    assert [update.round for update in first.sent] == [1, 2, 3]
    assert small.timeline().complete
    assert first.watcher.told[-1] == ("Complete", 1)
    for role in (trainer(small, 2), header(small)):
        role.run()  # nothing is left to do


def test_the_header_waits_for_updates_and_says_for_whom(small):
    small.send(1)
    role = header(small, lambda: trainer(small, 2).run(once=True))
    said: list[str] = []
    role.patience._say = said.append
    role.run(once=True)
    assert said[0].startswith("round 1: 1 updates are in, missing nodes: 2; the quorum is enough")
    assert isinstance(role.closed[0], Closed)


def test_a_trainer_closes_when_the_header_does_not_within_the_grace(small):
    small.send(2)
    role = trainer(small, 1)
    role.run()
    assert small.timeline().complete
    assert [number for kind, number in role.watcher.told if kind == "closed"] == [1, 2, 3]
    closings = [log.closing.by for log in small.timeline().rounds.values() if log.closing]
    assert set(closings) == {small.ledger("node 1").account}


def test_a_trainer_attests_where_the_terms_ask_for_it(tmp_path):
    small = small_federation(tmp_path, terms=Terms(rounds=2, finality=2))
    first, second = trainer(small, 1), trainer(small, 2)
    first.run(once=True)
    second.run(once=True)
    header(small).run(once=True)
    second.patience.acts = [lambda: first._step(once=True)]
    second.run(once=True)
    words = small.timeline().rounds[1].attestations
    assert sorted(word.node for word in words) == [1, 2]
    assert all(word.agrees for word in words)


def test_a_global_that_nobody_serves_is_made_again(small):
    small.run_round(1, 2)
    lost = small.timeline().model(1).weights
    small.place(lost).unlink()
    role = trainer(small, 1)
    role.run(once=True)
    assert [update.base for update in role.sent] == [1]
    assert small.store.holds(lost)


def test_a_global_that_cannot_be_made_again_is_waited_for(small):
    closed = small.run_round(1, 2)
    places = [
        small.place(small.timeline().model(1).weights),
        *(small.place(each.weights) for each in closed.report.recomputable.admitted),
    ]
    kept = {place: place.read_bytes() for place in places}
    for place in places:
        place.unlink()
    assert not restore_latest(small.view("node 1"))
    role = trainer(small, 1)
    pauses = []

    def pause(_seconds):
        pauses.append(1)
        if len(pauses) == 2:
            for place, content in kept.items():
                place.write_bytes(content)

    role.patience.pause = pause
    role.run(once=True)
    assert [update.base for update in role.sent] == [1]
    assert len(pauses) == 2


def test_what_a_reordering_took_out_is_sent_again_without_training(small):
    role = trainer(small, 1)
    role.run(once=True)
    assert small.trainer.trained == [(1, 1)]
    small.ledger("owner").reopen(1)  # clears the updates, as a lost block would
    role.run(once=True)
    assert small.trainer.trained == [(1, 1)]
    assert [update.round for update in role.sent] == [1, 1]


def test_a_signal_ends_a_role_between_two_steps(small):
    small.send(2)
    role = trainer(small, 1, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with role.patience, pytest.raises(StoppedError):
        role.run()
    assert [update.round for update in role.sent] == [1]


def test_evaluations_are_in_the_report(small):
    small.send(1, 2)
    role = header(small)
    role.run(once=True)
    expected = evaluated(None)["accuracy"]
    assert role.closed[0].report.observed.metrics["accuracy"] == expected


def test_a_role_keeps_what_its_owner_wants_kept(small):
    for _ in range(3):
        small.send(1, 2)
        header(small, keep_rounds=1).run(once=True)
    timeline = small.timeline()
    assert small.store.holds(timeline.model(3).weights)
    assert small.store.holds(timeline.model(2).weights)  # round 3 starts from it
    assert not small.store.holds(timeline.model(1).weights)
    assert not any(small.store.holds(each.weights) for each in timeline.rounds[2].submitted)


def wrong_global(small: SmallFederation) -> None:
    """Close as a header does that averages wrongly, by one bit."""
    tensors = dict(small.view("header").weights(small.timeline().model(0).weights).tensors)
    bits = tensors["dense/bias"].view(np.uint32).copy()
    bits[0] ^= 1
    tensors["dense/bias"] = bits.view(np.float32)
    cid = small.store.put(Weights(tensors, global_metadata()).pieces())
    small.ledger("header").set_global_weight(1, cid, cid, small.timeline().history)


@pytest.fixture
def disputed(tmp_path):
    """Three nodes, two of whom must attest; the header's first global is wrong."""
    terms = Terms(rounds=1, finality=2, round_seconds=3600, grace_seconds=600)
    small = small_federation(tmp_path, nodes=3, terms=terms)
    small.send(1, 2, 3)
    wrong_global(small)
    return small


def test_a_wrong_global_is_disputed_and_replaced_after_the_grace(disputed):
    first = trainer(disputed, 1, lambda: trainer(disputed, 2)._step(once=False))
    said: list[str] = []
    first.patience._say = said.append
    # The third is honest as well and agrees with what is put in the wrong one's place.
    first.patience.acts += [lambda: None] * 8 + [lambda: trainer(disputed, 3)._step(once=False)] * 2
    first.run()
    log = disputed.timeline().rounds[1]
    wrong, right = log.closings
    assert [word.agrees for word in wrong.attestations] == [False, False]
    assert right.by == disputed.ledger("node 1").account
    assert right.model.weights != wrong.model.weights
    assert first.watcher.told.count(("closed", 1)) == 1
    told = f"global 1 is {wrong.model.weights} on the chain, node 1 recomputed "
    assert any(line.startswith(f"{told}{right.model.weights}") for line in said)


def test_nobody_honest_goes_on_from_a_wrong_global_that_liars_made_final(disputed):
    history, wrong = disputed.timeline().history, disputed.timeline().model(1).weights
    for liar in (2, 3):
        disputed.ledger(f"node {liar}").attest(liar, 1, wrong, history)
    role = trainer(disputed, 1)
    with pytest.raises(DisputeError, match=f"global 1 is {wrong} on the chain, node 1 recomputed"):
        role.run()
    assert role.sent == []


@pytest.mark.parametrize("rounds", [1, 2])
def test_nobody_trains_on_a_wrong_global_where_nobody_waits_for_words(tmp_path, rounds):
    small = small_federation(tmp_path, nodes=2, terms=Terms(rounds=rounds))
    small.send(1, 2)
    wrong_global(small)
    role = trainer(small, 1)
    with pytest.raises(DisputeError, match=r"global 1 is \w+ on the chain, node 1 recomputed"):
        role.run()
    assert role.sent == []
    words = [(word.node, word.agrees) for word in small.timeline().rounds[1].attestations]
    assert words == [(1, False)]


@pytest.mark.parametrize("finality", [0, 2])
def test_nobody_trains_on_a_global_that_has_an_inadmissible_update_in(tmp_path, finality):
    terms = Terms(rounds=3, finality=finality, round_seconds=3600, grace_seconds=600)
    small = small_federation(tmp_path, nodes=2, terms=terms)
    small.send(1)
    small.submit(2, content=b"no weights")
    wrong_global(small)
    role = trainer(
        small, 1, lambda: small.pass_seconds(700), lambda: small.ledger("owner").reopen(1)
    )
    found = "the update of node 2 is not-canonical"
    if finality:  # the owner restarts the round, the only thing that helps
        said: list[str] = []
        role.patience._say = said.append
        role.run(once=True)
        assert any(found in line for line in said)
        assert [update.round for update in role.sent] == [1]
    else:
        with pytest.raises(DisputeError, match=found):
            role.run()
        assert role.sent == []


def test_a_global_that_is_right_or_final_or_young_is_not_replaced(disputed):
    assert replace_latest(disputed.closer("node 1")) is None  # the grace runs
    disputed.pass_seconds(601)
    assert replace_latest(disputed.closer("node 1")) is not None
    disputed.pass_seconds(601)
    assert replace_latest(disputed.closer("node 2")) is None  # it is right now
    for node in (1, 2):
        trainer(disputed, node)._step(once=False)
    disputed.pass_seconds(601)
    assert replace_latest(disputed.closer("node 3")) is None  # it is final
