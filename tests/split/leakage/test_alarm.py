"""The alarm: quiet over honest epochs, loud in the first windows of a hijacked one."""

import numpy as np
import pytest

from fl_node.errors import HijackError, SplitError
from fl_node.split.data_owner import DataOwner
from fl_node.split.draft import own_parts, parted, upper_part
from fl_node.split.leakage.alarm import Alarm, Guard, guard_of
from fl_node.split.leakage.classes import classes_of
from fl_node.split.leakage.rehearsal import rehearse
from fl_node.split.leakage.traits import traits
from fl_node.split.parts.crossing import named
from fl_node.split.parts.node_step import NodeStep
from fl_node.split.parts.provider_step import ProviderStep
from fl_node.training.dataset import Dataset
from fl_node.training.draws import permutation
from tests.split.answered import answered
from tests.split.duet import Duet
from tests.split.hijacker import Hijacker
from tests.split.leakage_scene import BATCH, drafted, samples

SAMPLES = 60 * BATCH
EPOCHS = 2
WINDOW = 10


class Scene:
    """A data owner's step, and the traits of honest training as it rehearsed them."""

    def __init__(self) -> None:
        self.draft = drafted()
        self.plan, self.data = self.draft.plan, samples(SAMPLES)
        self.honest = rehearse(self.plan, 1, self.draft.initial, self.data)
        self.crossing = named("cut", self.plan.crossing)
        (lower,) = own_parts(self.plan)
        self.node = NodeStep(self.plan.training, lower, self.crossing, self.plan.output)
        self.provider = ProviderStep(
            self.plan.training, upper_part(self.plan, self.draft.upper), self.crossing
        )

    def begin(self) -> "Scene":
        self.node.party.load(parted(self.draft.initial))
        self.node.party.state.begin(5)
        self.provider.party.load([self.draft.upper.initial])
        self.provider.party.state.begin(5)
        return self

    def hijacker(self) -> Hijacker:
        encoder = own_parts(self.plan)[0].build()
        return Hijacker(encoder, self.crossing[0].shape, samples(500, SAMPLES).inputs[0])

    def train(self, provider, alarm, epochs):
        """Train; gives at which steps the alarm said something."""
        held, said, step = self.node.samples(self.data), [], 0
        for epoch in range(epochs):
            order = permutation(SAMPLES, 7 + epoch)
            for start in range(0, SAMPLES, BATCH):
                step += 1

                def exchange(cut, targets, step=step):
                    gradients = answered(provider, cut, targets)
                    if alarm.see(step, gradients, targets) is not None:
                        said.append(step)
                    return gradients

                self.node.step(held, order[start : start + BATCH], exchange)
        return said


@pytest.fixture(scope="module")
def scene():
    return Scene()


def test_an_honest_provider_is_not_suspected(scene) -> None:
    scene.begin()
    assert scene.train(scene.provider, Alarm(scene.honest), EPOCHS) == []
    assert scene.provider.score.result()["loss"] < 0.9  # ln 3 is chance: it did learn


def test_a_hijacker_is_told_within_two_windows(scene) -> None:
    scene.begin()
    said = scene.train(scene.hijacker(), Alarm(scene.honest), 1)
    assert said
    assert said[0] <= 2 * WINDOW


def test_a_provider_that_turns_hijacker_is_told_within_two_windows(scene) -> None:
    scene.begin()
    alarm = Alarm(scene.honest)
    assert scene.train(scene.provider, alarm, EPOCHS) == []
    said = scene.train(scene.hijacker(), alarm, 1)
    assert said[0] <= 2 * WINDOW


def test_a_rehearsal_is_the_same_each_time(scene) -> None:
    again = rehearse(scene.plan, 1, scene.draft.initial, scene.data)
    assert np.array_equal(scene.honest, again)
    assert again.shape == (40, 2)


@pytest.mark.parametrize("keep_from", [None, "narrow"])
def test_a_guard_sees_every_batch_of_a_session(tmp_path, keep_from) -> None:
    draft, data, said = drafted(**({"keep_from": keep_from} if keep_from else {})), samples(90), []
    suspicious = Alarm(np.full((4, 2), [0.0, -1.0]), window=1)
    duet = Duet(tmp_path, draft, data)
    guard = Guard(suspicious, said.append)
    duet.owner = DataOwner(draft.plan, 1, draft.initial, data, None, guard=guard)
    duet.owner.begin()
    duet.play(1)
    assert [line.partition(":")[0] for line in said] == ["step 1"]


