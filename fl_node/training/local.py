"""Local training: a function of plan, node, round, base and data, bit for bit."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.errors import ModelError
from fl_node.plan import Plan
from fl_node.training.backend import start_backend
from fl_node.training.checkpoint import Checkpoint, Checkpoints, Reached
from fl_node.training.compiled import compile_model
from fl_node.training.data import is_sparse
from fl_node.training.dataset import Dataset
from fl_node.training.draws import key_of, permutation
from fl_node.training.feed import Feed
from fl_node.training.identity import identity_of
from fl_node.training.models import keras_errors, load_weights, specs_of, weights_of
from fl_node.training.state import TrainingState
from fl_node.training.steps import EVALUATION_BATCH, Steps
from fl_node.weights import TensorSpec, Weights

CHUNK_SECONDS = 0.25


@dataclass(frozen=True)
class TrainingProgress:
    """How far a local training is, a few times a second.

    :ivar epoch: the running epoch, from 1
    :ivar samples_done: of this epoch
    :ivar samples: in an epoch
    :ivar metrics: over this epoch so far, ``loss`` and the plan's metrics
    :ivar samples_per_second: over this training so far, in this process
    """

    epoch: int
    epochs: int
    samples_done: int
    samples: int
    metrics: Mapping[str, float]
    samples_per_second: float


@dataclass(frozen=True)
class TrainedUpdate:
    """What a local training gives.

    :ivar weights: with no metadata yet
    :ivar samples: in the node's data set, FedAvg's n_k
    :ivar metrics: over the last epoch, while the weights still changed
    """

    weights: Weights
    samples: int
    metrics: dict[str, float]


def _silent(_: TrainingProgress) -> None:
    return None


class Trainer:
    """Trains a plan's model from any base; built once, used for every round and node."""

    def __init__(
        self, plan: Plan, *, threads: int | None = None, checkpoints: Checkpoints | None = None
    ) -> None:
        """Build the model and its graphs.

        :param threads: see :func:`~fl_node.training.backend.start_backend`
        :param checkpoints: for trainings of several epochs; None keeps none
        :raises ModelError: for a model, loss, optimizer or metric that the plan may not have
        """
        start_backend(threads).config.experimental.enable_op_determinism()
        self.plan = plan
        self._model = compile_model(plan)
        self._feed = Feed.of_model(self._model, sparse=is_sparse(plan.loss))
        self._steps = Steps(self._model, self._feed, plan.batch_size)
        self._state = TrainingState(self._model)
        self._checkpoints = checkpoints

    @property
    def specs(self) -> dict[str, TensorSpec]:
        """Names, dtypes and shapes of the model's weights."""
        return specs_of(self._model)

    def check(self, data: Dataset) -> None:
        """Refuse data that the model cannot take.

        :raises DataError: naming the input, what it takes and what was found
        """
        self._feed.arrays(data)

    def train(
        self,
        base: Weights,
        *,
        node: int,
        round_: int,
        base_number: int,
        data: Dataset,
        progress: Callable[[TrainingProgress], None] = _silent,
    ) -> TrainedUpdate:
        """Train the plan's epochs from a base, with a fresh optimizer and derived seeds.

        The same arguments give the same bits, whatever this process did before, on the same kind
        of machine with the same number of threads. An earlier process' checkpoint of the very same
        training only saves its epochs.

        :raises WeightsError: when the base belongs to another model
        :raises DataError: when the data set does not fit the model
        :raises ModelError: when TensorFlow fails, or the weights do not stay finite
        """
        inputs, targets = _tensors(*self._feed.arrays(data))
        load_weights(self._model, base)
        where = {"node": node, "round_": round_, "base_number": base_number}
        purpose = (self.plan.seed, *where.values())
        self._state.begin(key_of("step", *purpose))
        checkpoint = self._checkpoint(base, data, where)
        reached = checkpoint.resume() if checkpoint else Reached()
        clock, metrics = _Clock(data.samples, reached.epoch), reached.metrics
        for epoch in range(reached.epoch + 1, self.plan.epochs + 1):
            order = permutation(data.samples, key_of("shuffle", *purpose, epoch))
            for done, metrics in self._epoch(inputs, targets, order):
                progress(clock.progress(epoch, self.plan.epochs, done, metrics))
            if checkpoint:
                checkpoint.keep(Reached(epoch, metrics))
        self._model.optimizer.finalize_variable_values(self._model.trainable_variables)
        return TrainedUpdate(_finite(weights_of(self._model)), data.samples, metrics)

    def evaluate(self, weights: Weights, data: Dataset) -> dict[str, float]:
        """Measure loss and metrics of weights on a data set; raises as :meth:`train`."""
        arrays, targets = self._feed.arrays(data)
        load_weights(self._model, weights)
        self._model.reset_metrics()
        for start in range(0, data.samples, EVALUATION_BATCH):
            rows = slice(start, start + EVALUATION_BATCH)
            batch = _tensors([each[rows] for each in arrays], targets[rows])
            metrics = self._run("evaluation", self._steps.evaluate, *batch)
        return metrics

    def _checkpoint(
        self, base: Weights, data: Dataset, where: Mapping[str, int]
    ) -> Checkpoint | None:
        if self._checkpoints is None or not self._checkpoints.serve(self.plan.epochs):
            return None
        identity = identity_of(self.plan, base, data, **where)
        return Checkpoint(self._checkpoints, identity, self._state)

    def _epoch(
        self, inputs: list[Any], targets: Any, order: NDArray[np.int64]
    ) -> Iterator[tuple[int, dict[str, float]]]:
        import tensorflow as tf

        size = self.plan.batch_size
        batches, rest = divmod(len(order), size)
        rows = tf.constant(order, tf.int32)
        self._model.reset_metrics()
        train = partial(self._run, "training")
        for first, last in _chunks(batches):
            whole = self._steps.train_batches
            yield last * size, train(whole, inputs, targets, rows, first, last)
        if rest:
            last_rows = rows[batches * size :]
            yield len(order), train(self._steps.train_rest, inputs, targets, last_rows)

    def _run(self, what: str, graph: Callable[..., Any], *arguments: Any) -> dict[str, float]:
        with keras_errors(f"{what} failed"):
            graph(*arguments)
        return {name: float(v) for name, v in self._model.get_metrics_result().items()}


class _Clock:
    def __init__(self, samples: int, epochs_before: int) -> None:
        self._samples, self._epochs_before = samples, epochs_before
        self._start = time.perf_counter()

    def progress(
        self, epoch: int, epochs: int, done: int, metrics: Mapping[str, float]
    ) -> TrainingProgress:
        seconds = time.perf_counter() - self._start
        epochs_here = epoch - 1 - self._epochs_before
        rate = (epochs_here * self._samples + done) / seconds
        return TrainingProgress(epoch, epochs, done, self._samples, metrics, rate)


def _chunks(batches: int) -> Iterator[tuple[int, int]]:
    first, length = 0, 1
    while first < batches:
        last = min(batches, first + length)
        start = time.perf_counter()
        yield first, last
        step_seconds = (time.perf_counter() - start) / (last - first)
        length = max(1, min(2 * length, int(CHUNK_SECONDS / step_seconds)))
        first = last


def _tensors(inputs: list[NDArray[Any]], targets: NDArray[Any]) -> tuple[list[Any], Any]:
    import tensorflow as tf

    return [tf.constant(each) for each in inputs], tf.constant(targets)


def _finite(weights: Weights) -> Weights:
    for name, tensor in weights.tensors.items():
        if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
            raise ModelError(
                f"training diverged, {name!r} is not finite: try a smaller learning rate"
            )
    return weights
