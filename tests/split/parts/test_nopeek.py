"""Distance correlation: against a plain twin, and by laws; NoPeek in the steps of both kinds."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from fl_node.split.parts.cut import cut_model
from fl_node.split.parts.node_step import NodeStep
from fl_node.split.parts.nopeek import as_rows, distance_correlation
from fl_node.split.parts.part import divide
from fl_node.split.parts.tailed_step import TailedStep
from fl_node.training.models import build_model
from tests.split.cut_models import BATCH, data_for, draft_of

CLOSE = 2e-3


def twin(left, right) -> float:
    """Székely, Rizzo, Bakirov 2007, definitions 4 and 5, word for word in float64."""
    first, second = centred(left), centred(right)
    covariance = (first * second).mean()
    variances = (first**2).mean() * (second**2).mean()
    return float(np.sqrt(max(covariance, 0) / np.sqrt(variances))) if variances else 0.0


def centred(rows):
    rows = np.asarray(rows, np.float64)
    apart = np.array([[np.linalg.norm(one - other) for other in rows] for one in rows])
    return apart - apart.mean(0) - apart.mean(1)[:, np.newaxis] + apart.mean()


def dcor(left, right) -> float:
    return float(distance_correlation(tf.constant(left), tf.constant(right)))


def normal(seed, samples, width):
    return np.random.default_rng(seed).normal(size=(samples, width)).astype(np.float32)


shapes = st.tuples(st.integers(0, 10**6), st.integers(2, 24), st.integers(1, 40))


@settings(max_examples=40, deadline=None)
@given(shapes, st.integers(1, 9), st.floats(1e-3, 1e3))
def test_it_is_the_twins_from_0_to_1_whichever_side_is_first(shape, width, scale) -> None:
    seed, samples, wide = shape
    left = normal(seed, samples, wide)
    right = np.tanh(left @ normal(seed + 1, wide, width)) * np.float32(scale) + np.float32(scale)
    found = dcor(left, right)
    assert found == pytest.approx(twin(left, right), abs=CLOSE)
    assert 0 <= found <= 1
    assert dcor(right, left) == pytest.approx(found, abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(shapes, st.floats(0.01, 100), st.floats(-10, 10))
def test_a_scaled_copy_is_fully_dependent(shape, scale, shift) -> None:
    left = normal(*shape)
    assert dcor(left, left * np.float32(scale) + np.float32(scale * shift)) > 1 - CLOSE


@settings(max_examples=25, deadline=None)
@given(shapes)
def test_shifts_and_orthogonal_maps_change_nothing(shape) -> None:
    seed, samples, wide = shape
    left, right = normal(seed, samples, wide), normal(seed + 1, samples, 3)
    turned, _ = np.linalg.qr(normal(seed + 2, wide, wide))
    assert dcor(left @ turned + 3, right) == pytest.approx(dcor(left, right), abs=CLOSE)


def test_large_independent_samples_are_near_0() -> None:
    assert dcor(normal(1, 1500, 1), normal(2, 1500, 1)) < 0.1
    assert dcor(normal(1, 1500, 1), normal(1, 1500, 1) ** 2) > 0.4  # uncorrelated, dependent


SAFE = {
    "one sample": (normal(1, 1, 5), normal(2, 1, 3)),
    "the same row throughout": (np.ones((6, 5), np.float32), normal(2, 6, 3)),
    "activations that are all 0": (normal(1, 6, 5), np.zeros((6, 3), np.float32)),
    "rows that occur twice": (np.tile(normal(1, 3, 5), (2, 1)), np.tile(normal(2, 3, 3), (2, 1))),
    "large numbers": (normal(1, 6, 5) * 1e12, normal(2, 6, 3) * 1e-12),
    "independent": (normal(1, 400, 5), normal(2, 400, 5)),
}


@pytest.mark.parametrize("which", SAFE)
def test_value_and_gradient_are_finite(which) -> None:
    left, right = (tf.constant(each) for each in SAFE[which])
    with tf.GradientTape() as tape:
        tape.watch(right)
        found = distance_correlation(left, right)
    gradient = tape.gradient(found, right)
    assert np.isfinite(found)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("which", ["one sample", "the same row throughout"])
def test_what_does_not_vary_tells_nothing(which) -> None:
    assert dcor(*SAFE[which]) == 0


def test_the_gradient_is_the_slope() -> None:
    left, right, way = normal(1, 9, 4), normal(2, 9, 3), normal(3, 9, 3)
    tensor = tf.constant(right)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        found = distance_correlation(tf.constant(left), tensor)
    slope = float((tape.gradient(found, tensor).numpy() * way).sum())
    ahead, behind = (twin(left, right + each * way) for each in (1e-4, -1e-4))
    assert slope == pytest.approx((ahead - behind) / 2e-4, rel=1e-2, abs=1e-4)


def test_several_tensors_lie_side_by_side() -> None:
    rows = as_rows([tf.ones((2, 3, 2), tf.int32), tf.zeros((2, 1))])
    assert rows.numpy().tolist() == [[1.0] * 6 + [0.0]] * 2


class Scene:
    """A node's step of each kind at several weights, from the same state."""

    def __init__(self) -> None:
        self.draft = draft_of("noisy", optimizer={"name": "SGD", "learning_rate": 0.05})
        whole = build_model(self.draft.plan)
        self.data = data_for(whole, 40 * BATCH)
        self.cut, self.u = cut_model(whole, "drop_low"), cut_model(whole, "drop_low", "narrow")

    def vanilla(self, **settings):
        (lower, _), crossing = self.cut.parts, self.cut.crossing
        step = NodeStep(self.draft.plan, lower, crossing, self.cut.output, **settings)
        return self.begun(step, [lower])

    def u_shaped(self, **settings):
        lower, _, tail = self.u.parts
        crossing, features = self.u.crossing, self.u.features
        step = TailedStep(self.draft.plan, lower, tail, crossing, features, **settings)
        return self.begun(step, [lower, tail])

    def begun(self, step, parts):
        step.party.load([divide(part, self.draft.initial) for part in parts])
        step.party.state.begin(5)
        return step, step.samples(self.data)

    def features(self, cut):
        return [np.full((len(cut[0]), *each.shape), 0.5, np.float32) for each in self.u.features]

    def gradients(self, arrays):
        samples = len(arrays[0])
        return [np.zeros((samples, *each.shape), np.float32) for each in self.u.crossing]

    def train(self, step, samples, steps, batch=BATCH):
        for number in range(steps):
            rows = (np.arange(batch) + number * batch) % len(samples)
            if isinstance(step, TailedStep):
                step.step(samples, rows, self.features, self.gradients)
            else:
                step.step(samples, rows, lambda cut, _: self.gradients(cut))


