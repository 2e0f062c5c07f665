"""What a party trains: its parts of the model, and one optimizer for them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from fl_node.errors import ModelError
from fl_node.plan import Plan
from fl_node.split.parts.part import Part
from fl_node.training.backend import start_backend
from fl_node.training.compiled import build_optimizer
from fl_node.training.models import keras_errors, load_weights, weights_of
from fl_node.training.state import SeedPlaces, TrainingState
from fl_node.weights import Weights

_COUPLING = {
    "global_clipnorm": "clips by a norm over all weights of both parties",
    "loss_scale_factor": "scales the gradients that cross",
}
_COUPLED = {
    "LossScaleOptimizer": "skips a step when any gradient of both parties is not finite",
    "MultiOptimizer": "names the weights of both parties",
}


class Party:
    """Built parts with one optimizer; begins, steps and can be copied out at any step.

    :ivar models: Keras models
    :ivar state: everything that a step changes but the metrics, for snapshots and resuming
    """

    def __init__(
        self, plan: Plan, parts: Sequence[Part], *, threads: int | None = None, at_once: int = 1
    ) -> None:
        """Build the parts, with arbitrary weights.

        :param plan: says loss, optimizer and metrics; its model is not looked at
        :param threads: see :func:`~fl_node.training.backend.start_backend`
        :param at_once: steps that are under way at once
        :raises ModelError: for a part or an optimizer that split learning cannot train
        """
        start_backend(threads, at_once).config.experimental.enable_op_determinism()
        check_optimizer(plan.optimizer)
        self.models = tuple(part.build() for part in parts)
        self.variables = [v for model in self.models for v in model.trainable_variables]
        self.optimizer = build_optimizer(plan, self.variables)
        places = tuple(place for part in parts for place in part.seeds.places)
        seeds = SeedPlaces(places, parts[0].seeds.total)
        self.state = TrainingState(*self.models, optimizer=self.optimizer, seed_places=seeds)

    @property
    def weights(self) -> tuple[Weights, ...]:
        """Copies of the parts' weights, in their order."""
        return tuple(weights_of(model) for model in self.models)

    def load(self, weights: Sequence[Weights]) -> None:
        """Put weights into the parts.

        :raises WeightsError: when they belong to other parts
        """
        for model, each in zip(self.models, weights, strict=True):
            load_weights(model, each)

    def finish(self) -> None:
        """End a training: an optimizer that averages weights puts the averages in their place."""
        self.optimizer.finalize_variable_values(self.variables)

    def apply(self, gradients: Sequence[Any], arrived: Sequence[Any] = ()) -> None:
        """Take the optimizer's step within a graph, not before all of these are there.

        :param arrived: what came from the other party: a failed exchange must leave even the
            optimizer's count of steps as it is
        """
        import tensorflow as tf

        known = [gradient for gradient in gradients if gradient is not None]
        with tf.control_dependencies([*arrived, *known]):
            self.optimizer.apply(gradients, self.variables)

    @contextmanager
    def running(self, what: str, measured: Sequence[Any] = ()) -> Iterator[None]:
        """Run a graph whole or not at all: when it fails, all is as it was before.

        The optimizer waits for the exchange by itself; statistics and seeds move on earlier.

        :param measured: variables of metrics
        """
        moving = [v for m in self.models for v in m.variables if not v.trainable]
        before = [
            (v, v.value.read_value()) for v in {id(v): v for v in [*moving, *measured]}.values()
        ]
        try:
            with keras_errors(f"{what} failed"):
                yield
        except BaseException:
            for variable, value in before:
                variable.assign(value)
            raise


def forward(model: Any, tensors: Sequence[Any], *, training: bool) -> tuple[list[Any], list[Any]]:
    """Call a part within a graph; gives its outputs and its penalties.

    Penalties are the scalars that layers add to the loss, such as weight decay by a regularizer.
    """
    import keras

    taken = tensors[0] if len(model.inputs) == 1 else list(tensors)
    outputs = keras.tree.flatten(model(taken, training=training))
    return outputs, [keras.ops.sum(penalty) for penalty in model.losses]


def total(loss: Any, penalties: Sequence[Any]) -> Any:
    """Add penalties to a loss as Keras does."""
    import keras

    return keras.ops.sum([loss, *penalties]) if penalties else loss


def check_optimizer(config: Mapping[str, Any]) -> None:
    """Refuse an optimizer whose step for one weight depends on the other party's weights.

    :raises ModelError: naming what couples them
    """
    name = str(config.get("class_name"))
    if name in _COUPLED:
        raise ModelError(f"optimizer {name} {_COUPLED[name]}: in split learning take another")
    table = config.get("config")
    for key, why in _COUPLING.items():
        if isinstance(table, Mapping) and table.get(key):
            raise ModelError(f"optimizer {name} with {key} {why}: leave {key} out")
