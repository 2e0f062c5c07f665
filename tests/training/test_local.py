import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from fl_node.errors import DataError, ModelError, SettingsError, WeightsError
from fl_node.training.dataset import Dataset
from fl_node.training.local import Trainer
from fl_node.weights import Weights
from tests.training.small_models import SMALL_MODELS, data_for, draft_of
from tests.training.training_bits import cnn_data, cnn_draft, train_once

WHERE = {"node": 1, "round_": 1, "base_number": 0}


@pytest.fixture(scope="module")
def mixed():
    """Two inputs, Dropout, BatchNormalization and an Embedding."""
    draft = draft_of("two_inputs")
    return draft, Trainer(draft.plan), data_for(draft)


@pytest.fixture(scope="module")
def cnn():
    draft = cnn_draft()
    return draft, Trainer(draft.plan), cnn_data(draft)


@pytest.mark.parametrize("name", SMALL_MODELS)
def test_loss_falls_whatever_the_model_is(name) -> None:
    draft = draft_of(name)
    trainer, data = Trainer(draft.plan), data_for(draft)
    before = trainer.evaluate(draft.initial, data)
    update = trainer.train(draft.initial, **WHERE, data=data)
    after = trainer.evaluate(update.weights, data)
    assert after["loss"] < 0.8 * before["loss"]
    assert after["accuracy"] > before["accuracy"]
    assert update.samples == data.samples


@pytest.mark.parametrize("which", ["mixed", "cnn"])
def test_the_same_training_gives_the_same_bits_also_after_others(which, request) -> None:
    draft, trainer, data = request.getfixturevalue(which)
    first = trainer.train(draft.initial, **WHERE, data=data)
    other = trainer.train(first.weights, node=2, round_=2, base_number=1, data=data)
    trainer.evaluate(other.weights, data)
    again = trainer.train(draft.initial, **WHERE, data=data)
    assert again.weights.same_tensors(first.weights)
    assert again.metrics == first.metrics