@pytest.fixture(scope="module")
def scene():
    return Scene()


def leaked(scene, step, samples) -> float:
    rows = np.arange(20 * BATCH)
    cut = step.activations(samples, rows)
    return dcor(scene.data.inputs[0][rows].reshape(len(rows), -1), cut[0].reshape(len(rows), -1))


@pytest.mark.parametrize("kind", ["vanilla", "u_shaped"])
def test_the_term_alone_lessens_what_activations_tell(scene, kind) -> None:
    step, samples = getattr(scene, kind)(nopeek=10.0)
    before = leaked(scene, step, samples)
    scene.train(step, samples, 60, batch=64)
    assert leaked(scene, step, samples) < before - 0.05


@pytest.mark.parametrize("kind", ["vanilla", "u_shaped"])
def test_weight_0_gives_the_same_bits_as_no_word_of_it(scene, kind) -> None:
    states = []
    for given_weight in ({}, {"nopeek": 0.0}, {"nopeek": 0.5}):
        step, samples = getattr(scene, kind)(**given_weight)
        scene.train(step, samples, 3)
        states.append(list(step.party.state.tensors()))
    off, zero, on = states
    assert all(map(np.array_equal, off, zero))
    assert not all(map(np.array_equal, off, on))


def test_the_score_is_of_the_task_alone(scene) -> None:
    scores = []
    for weight in (0.0, 100.0):
        step, samples = scene.u_shaped(nopeek=weight)
        step.score.reset()
        scene.train(step, samples, 1)
        scores.append(step.score.result())
    assert scores[0] == scores[1]


@pytest.mark.parametrize("kind", ["vanilla", "u_shaped"])
def test_a_batch_of_one_leaves_finite_weights(scene, kind) -> None:
    step, samples = getattr(scene, kind)(nopeek=1.0)
    scene.train(step, samples, 2, batch=1)
    assert all(np.isfinite(t).all() for w in step.party.weights for t in w.tensors.values())


def test_a_state_that_is_copied_out_goes_on_in_the_same_bits(scene) -> None:
    step, samples = scene.vanilla(nopeek=0.5)
    scene.train(step, samples, 2)
    kept = dict(zip(step.party.state.specs, step.party.state.tensors(), strict=True))
    scene.train(step, samples, 2)
    wanted = list(step.party.state.tensors())
    other, samples = scene.vanilla(nopeek=0.5)
    other.party.state.load(kept)
    scene.train(other, samples, 2)
    assert all(map(np.array_equal, wanted, other.party.state.tensors()))
