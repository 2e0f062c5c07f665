"""One party's steps, with arithmetic in NumPy for the other party."""

import threading
import time

import numpy as np
import pytest

from fl_node.errors import DataError, ModelError, SplitError
from fl_node.split.parts.cut import cut_model
from fl_node.split.parts.node_step import NodeStep
from fl_node.split.parts.part import divide
from fl_node.split.parts.party import check_optimizer
from fl_node.split.parts.provider_step import MiddleStep, ProviderStep
from fl_node.split.parts.tailed_step import TailedStep
from fl_node.training.dataset import Dataset
from fl_node.training.models import build_model
from tests.split.answered import answered
from tests.split.cut_models import BATCH, data_for, draft_of

ROWS = np.arange(BATCH)
SAMPLES = 3 * BATCH
Lost = ConnectionResetError


class Scene:
    """Both configurations of one model, each party built once."""

    def __init__(self) -> None:
        self.draft = draft_of("noisy")
        plan, whole = self.draft.plan, build_model(self.draft.plan)
        self.cut, self.u = cut_model(whole, "drop_low"), cut_model(whole, "drop_low", "narrow")
        lower, upper = self.cut.parts
        _, middle, tail = self.u.parts
        shape = self.cut.crossing
        self.node = NodeStep(plan, lower, shape, self.cut.output)
        self.provider = ProviderStep(plan, upper, shape)
        self.tailed = TailedStep(plan, lower, tail, shape, self.u.features)
        self.middle = MiddleStep(plan, middle, shape, self.u.features)
        self.data = data_for(whole, SAMPLES)
        self.samples = self.node.samples(self.data)
        chance = np.random.default_rng(1)
        self.activations = [random(chance, each, BATCH) for each in shape]
        self.labels = self.data.targets[:BATCH].astype(np.int32)

    def begin(self) -> "Scene":
        for step, parts in (
            (self.node, self.cut.parts[:1]),
            (self.provider, self.cut.parts[1:]),
            (self.tailed, self.u.parts[::2]),
            (self.middle, self.u.parts[1:2]),
        ):
            step.party.load([divide(part, self.draft.initial) for part in parts])
            step.party.state.begin(5)
            if hasattr(step, "score"):
                step.score.reset()
        return self


def random(chance, crossing, samples):
    return chance.random((samples, *crossing.shape), dtype=np.float32)


@pytest.fixture(scope="module")
def built():
    return Scene()


@pytest.fixture
def scene(built):
    return built.begin()


def answer(arrays, *_targets):
    """Gradients that depend on what was sent."""
    return [0.01 * array for array in arrays]


def state_of(step):
    metrics = getattr(step, "score", None)
    measured = [v.numpy() for v in metrics.variables] if metrics else []
    return [*step.party.state.tensors(), *measured]


def same(left, right) -> bool:
    return len(left) == len(right) and all(map(np.array_equal, left, right))


def lose(*_arrays):
    raise Lost("the other party is gone")


STEPS = {
    "node": lambda scene, exchange: scene.node.step(scene.samples, ROWS, exchange),
    "middle": lambda scene, exchange: answered(scene.middle, scene.activations, exchange),
    "tailed, features": lambda scene, exchange: scene.tailed.step(
        scene.samples, ROWS, features_or(exchange, scene), answer_cut(scene)
    ),
    "tailed, gradients": lambda scene, exchange: scene.tailed.step(
        scene.samples, ROWS, features_or(answer, scene), gradients_or(exchange, scene)
    ),
}


def features_or(exchange, scene):
    def features(cut):
        exchange(cut)
        return [np.full((len(cut[0]), *each.shape), 0.5, np.float32) for each in scene.u.features]

    return features


def gradients_or(exchange, scene):
    def gradients(features):
        exchange(features)
        return [random(np.random.default_rng(2), each, BATCH) for each in scene.u.crossing]

    return gradients


def answer_cut(scene):
    return gradients_or(answer, scene)


def party_of(scene, which):
    return getattr(scene, which.partition(",")[0])


