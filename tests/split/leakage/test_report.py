"""What comes back from activations and gradients: on data where the answer is known."""

import numpy as np
import pytest

from fl_node.errors import SplitError
from fl_node.split.draft import parted
from fl_node.split.leakage.decoder import decoder
from fl_node.split.leakage.labels import label_leakage
from fl_node.split.leakage.reconstruction import reconstruct
from fl_node.split.leakage.report import leakage_report
from fl_node.training.backend import start_backend
from tests.split.leakage_scene import drafted, samples

start_backend()

CHANCE = np.random.default_rng(1)


def rows(samples_, *shape):
    return CHANCE.normal(size=(samples_, *shape)).astype(np.float32)


def blobs(count, side=12):
    """Images of one bright spot each."""
    grid = np.arange(side)
    x, y = (CHANCE.integers(2, side - 2, count)[:, np.newaxis, np.newaxis] for _ in range(2))
    away = (grid[:, np.newaxis] - x) ** 2 + (grid - y) ** 2
    return np.exp(-away / 4)[..., np.newaxis].astype(np.float32)


def test_a_linear_map_is_undone() -> None:
    hidden = rows(400, 6)
    found = reconstruct([hidden @ rows(6, 6)], hidden, seed=1, steps=300)
    assert found.explained > 0.8
    assert found.word == "nearly all"
    assert found.ssim is None
    assert (found.trained, found.tested) == (300, 100)


def test_independent_numbers_give_nothing_back() -> None:
    found = reconstruct([rows(400, 6)], rows(400, 6), seed=1, steps=60)
    assert found.explained < 0.05
    assert found.word == "next to nothing"


def test_half_of_the_numbers_explain_half_of_the_inputs() -> None:
    inputs = rows(600, 8)
    found = reconstruct([inputs[:, :4]], inputs, seed=1, steps=300)
    assert found.explained == pytest.approx(0.5, abs=0.15)


def test_images_are_compared_by_structure_too() -> None:
    images = blobs(300)
    seen = reconstruct([images[:, ::2, ::2]], images, seed=1, steps=150)
    blind = reconstruct([np.zeros_like(images[:, ::2, ::2])], images, seed=1, steps=20)
    assert seen.explained > 0.8
    assert seen.ssim > 0.8 > blind.ssim
    assert blind.explained < 0.05


def test_several_tensors_and_scaled_inputs_are_taken_together() -> None:
    inputs = 1000 * rows(400, 5) + 7
    halves = [inputs[:, :3].reshape(-1, 3, 1), 1e-3 * inputs[:, 3:]]
    assert reconstruct(halves, inputs, seed=1, steps=300).explained > 0.8


def test_the_same_seed_gives_the_same_numbers() -> None:
    images = blobs(60)
    once, again, other = (
        reconstruct([images[:, ::2, ::2]], images, seed=seed, steps=5) for seed in (1, 1, 2)
    )
    assert once == again
    assert once != other


SHAPES = [
    ([(14, 14, 32)], (28, 28, 1)),
    ([(7, 7, 64)], (28, 28, 1)),
    ([(4, 4, 128)], (28, 28, 1)),
    ([(13, 13, 8)], (28, 28, 3)),
    ([(26, 26, 4)], (28, 28, 1)),
    ([(30, 30, 4)], (28, 28, 1)),
    ([(1, 1, 512)], (30, 20, 3)),
    ([(5, 20, 4)], (20, 20, 1)),
    ([(256,)], (28, 28, 1)),
    ([(4,), (7, 7, 2)], (9, 5, 2)),
    ([(3,)], (2, 2, 1)),
    ([(14, 14, 32)], (12,)),
    ([(20, 8)], (30, 4)),
]


@pytest.mark.parametrize(("crossing", "target"), SHAPES)
def test_a_decoder_fits_any_shapes(crossing, target) -> None:
    model = decoder(crossing, target, seed=1)
    assert tuple(model.outputs[0].shape[1:]) == target
    assert [tuple(each.shape[1:]) for each in model.inputs] == crossing
    assert model.count_params() < 2_000_000