HONEST = np.random.default_rng(1).normal([0.95, 0.02], 0.02, (40, 2))


def gradients(pull, rows=24):
    """Each class its own way, all of them one way as far as `pull` says."""
    chance, classes = np.random.default_rng(2), np.arange(rows) % 3
    ways = np.eye(3, 6, dtype=np.float32)[classes]
    ways[:, :3] -= np.float32(1 / 3)
    ways += 0.01 * chance.normal(size=ways.shape).astype(np.float32)
    return [(1 - pull) * ways + pull * np.ones(6, np.float32)], classes


def test_traits_tell_labels_from_one_common_pull() -> None:
    alike, mean = traits(*gradients(0.0))
    assert alike == 1
    assert mean < 0.05
    _, pulled = traits(*gradients(0.9))
    assert pulled > 0.9
    shuffled, _ = traits(gradients(0.0)[0], np.random.default_rng(3).permutation(24) % 3)
    assert 0.3 < shuffled < 0.7


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e6])
def test_traits_have_no_unit(scale) -> None:
    (rows,), classes = gradients(0.3)
    assert traits([rows * np.float32(scale)], classes) == pytest.approx(
        traits([rows], classes), abs=1e-4
    )


UNTOLD = {
    "one class": (gradients(0.0)[0], np.zeros(24, int)),
    "each another class": (gradients(0.0)[0], np.arange(24)),
    "no gradient at all": ([np.zeros((24, 6), np.float32)], np.arange(24) % 3),
    "two samples": ([np.ones((2, 6), np.float32)], np.arange(2)),
}


@pytest.mark.parametrize("which", UNTOLD)
def test_a_batch_that_cannot_tell_has_no_traits_and_no_vote(which) -> None:
    rows, classes = UNTOLD[which]
    assert traits(rows, classes) is None
    alarm = Alarm(HONEST, window=1)
    assert alarm.see(1, rows, classes) is None


def test_an_alarm_is_raised_by_a_majority_of_a_full_window_and_said_once() -> None:
    alarm = Alarm(HONEST, window=4)
    pulls = [0.9, 0.9, 0.9, 0.0, 0.9, 0.9, 0.0, 0.0, 0.0, 0.9, 0.9, 0.9]
    said = [alarm.see(step, *gradients(pull)) for step, pull in enumerate(pulls, start=1)]
    assert [step for step, line in enumerate(said, start=1) if line] == [4, 12]
    assert "step 4: the gradients of 3 of the last 4 batches are not like" in said[3]


@pytest.mark.parametrize(
    ("targets", "classes"),
    [
        ([2, 0], [2, 0]),
        ([2.0, 0.0], [2, 0]),
        ([[1], [0]], [1, 0]),
        ([[0.0, 1.0], [1.0, 0.0]], [1, 0]),
    ],
)
def test_classes_come_from_targets_of_any_kind(targets, classes) -> None:
    assert classes_of(np.array(targets)).tolist() == classes


@pytest.mark.parametrize("targets", [[0.5, 1.0], [[0.2, 0.8], [1, 0]], [[[1]], [[0]]]])
def test_measurements_are_no_classes(targets) -> None:
    with pytest.raises(SplitError, match="are no classes"):
        classes_of(np.array(targets))


def test_a_setting_makes_a_guard_that_warns_or_stops(scene) -> None:
    said = []

    def made(mode):
        return guard_of(mode, scene.plan, 1, scene.draft.initial, scene.data, say=said.append)

    assert made("off") is None
    with pytest.raises(SplitError, match="one of off, warn, stop, found 'on'"):
        made("on")
    warned, stopped = made("warn"), made("stop")
    for step in range(1, 12):
        warned.check(step, *gradients(0.9))
    assert len(said) == 1
    for step in range(1, 10):
        stopped.check(step, *gradients(0.9))
    with pytest.raises(HijackError, match="stop, and ask it what it trains"):
        stopped.check(10, *gradients(0.9))


def test_data_of_one_class_cannot_be_rehearsed(scene) -> None:
    few = samples(80)  # fewer than the least share
    one_class = Dataset(few.inputs, np.zeros_like(few.targets))
    with pytest.raises(SplitError, match="turn it off for these data"):
        rehearse(scene.plan, 1, scene.draft.initial, one_class, steps=2)
