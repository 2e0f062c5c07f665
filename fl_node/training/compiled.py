"""A plan's model with its loss, optimizer and metrics, as far as Keras knows them by name."""

from difflib import get_close_matches
from typing import Any

from fl_node.errors import ModelError
from fl_node.plan import Plan
from fl_node.training.architecture import check_architecture
from fl_node.training.models import build_model, keras_errors

_CHOSEN_BY_LOSS = frozenset({"accuracy", "acc", "crossentropy", "ce"})


def compile_model(plan: Plan) -> Any:
    """Rebuild the plan's model and make it ready to train.

    :raises ModelError: for a model, loss, optimizer or metric that is not built into Keras
    """
    model = build_model(plan)
    optimizer = build_optimizer(plan, model.trainable_variables)
    compile_with(model, plan, optimizer)
    return model


def build_optimizer(plan: Plan, variables: list[Any]) -> Any:
    """Make the plan's optimizer for these variables; raises as :func:`compile_model`."""
    import keras

    check_architecture(plan.optimizer)
    with keras_errors("the plan's optimizer cannot be built"):
        optimizer = keras.optimizers.deserialize(dict(plan.optimizer))
        if not isinstance(optimizer, keras.optimizers.Optimizer):
            raise ModelError(f"{plan.optimizer.get('class_name')} is no Keras optimizer: try Adam")
        optimizer.build(variables)
    return optimizer


def compile_with(model: Any, plan: Plan, optimizer: Any) -> None:
    """Give a model the plan's loss and metrics; raises as :func:`compile_model`."""
    with keras_errors("the plan's loss, optimizer and metrics do not fit its model"):
        model.compile(
            optimizer=optimizer,
            loss=_loss(plan.loss),
            metrics=[_metric(name) for name in plan.metrics],
            jit_compile=False,  # doubles the time of a step on a CPU
            auto_scale_loss=False,
        )


def _loss(name: str) -> Any:
    import keras

    _check_name("loss", name, keras.losses)
    return keras.losses.get(name)


def _metric(name: str) -> Any:
    import keras

    if name in _CHOSEN_BY_LOSS:
        return name
    _check_name("metric", name, keras.metrics)
    found = keras.metrics.get(name)
    if not isinstance(found, keras.metrics.Metric):
        return found
    return type(found).from_config(found.get_config() | {"name": name})  # Keras numbers them


def _check_name(kind: str, name: str, module: Any) -> None:
    known = {each for each in dir(module) if not each.startswith("_")}
    known -= {"get", "serialize", "deserialize", "Loss", "Metric"}
    if name not in known:
        near = ", ".join(get_close_matches(name, known)) or f"a name from {module.__name__}"
        raise ModelError(f"the {kind} {name!r} is not built into Keras: try {near}")
