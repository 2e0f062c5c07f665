import copy
import json
from collections.abc import Callable
from typing import Any

import keras
import pytest

from fl_node.errors import ModelError
from fl_node.training.architecture import MAX_DEPTH, check_architecture
from fl_node.training.models import build_architecture
from tests.training.small_models import SMALL_MODELS, dense


def configuration(model: Any) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(model.to_json())
    config.pop("compile_config", None)
    return config


@pytest.mark.parametrize("name", SMALL_MODELS)
def test_models_of_built_in_layers_pass(name: str) -> None:
    check_architecture(configuration(SMALL_MODELS[name]()))


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.layers.Dense(2, kernel_regularizer="l2", kernel_constraint="max_norm"),
        lambda: keras.layers.Dense(2, activation="gelu", kernel_initializer="he_normal"),
        lambda: keras.layers.Activation("softmax"),
        lambda: keras.layers.RNN(keras.layers.LSTMCell(3)),
    ],
)
def test_layers_with_built_in_parts_pass(make: Callable[[], Any]) -> None:
    check_architecture(configuration(keras.Sequential([keras.Input((2, 2)), make()])))


@keras.saving.register_keras_serializable(package="Ours")
class Doubled(keras.layers.Layer):
    def call(self, inputs: Any) -> Any:
        return 2 * inputs


@keras.saving.register_keras_serializable(package="Ours")
def tripled(inputs: Any) -> Any:
    return 3 * inputs


HOSTILE = {
    "Lambda": lambda: keras.layers.Lambda(lambda x: x),
    "Ours>Doubled": Doubled,
    "function": lambda: keras.layers.Activation(tripled),
}


@pytest.mark.parametrize("named", HOSTILE)
def test_what_carries_code_is_refused_by_name_and_place(named: str) -> None:
    config = configuration(keras.Sequential([keras.Input((2,)), HOSTILE[named]()]))
    with pytest.raises(ModelError, match=r"model\.config\.layers\[1\].*") as caught:
        check_architecture(config)
    assert named in str(caught.value) or "tripled" in str(caught.value)


def test_code_inside_a_model_inside_a_wrapper_is_found() -> None:
    inner = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x)])
    outer = keras.Sequential([keras.Input((3, 2)), keras.layers.TimeDistributed(inner)])
    with pytest.raises(ModelError, match="Lambda"):
        check_architecture(configuration(outer))


def changed(**keys: Any) -> dict[str, Any]:
    config = configuration(dense())
    config["config"]["layers"][1] |= keys
    return config


@pytest.mark.parametrize(
    "config",
    [
        changed(class_name="TFSMLayer"),
        changed(class_name="TorchModuleWrapper"),
        changed(class_name="JaxLayer"),
        changed(class_name="FlaxLayer"),
        changed(class_name="Layer", module="os"),
        changed(class_name="system", module="os"),
        changed(class_name="Dense", module="evil"),
        changed(class_name="Dense", module=None),
        changed(class_name="Dense", registered_name="Evil>Dense"),
        changed(class_name=["Dense"]),
        changed(class_name="deserialize"),
        changed(class_name="Popen", module="keras.src.ops.subprocess"),
        changed(class_name="KerasTensor", module="keras.src.ops.numpy"),
        changed(class_name="load_model", module="keras.models"),
        changed(class_name="__lambda__"),
        changed(class_name="function", module="builtins", config="print"),
        changed(compile_config={"loss": "mse"}),
    ],
)
def test_a_changed_layer_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ModelError):
        check_architecture(config)


def test_a_reference_without_a_class_is_refused() -> None:
    config = configuration(dense())
    config["config"]["layers"][1]["config"]["activation"] = {"module": "os", "config": "system"}
    with pytest.raises(ModelError, match="os"):
        check_architecture(config)


def test_a_file_of_the_nodes_owner_is_not_read() -> None:
    lookup = keras.layers.IntegerLookup(vocabulary=[1, 2], output_mode="multi_hot")
    config = configuration(keras.Sequential([keras.Input((1,), dtype="int64"), lookup]))
    check_architecture(config)
    hostile = copy.deepcopy(config)
    hostile["config"]["layers"][1]["config"]["vocabulary"] = "/etc/passwd"
    with pytest.raises(ModelError, match="names a file"):
        build_architecture(hostile)


def test_endless_nesting_is_refused() -> None:
    config: Any = {}
    for _ in range(10 * MAX_DEPTH):
        config = {"config": config}
    with pytest.raises(ModelError, match="deeper"):
        check_architecture({"class_name": "Sequential", "module": "keras"} | config)


@pytest.mark.parametrize("config", [None, [], "Sequential", {}, {"config": {}}])
def test_what_is_no_configuration_is_refused(config: object) -> None:
    with pytest.raises(ModelError, match="class_name"):
        check_architecture(config)