@pytest.mark.parametrize(
    ("inputs", "said"),
    [(rows(7, 3), "8 samples or more"), (np.full((20, 3), np.inf, np.float32), "found NaN or inf")],
)
def test_what_cannot_be_decoded_is_refused(inputs, said) -> None:
    with pytest.raises(SplitError, match=said):
        reconstruct([rows(len(inputs), 4)], inputs, seed=1, steps=1)


def classes_and_ways(count=300):
    classes = np.random.default_rng(2).integers(0, 3, count)
    return classes, np.eye(3, 8, dtype=np.float32)[classes]


def test_directions_by_class_give_labels_away_and_lengths_do_not() -> None:
    classes, ways = classes_and_ways()
    found = label_leakage([ways + 0.05 * rows(300, 8)], classes, seed=1)
    assert found.cosine > 0.99
    assert found.norm < 0.7
    assert (found.classes, found.samples) == (3, 300)


def test_a_rare_class_with_long_gradients_is_told_by_length() -> None:
    classes = (np.arange(300) % 30 == 0).astype(int)
    noise = rows(300, 4)
    lengths = np.where(classes, 5, 1)[:, np.newaxis].astype(np.float32)
    found = label_leakage(
        [noise / np.linalg.norm(noise, axis=1, keepdims=True) * lengths], classes, seed=1
    )
    assert found.norm == 1
    assert found.cosine == pytest.approx(0.5, abs=0.2)


def test_noise_tells_no_labels() -> None:
    classes, _ = classes_and_ways(600)
    found = label_leakage([rows(600, 8), rows(600, 2, 2)], classes, seed=1)
    assert found.norm == pytest.approx(0.5, abs=0.06)
    assert found.cosine == pytest.approx(0.5, abs=0.08)


def test_gradients_of_nothing_tell_nothing() -> None:
    classes, _ = classes_and_ways(30)
    found = label_leakage([np.zeros((30, 4), np.float32)], classes, seed=1)
    assert (found.norm, found.cosine) == (0.5, 0.5)


@pytest.mark.parametrize("classes", [np.zeros(9, int), np.arange(9)])
def test_labels_that_cannot_be_told_apart_are_refused(classes) -> None:
    with pytest.raises(SplitError, match="two classes"):
        label_leakage([rows(9, 4)], classes, seed=1)


@pytest.fixture(scope="module")
def reports():
    made = {}
    for kind, table in {
        "vanilla": {},
        "u": {"keep_from": "narrow"},
        "int8": {"wire": "int8"},
    }.items():
        draft = drafted(**table)
        weights = parted(draft.initial)
        made[kind] = leakage_report(draft.plan, weights, samples(300), steps=40)
    return made


@pytest.mark.parametrize("kind", ["vanilla", "u", "int8"])
def test_a_report_has_all_numbers(reports, kind) -> None:
    report = reports[kind]
    (found,) = report.inputs.values()
    assert 0.2 < found.explained < 1
    assert 0.8 < report.distance_correlation <= 1
    assert (report.labels is None) == (kind != "u")
    assert report.table()["inputs"].popitem()[1]["explained"] == found.explained
    assert report.table()["wire"] == ("int8" if kind == "int8" else "float32")


def test_a_report_says_who_has_the_labels(reports) -> None:
    assert any("all of them go to the provider" in line for line in reports["vanilla"].lines())
    lines = list(reports["u"].lines())
    assert any("from the gradients that are sent" in line for line in lines)
    assert not any("all of them" in line for line in lines)
    assert reports["u"].labels.cosine > 0.6  # an untrained tail's gradients point to the classes


def test_a_report_is_the_same_for_a_seed() -> None:
    draft = drafted(keep_from="narrow")
    once, again = (
        leakage_report(draft.plan, parted(draft.initial), samples(80), seed=3, steps=3)
        for _ in range(2)
    )
    assert once == again
