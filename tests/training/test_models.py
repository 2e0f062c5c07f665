import json
import random
from dataclasses import replace

import keras
import numpy as np
import pytest

from fl_node.errors import ModelError, WeightsError
from fl_node.training.models import (
    PAPER_PARAMETERS,
    build_architecture,
    build_model,
    load_weights,
    named_variables,
    paper_cnn,
    parameters_of,
    specs_of,
    weights_of,
)
from fl_node.weights import Weights
from tests.training.small_models import SMALL_MODELS, draft_of, two_inputs


def test_the_papers_network_has_619786_parameters() -> None:
    assert paper_cnn().count_params() == PAPER_PARAMETERS == 619_786


def test_the_papers_network_flattens_to_2048_as_the_paper_says() -> None:
    assert paper_cnn().get_layer("flatten").output.shape == (None, 2048)


def test_the_papers_network_has_the_same_configuration_whatever_was_built_before() -> None:
    before = paper_cnn().to_json()
    keras.layers.Dense(3)
    assert paper_cnn().to_json() == before


@pytest.mark.parametrize("name", SMALL_MODELS)
def test_weights_go_out_and_in_again_unchanged(name: str) -> None:
    draft = draft_of(name)
    model = build_model(draft.plan)
    load_weights(model, draft.initial)
    assert weights_of(model).same_tensors(draft.initial)


@pytest.mark.parametrize("name", SMALL_MODELS)
def test_names_do_not_depend_on_what_was_built_before(name: str) -> None:
    config = dict(draft_of(name).plan.model)
    before = list(specs_of(build_architecture(config)))
    SMALL_MODELS[name]()
    assert list(specs_of(build_architecture(config))) == before


@pytest.mark.parametrize("name", SMALL_MODELS)
def test_names_sort_in_the_models_order(name: str) -> None:
    names = list(named_variables(SMALL_MODELS[name]()))
    assert names == sorted(names)
    assert len(set(names)) == len(names)


def test_moving_averages_are_weights_and_seeds_are_not() -> None:
    names = [name.split("/", 1)[1] for name in named_variables(two_inputs())]
    assert sum("moving_mean" in name or "moving_variance" in name for name in names) == 2
    assert not any("seed" in name for name in names)


def test_a_layer_inside_a_model_is_named_with_its_path() -> None:
    names = specs_of(build_architecture(dict(draft_of("named_inputs").plan.model)))
    assert any("/inner/" in name and name.endswith("/kernel") for name in names)


@pytest.mark.parametrize("seed", [1, 2])
def test_initial_weights_come_from_the_plans_seed_alone(seed: int) -> None:
    first = draft_of("two_inputs", seed=seed)
    random.random()
    np.random.random()
    keras.layers.Dense(3)
    assert draft_of("two_inputs", seed=seed).plan.cid == first.plan.cid
    assert draft_of("two_inputs", seed=seed + 1).plan.initial != first.plan.initial


def test_drafting_leaves_the_callers_chance_alone() -> None:
    random.seed(5)
    expected = random.random()
    random.seed(5)
    draft_of("dense")
    assert random.random() == expected


WRONG = {
    "a tensor is missing": lambda t: dict(list(t.items())[1:]),
    "a tensor is too many": lambda t: t | {"999/more": np.zeros(1, np.float32)},
    "a shape differs": lambda t: t | {next(iter(t)): np.zeros((1, 1), np.float32)},
    "a dtype differs": lambda t: t | {k: v.astype(np.int32) for k, v in list(t.items())[:1]},
}


@pytest.mark.parametrize("how", WRONG)
def test_weights_of_another_model_are_refused(how: str) -> None:
    draft = draft_of("dense")
    with pytest.raises(WeightsError, match="belong to another model"):
        load_weights(build_model(draft.plan), Weights(WRONG[how](dict(draft.initial.tensors))))


def test_refused_weights_change_nothing() -> None:
    draft = draft_of("dense")
    model = build_model(draft.plan)
    before = weights_of(model)
    tensors = dict(draft.initial.tensors)
    tensors[max(tensors)] = np.zeros(99, np.float32)
    with pytest.raises(WeightsError):
        load_weights(model, Weights(tensors))
    assert weights_of(model).same_tensors(before)


def test_parameters_are_listed_with_their_counts() -> None:
    listed = parameters_of(json.loads(paper_cnn().to_json()))
    assert sum(each.count for each in listed) == PAPER_PARAMETERS
    assert (listed[0].name, str(listed[0].spec)) == ("000/conv_1/kernel", "float32[3, 3, 1, 32]")


UNFIT = {
    "float16": lambda: keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2, dtype="float16")]
    ),
    "no weights": lambda: keras.Sequential([keras.Input((2,)), keras.layers.Flatten()]),
    "one output": lambda: _two_outputs(),
    "takes text": lambda: _takes_text(),
}


@pytest.mark.parametrize("why", UNFIT)
def test_a_model_that_cannot_be_trained_together_is_refused(why: str) -> None:
    config = json.loads(UNFIT[why]().to_json())
    with pytest.raises(ModelError, match=why):
        build_model(replace(draft_of("dense").plan, model=config))


def test_a_configuration_that_keras_cannot_build_is_a_model_error_of_one_line() -> None:
    config = json.loads(SMALL_MODELS["dense"]().to_json())
    config["config"]["layers"][1]["config"]["units"] = -3
    with pytest.raises(ModelError, match="cannot be built") as caught:
        build_architecture(config)
    assert "\n" not in str(caught.value)


def _two_outputs() -> keras.Model:
    given = keras.Input((2,))
    return keras.Model(given, [keras.layers.Dense(1)(given), keras.layers.Dense(1)(given)])


def _takes_text() -> keras.Model:
    given = keras.Input((1,), dtype="string")
    seen = keras.layers.StringLookup(vocabulary=["a", "b"], output_mode="multi_hot")(given)
    return keras.Model(given, keras.layers.Dense(1)(seen))
