"""Models: the paper's network, models rebuilt from plans, and their weights by name."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from fl_node.errors import ModelError, WeightsError
from fl_node.plan import Plan
from fl_node.training.architecture import check_architecture
from fl_node.training.backend import start_backend
from fl_node.training.precision import with_precision
from fl_node.weights import TensorSpec, Weights

PAPER_PARAMETERS = 619_786
DROPOUT_RATE = 0.4


@dataclass(frozen=True)
class Parameter:
    """One tensor of a model, for people: its name, what it looks like, how much it is."""

    name: str
    spec: TensorSpec

    @property
    def count(self) -> int:
        """Number of values."""
        return self.spec.nbytes // self.spec.dtype.itemsize


def paper_cnn() -> Any:
    """Build the paper's network for 28x28x1 images in 10 classes: 619,786 parameters."""
    start_backend()
    from keras import Input, Sequential, layers

    stack = [Input((28, 28, 1), name="image")]
    for number, filters in enumerate((32, 64, 128), start=1):
        stack += [
            layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"conv_{number}"),
            layers.MaxPooling2D(2, padding="same", name=f"pool_{number}"),
        ]
    stack += [
        layers.Flatten(name="flatten"),
        layers.Dense(256, activation="relu", name="hidden"),
        layers.Dropout(DROPOUT_RATE, name="dropout"),
        layers.Dense(10, activation="softmax", name="digit"),
    ]
    return Sequential(stack, name="paper_cnn")


def build_model(plan: Plan) -> Any:
    """Rebuild the plan's model from built-in layers, not compiled, with arbitrary weights.

    :raises ModelError: when it has anything else in it, or Keras cannot build it
    """
    model = build_architecture(with_precision(plan.model, plan.precision))
    check_variables(model)
    return model


def build_architecture(config: Mapping[str, Any]) -> Any:
    """Rebuild a model from its Keras configuration; raises as :func:`build_model`."""
    check_architecture(config)
    import keras

    with keras_errors("this model cannot be built"):
        model = keras.models.model_from_json(json.dumps(config))
    if not isinstance(model, keras.Model) or not model.built:
        raise ModelError("the model has no input shape yet: begin it with keras.Input(…)")
    return model


@contextmanager
def keras_errors(what: str) -> Iterator[None]:
    """Turn what Keras and TensorFlow raise over a bad configuration into a `ModelError`."""
    import tensorflow as tf

    wrong = (ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError)
    try:
        yield
    except (*wrong, ImportError, tf.errors.OpError) as error:
        raise ModelError(f"{what}: {_one_line(error)}") from error


def weights_of(model: Any, metadata: Mapping[str, Any] | None = None) -> Weights:
    """Copy the model's weights: trainable or not, but neither seeds nor optimizer state."""
    tensors = {name: np.array(v.numpy()) for name, v in named_variables(model).items()}
    return Weights(tensors, metadata or {})


def load_weights(model: Any, weights: Weights) -> None:
    """Put weights into a model.

    :raises WeightsError: unless names, shapes and dtypes are exactly the model's
    """
    variables = named_variables(model)
    check_specs(specs_of(model), weights)
    for name, variable in variables.items():
        variable.assign(weights.tensors[name])


def check_specs(wanted: Mapping[str, TensorSpec], weights: Weights) -> None:
    """Compare weights with what a model needs; raises as :func:`load_weights`."""
    found = weights.specs
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise WeightsError(
                f"tensor {name!r} should be {wanted.get(name, 'absent')}, "
                f"found {found.get(name, 'none')}: these weights belong to another model"
            )


def specs_of(model: Any) -> dict[str, TensorSpec]:
    """Give the name, dtype and shape of each of the model's weights, in their order."""
    return {
        name: TensorSpec(np.dtype(variable.dtype), tuple(variable.shape))
        for name, variable in named_variables(model).items()
    }


def parameters_of(config: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """List the tensors of a plan's model; raises as :func:`build_model`."""
    specs = specs_of(build_architecture(config))
    return tuple(Parameter(name, spec) for name, spec in specs.items())


def named_variables(model: Any) -> dict[str, Any]:
    """Give each weight a name that is the same in every process, such as ``000/conv_1/kernel``.

    Keras numbers layers inside layers as they come in a process, so a name is made of the weight's
    position, the layers that the configuration names, and the variable's own name.
    """
    owners = dict(_owners(model, ()))
    width = max(3, len(str(len(model.weights) - 1)))
    return {
        "/".join((f"{i:0{width}d}", *owners.get(id(variable), ()), variable.name)): variable
        for i, variable in enumerate(model.weights)
    }


def _owners(model: Any, path: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    for layer in reversed(model.layers):  # the first owner of a shared layer has the last word
        here = (*path, layer.name)
        yield from ((id(variable), here) for variable in layer.weights)
        if hasattr(layer, "layers"):
            yield from _owners(layer, here)


def check_variables(model: Any) -> None:
    """Refuse a model that weights files or this project's training cannot hold.

    :raises ModelError: naming the variable, input or output
    """
    if not model.weights:
        raise ModelError("the model has no weights: there is nothing to train together")
    for name, variable in named_variables(model).items():
        if "float" in variable.dtype and variable.dtype != "float32":
            raise ModelError(
                f"variable {name!r} is {variable.dtype}, weights files hold float32: "
                'build the model in float32 and set precision = "mixed_bfloat16" in the plan'
            )
    for tensor in model.inputs:
        if tensor.dtype == "string":
            raise ModelError(f"input {tensor.name!r} takes text: encode it as integers first")
    if len(model.outputs) != 1:
        raise ModelError(f"a model with one output was expected, found {len(model.outputs)}")


def _one_line(error: BaseException) -> str:
    _, _, cause = str(error).rpartition("Exception encountered:")  # Keras tells the cause last
    lines = [line.strip() for line in cause.splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