def test_another_process_gives_the_same_bits(mixed, cnn) -> None:
    command = [sys.executable, "-m", "tests.training.training_bits"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    here = [train_once(*each) for each in (mixed, cnn)]
    assert done.stdout.split() == here


@pytest.mark.parametrize("which", ["mixed", "cnn"])
def test_chunks_of_any_length_give_the_same_bits(which, request, monkeypatch) -> None:
    draft, trainer, data = request.getfixturevalue(which)
    first = trainer.train(draft.initial, **WHERE, data=data)
    monkeypatch.setattr("fl_node.training.local.CHUNK_SECONDS", 0.0)
    assert trainer.train(draft.initial, **WHERE, data=data).weights.same_tensors(first.weights)


@pytest.mark.parametrize("changed", [{"node": 2}, {"round_": 2}, {"base_number": 1}])
def test_node_round_and_base_each_change_the_draws(changed, mixed) -> None:
    draft, trainer, data = mixed
    first = trainer.train(draft.initial, **WHERE, data=data)
    second = trainer.train(draft.initial, **WHERE | changed, data=data)
    assert not second.weights.same_tensors(first.weights)


def test_the_optimizer_is_fresh_in_every_round(mixed) -> None:
    draft, trainer, data = mixed
    first = trainer.train(draft.initial, **WHERE, data=data)
    after_others = trainer.train(first.weights, **WHERE, data=data)
    fresh = Trainer(draft.plan).train(first.weights, **WHERE, data=data)
    assert after_others.weights.same_tensors(fresh.weights)


def test_moving_averages_move(mixed) -> None:
    draft, trainer, data = mixed
    after = trainer.train(draft.initial, **WHERE, data=data).weights.tensors
    averages = [name for name in after if "moving_" in name]
    assert len(averages) == 2
    for name in averages:
        assert not np.array_equal(after[name], draft.initial.tensors[name])


def test_the_rest_after_the_last_full_batch_is_trained_too() -> None:
    draft = draft_of("dense", batch_size=200)
    trainer, data, seen = Trainer(draft.plan), data_for(draft), []
    update = trainer.train(draft.initial, **WHERE, data=data, progress=seen.append)
    assert [each.samples_done for each in seen] == [200, 288] * 3
    first = Dataset(tuple(x[:200] for x in data.inputs), data.targets[:200])
    assert not trainer.train(draft.initial, **WHERE, data=first).weights.same_tensors(
        update.weights
    )


def test_fewer_samples_than_a_batch_are_trained() -> None:
    draft = draft_of("dense", batch_size=1000)
    update = Trainer(draft.plan).train(draft.initial, **WHERE, data=data_for(draft))
    assert not update.weights.same_tensors(draft.initial)


def test_every_sample_is_seen_once_an_epoch_in_another_order() -> None:
    draft = draft_of("dense", optimizer={"name": "SGD", "learning_rate": 0.0}, batch_size=7)
    trainer, data = Trainer(draft.plan), data_for(draft)
    expected = trainer.evaluate(draft.initial, data)
    metrics = trainer.train(draft.initial, **WHERE, data=data).metrics
    assert metrics["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    assert metrics["accuracy"] == pytest.approx(expected["accuracy"])


def test_progress_tells_epochs_samples_and_metrics(mixed) -> None:
    draft, trainer, data = mixed
    seen = []
    update = trainer.train(draft.initial, **WHERE, data=data, progress=seen.append)
    assert [each.epoch for each in seen if each.samples_done == data.samples] == [1, 2, 3]
    places = [(each.epoch, each.samples_done) for each in seen]
    assert places == sorted(set(places))
    assert seen[-1].metrics == update.metrics
    assert set(update.metrics) == {"loss", "accuracy"}
    assert all(each.samples_per_second > 0 for each in seen)
    assert {each.epochs for each in seen} == {3}


def test_an_interrupted_training_leaves_nothing_behind(mixed) -> None:
    draft, trainer, data = mixed
    first = trainer.train(draft.initial, **WHERE, data=data)

    def interrupt(_) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer.train(first.weights, **WHERE, data=data, progress=interrupt)
    assert trainer.train(draft.initial, **WHERE, data=data).weights.same_tensors(first.weights)


def test_what_a_watcher_raises_is_its_own_error(mixed) -> None:
    draft, trainer, data = mixed

    def broken(_) -> None:
        raise ValueError("the console is gone")

    with pytest.raises(ValueError, match="the console is gone"):
        trainer.train(draft.initial, **WHERE, data=data, progress=broken)


def test_evaluation_measures_what_it_is_given_and_changes_nothing(mixed) -> None:
    draft, trainer, data = mixed
    update = trainer.train(draft.initial, **WHERE, data=data)
    first = trainer.evaluate(update.weights, data)
    trainer.evaluate(draft.initial, data)
    assert trainer.evaluate(update.weights, data) == first


def test_bfloat16_learns_and_repeats_its_bits() -> None:
    draft = draft_of("two_inputs", precision="mixed_bfloat16")
    trainer, data = Trainer(draft.plan), data_for(draft)
    first = trainer.train(draft.initial, **WHERE, data=data)
    again = trainer.train(draft.initial, **WHERE, data=data)
    assert again.weights.same_tensors(first.weights)
    assert trainer.evaluate(first.weights, data)["accuracy"] > 0.8


OPTIMIZERS = [
    {"name": "AdamW", "learning_rate": 0.02, "use_ema": True, "ema_momentum": 0.5},
    {"name": "RMSprop", "learning_rate": 0.01, "clipnorm": 1.0},
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda each: each["name"])
def test_any_built_in_optimizer_repeats_its_bits(optimizer) -> None:
    draft = draft_of("dense", optimizer=optimizer)
    trainer, data = Trainer(draft.plan), data_for(draft)
    first = trainer.train(draft.initial, **WHERE, data=data)
    assert trainer.train(draft.initial, **WHERE, data=data).weights.same_tensors(first.weights)
    assert trainer.evaluate(first.weights, data)["accuracy"] > 0.7


def test_weights_that_do_not_stay_finite_are_an_error(mixed) -> None:
    draft, _, data = mixed
    plan = draft_of("two_inputs", optimizer={"name": "SGD", "learning_rate": 1e38}).plan
    with pytest.raises(ModelError, match=r"diverged, .* smaller learning rate"):
        Trainer(plan).train(draft.initial, **WHERE, data=data)


def test_data_that_fits_passes_the_check_and_other_data_does_not(mixed) -> None:
    _, trainer, data = mixed
    trainer.check(data)
    with pytest.raises(DataError, match="takes 2 inputs"):
        trainer.check(Dataset(data.inputs[:1], data.targets))


def test_data_of_another_model_is_refused_before_anything_changes(mixed) -> None:
    draft, trainer, data = mixed
    assert trainer.specs == draft.initial.specs
    with pytest.raises(DataError, match="takes 2 inputs"):
        trainer.train(draft.initial, **WHERE, data=Dataset(data.inputs[:1], data.targets))


def test_a_token_that_the_embedding_does_not_have_is_an_error_of_one_line(mixed) -> None:
    draft, trainer, data = mixed
    unknown = tuple(np.full_like(x, 99) if x.dtype.kind == "i" else x for x in data.inputs)
    with pytest.raises(ModelError, match="training failed") as caught:
        trainer.train(draft.initial, **WHERE, data=Dataset(unknown, data.targets))
    assert "\n" not in str(caught.value)


def test_weights_of_another_model_are_refused(mixed) -> None:
    _, trainer, data = mixed
    with pytest.raises(WeightsError):
        trainer.train(Weights({}), **WHERE, data=data)


LAMBDA = {"class_name": "Lambda", "module": "keras.layers", "config": {}}


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"loss": "my_loss"}, "my_loss.*not built into Keras"),
        ({"loss": "get"}, "'get' is not built into Keras"),
        ({"metrics": ("my_metric",)}, "my_metric.*not built into Keras"),
        ({"optimizer": LAMBDA}, "Lambda"),
        (
            {"optimizer": {"class_name": "Dense", "module": "keras.layers", "config": {}}},
            "optimizer",
        ),
        ({"optimizer": {}}, "class_name"),
    ],
)
def test_what_is_not_built_into_keras_is_refused(changed, found, mixed) -> None:
    with pytest.raises(ModelError, match=found):
        Trainer(replace(mixed[0].plan, **changed))


def test_a_metrics_name_is_the_plans_whatever_was_measured_before(mixed) -> None:
    names = ("SparseTopKCategoricalAccuracy", "sparse_categorical_crossentropy")
    plan = replace(mixed[0].plan, metrics=names)
    for _ in range(2):
        measured = Trainer(plan).evaluate(mixed[0].initial, mixed[2])
        assert set(measured) == {"loss", *names}


def test_other_threads_than_tensorflow_runs_with_are_refused(mixed) -> None:
    with pytest.raises(SettingsError, match="63 threads were asked for"):
        Trainer(mixed[0].plan, threads=63)