@pytest.mark.parametrize("which", STEPS)
def test_a_step_changes_weights_seeds_and_the_count_of_steps(scene, which) -> None:
    before = state_of(party_of(scene, which))
    STEPS[which](scene, answer)
    assert not same(state_of(party_of(scene, which)), before)
    assert int(party_of(scene, which).party.optimizer.iterations.numpy()) == 1


@pytest.mark.parametrize("which", STEPS)
def test_a_failed_exchange_is_raised_as_it_was_and_leaves_everything_as_before(
    scene, which
) -> None:
    STEPS[which](scene, answer)
    before = state_of(party_of(scene, which))
    with pytest.raises(Lost, match="gone"):
        STEPS[which](scene, lose)
    assert same(state_of(party_of(scene, which)), before)


@pytest.mark.parametrize("which", STEPS)
def test_a_step_that_is_tried_again_gives_the_same_bits(built, which) -> None:
    STEPS[which](built.begin(), answer)
    wanted = state_of(party_of(built, which))
    built.begin()
    with pytest.raises(Lost):
        STEPS[which](built, lose)
    STEPS[which](built, answer)
    assert same(state_of(party_of(built, which)), wanted)


WRONG = {
    "too few": (lambda each: [], "1 tensors were expected"),
    "another batch": (lambda each: [each[0][:-1]], "gradient of"),
    "another dtype": (lambda each: [each[0].astype(np.float64)], "found float64"),
    "another shape": (lambda each: [each[0][..., :-1]], "should be float32"),
}


@pytest.mark.parametrize("which", ["node", "middle"])
@pytest.mark.parametrize("wrong", WRONG)
def test_gradients_of_other_shapes_are_refused_by_name(scene, which, wrong) -> None:
    spoil, said = WRONG[wrong]
    before = state_of(party_of(scene, which))
    with pytest.raises(SplitError, match=said):
        STEPS[which](scene, lambda arrays, *_: spoil(answer(arrays)))
    assert same(state_of(party_of(scene, which)), before)


def test_arrays_of_an_exchange_stay_what_they_were(scene) -> None:
    kept = []

    def exchange(arrays, targets):
        gradients = answer(arrays)
        for array in gradients:
            array.flags.writeable = False
        kept.extend([(each, each.copy()) for each in (*arrays, targets, *gradients)])
        return gradients

    for _ in range(3):
        scene.node.step(scene.samples, ROWS, exchange)
    assert kept
    assert all(np.array_equal(now, then) for now, then in kept)


def test_the_last_batch_may_be_smaller(scene) -> None:
    sizes = []

    def exchange(arrays, targets):
        sizes.append((len(arrays[0]), len(targets)))
        return answer(arrays)

    for rows in (ROWS, ROWS[:3], ROWS[:1]):
        scene.node.step(scene.samples, rows, exchange)
    assert sizes == [(8, 8), (3, 3), (1, 1)]


@pytest.mark.parametrize("which", STEPS)
def test_a_state_that_is_copied_out_goes_on_in_the_same_bits(built, which) -> None:
    party = party_of(built.begin(), which).party
    STEPS[which](built, answer)
    kept = dict(zip(party.state.specs, party.state.tensors(), strict=True))
    STEPS[which](built, answer)
    wanted = list(party.state.tensors())
    built.begin()
    party.state.load(kept)
    STEPS[which](built, answer)
    assert same(list(party.state.tensors()), wanted)


def test_the_provider_gives_gradients_and_counts_the_batch(scene) -> None:
    gradients = answered(scene.provider, scene.activations, scene.labels)
    assert [each.shape for each in gradients] == [each.shape for each in scene.activations]
    assert scene.provider.score.result()["loss"] > 0


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda cut, labels: (cut, labels.astype(np.float32)), "targets should be int32"),
        (lambda cut, labels: (cut, labels[:, np.newaxis]), "targets should be"),
        (lambda cut, labels: (cut, labels[:-1]), "cut/0 should be"),
        (lambda cut, labels: ([cut[0][..., :-1]], labels), "cut/0 should be"),
        (lambda cut, labels: ([], labels), "1 tensors were expected"),
    ],
)
def test_the_provider_refuses_what_does_not_fit(scene, spoil, said) -> None:
    before = state_of(scene.provider)
    with pytest.raises(SplitError, match=said):
        answered(scene.provider, *spoil(scene.activations, scene.labels))
    assert same(state_of(scene.provider), before)


