"""Loss and metrics of whoever has the labels."""

from collections.abc import Sequence
from typing import Any

from fl_node.plan import Plan
from fl_node.split.parts.party import total
from fl_node.training.compiled import compile_with
from fl_node.training.data import is_sparse
from fl_node.training.models import keras_errors


class Score:
    """Loss and metrics over the batches since the last reset."""

    def __init__(self, plan: Plan, model: Any, optimizer: Any) -> None:
        """Give the model that ends with the output the plan's loss and metrics.

        :raises ModelError: for a loss or metric that is not built into Keras
        """
        compile_with(model, plan, optimizer)
        self._model = model
        self._begin(is_sparse(plan.loss))

    def _begin(self, sparse: bool) -> None:
        """Have Keras make the metrics' variables now, not in the middle of the first step."""
        import tensorflow as tf

        output = tf.zeros([side or 1 for side in self._model.outputs[0].shape])
        targets = tf.zeros(output.shape[:-1], tf.int32) if sparse else output
        with keras_errors("the plan's loss and metrics do not fit the model's output"):
            self.count(self.loss(targets, output), targets, output)
        self.reset()

    @property
    def variables(self) -> list[Any]:
        """What a batch changes."""
        return list(self._model.metrics_variables)

    def loss(self, targets: Any, output: Any, penalties: Sequence[Any] = ()) -> Any:
        """Compute the loss within a graph, with the model's own penalties and more."""
        return total(self._model.compute_loss(y=targets, y_pred=output), penalties)

    def count(self, loss: Any, targets: Any, output: Any) -> None:
        """Add a batch to loss and metrics, within a graph."""
        import tensorflow as tf

        mean = next(each for each in self._model.metrics if each.name == "loss")
        mean.update_state(loss, sample_weight=tf.shape(targets)[0])
        self._model.compute_metrics(None, targets, output)

    def reset(self) -> None:
        """Begin an epoch or an evaluation."""
        self._model.reset_metrics()

    def result(self) -> dict[str, float]:
        """Give ``loss`` and the plan's metrics."""
        return {name: float(v) for name, v in self.results().items()}

    def results(self) -> dict[str, Any]:
        """Give the same as tensors, within a graph."""
        return dict(self._model.get_metrics_result())


def output_alone(shape: tuple[int | None, ...]) -> Any:
    """Make a model that gives what it takes: the output that the other party computed."""
    import keras

    taken = keras.Input(shape)
    return keras.Model(taken, keras.layers.Identity()(taken))
