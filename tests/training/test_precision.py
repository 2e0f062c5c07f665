import json
from dataclasses import replace

import keras
import pytest

from fl_node.training.models import build_model
from fl_node.training.precision import with_precision
from tests.training.small_models import SMALL_MODELS, draft_of


@pytest.mark.parametrize("name", SMALL_MODELS)
def test_float32_changes_nothing(name) -> None:
    config = json.loads(SMALL_MODELS[name]().to_json())
    assert with_precision(config, "float32") == config


@pytest.mark.parametrize("name", SMALL_MODELS)
def test_layers_compute_in_bfloat16_but_the_last_one(name) -> None:
    plan = draft_of(name).plan
    model = build_model(replace(plan, precision="mixed_bfloat16"))
    hidden = [each for layer in model.layers[:-1] for each in getattr(layer, "layers", [layer])]
    assert {each.compute_dtype for each in hidden if each.weights} == {"bfloat16"}
    assert model.layers[-1].compute_dtype == "float32"
    assert {variable.dtype for variable in model.weights} == {"float32"}


def test_the_policy_stays_within_the_model() -> None:
    plan = draft_of("dense").plan
    build_model(replace(plan, precision="mixed_bfloat16"))
    assert keras.config.dtype_policy().name == "float32"


def test_a_layer_with_a_precision_of_its_own_keeps_it() -> None:
    policy = keras.layers.Dense(2, dtype="mixed_float16")
    model = keras.Sequential([keras.Input((2,)), policy, keras.layers.Dense(1)])
    config = with_precision(json.loads(model.to_json()), "mixed_bfloat16")
    rebuilt = keras.models.model_from_json(json.dumps(config))
    assert rebuilt.layers[0].dtype_policy.name == "mixed_float16"