ANSWERS = {
    "provider": lambda scene, take: scene.provider.step(scene.activations, scene.labels, take),
    "middle": lambda scene, take: scene.middle.step(scene.activations, answer, take),
}


@pytest.mark.parametrize("which", ANSWERS)
def test_an_answer_that_fails_is_raised_after_the_step_is_whole(built, which) -> None:
    ANSWERS[which](built.begin(), lambda *_: None)
    wanted = state_of(party_of(built, which))
    with pytest.raises(Lost, match="gone"):
        ANSWERS[which](built.begin(), lose)
    assert same(state_of(party_of(built, which)), wanted)
    ANSWERS[which](built.begin(), lambda *_: None)
    assert same(state_of(party_of(built, which)), wanted)


@pytest.mark.parametrize("which", ANSWERS)
def test_the_weights_move_on_while_the_answer_is_under_way(scene, which) -> None:
    iterations = party_of(scene, which).party.optimizer.iterations
    before, moved = int(iterations.numpy()), threading.Event()

    def take(*_):
        end = time.monotonic() + 60
        while time.monotonic() < end and not moved.is_set():
            time.sleep(0.01)
            if int(iterations.numpy()) == before + 1:
                moved.set()

    ANSWERS[which](scene, take)
    assert moved.is_set()


def test_the_score_that_leaves_counts_the_batch(scene) -> None:
    told = []
    for _ in range(2):
        ANSWERS["provider"](scene, lambda _, score: told.append(score))
        assert told[-1] == scene.provider.score.result()
    assert told[0] != told[1]


@pytest.mark.parametrize("which", ["provider", "middle"])
def test_outputs_at_inference_change_nothing(scene, which) -> None:
    step = getattr(scene, which)
    before = state_of(step)
    first, second = step.outputs(scene.activations), step.outputs(scene.activations)
    assert same(first, second)
    assert same(state_of(step), before)
    with pytest.raises(SplitError, match="expected"):
        step.outputs([])


def test_labels_that_are_no_classes_fail_in_one_line_and_change_nothing(scene) -> None:
    before = state_of(scene.provider)
    with pytest.raises(ModelError, match="a step failed"):
        answered(scene.provider, scene.activations, scene.labels + 7)
    assert same(state_of(scene.provider), before)


def test_data_that_does_not_fit_the_lower_part_is_refused(scene) -> None:
    wrong = Dataset((np.zeros((4, 9, 9, 1), np.float32),), np.zeros(4, np.int64))
    with pytest.raises(DataError, match="takes samples of shape"):
        scene.node.samples(wrong)


def test_a_step_runs_within_another_thread(scene) -> None:
    step = threading.Thread(target=STEPS["node"], args=(scene, answer))
    step.start()
    step.join(60)
    assert int(scene.node.party.optimizer.iterations.numpy()) == 1


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"class_name": "Adam", "config": {"global_clipnorm": 1.0}}, "global_clipnorm clips by"),
        ({"class_name": "SGD", "config": {"loss_scale_factor": 8.0}}, "loss_scale_factor scales"),
        ({"class_name": "LossScaleOptimizer", "config": {}}, "LossScaleOptimizer skips"),
        ({"class_name": "MultiOptimizer", "config": {}}, "MultiOptimizer names"),
    ],
)
def test_an_optimizer_that_couples_both_parties_weights_is_refused(config, said) -> None:
    with pytest.raises(ModelError, match=said):
        check_optimizer(config)


@pytest.mark.parametrize("key", ["clipnorm", "clipvalue", "weight_decay", "use_ema"])
def test_an_optimizer_that_looks_at_one_weight_at_a_time_is_taken(key) -> None:
    check_optimizer({"class_name": "Adam", "config": {key: 1.0, "global_clipnorm": None}})
