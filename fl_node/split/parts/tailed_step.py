"""The data owner's steps in the U-shaped configuration, where labels and last layers stay."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.plan import Plan
from fl_node.split.parts.crossing import Crossing, gradients_of
from fl_node.split.parts.nopeek import weigh_leakage
from fl_node.split.parts.part import Part
from fl_node.split.parts.party import Party, forward
from fl_node.split.parts.remote import Arrays, Exchange, Remote, layers_above
from fl_node.split.parts.samples import Rows, Samples, batches, feed_of, one_number, over_rows
from fl_node.split.parts.score import Score
from fl_node.training.dataset import Dataset


class TailedStep:
    """The lower part and the tail; one batch is one graph, with both exchanges inside.

    :ivar party: weights (lower, tail), one optimizer for both, and state
    :ivar score: of an epoch's batches, or of an evaluation
    """

    def __init__(
        self,
        plan: Plan,
        lower: Part,
        tail: Part,
        crossing: Sequence[Crossing],
        features: Sequence[Crossing],
        *,
        threads: int | None = None,
        nopeek: float = 0.0,
        in_flight: int = 1,
    ) -> None:
        """Build the parts and their graphs; raises as :class:`.node_step.NodeStep`."""
        self.party = Party(plan, [lower, tail], threads=threads, at_once=in_flight)
        self._lower, self._tail = self.party.models
        self._crossing, self._nopeek = len(crossing), nopeek
        output = tuple(self._tail.outputs[0].shape[1:])
        self._feed = feed_of(self._lower, output, plan.loss)
        self.score = Score(plan, self._tail, self.party.optimizer)
        self._several, self._runs = in_flight > 1, count()
        self._forth = Remote(features, settled=self._several)
        self._back = Remote(gradients_of(crossing))
        self._train = over_rows(self._feed, self._training, [one_number()])
        self._infer = over_rows(self._feed, self._inference)
        shapes = batches([each.shape for each in features])
        self._count = over_rows(self._feed, self._counting, shapes)

    def samples(self, data: Dataset) -> Samples:
        """Put a data set into memory.

        :raises DataError: when the parts cannot take it
        """
        return Samples.of_dataset(data, self._feed)

    def step(
        self,
        samples: Samples,
        rows: Rows,
        exchange_features: Exchange,
        exchange_gradients: Exchange,
    ) -> None:
        """Train one batch; when it fails, everything is as before, the score too.

        :param exchange_features: takes what crosses, gives the features; what it raises is raised
        :param exchange_gradients: takes the features' gradients, gives those at the cut
        """
        run = next(self._runs)
        with (
            self.party.running("a step", self.score.variables),
            self._forth.bound(exchange_features, run),
            self._back.bound(exchange_gradients, run),
        ):
            self._train(*samples.batch(rows), run)

    def activations(self, samples: Samples, rows: Rows) -> Arrays:
        """Compute what crosses at inference."""
        with self.party.running("the evaluation"):
            found = self._infer(*samples.batch(rows))
        return [np.array(each) for each in found]

    def count(self, samples: Samples, rows: Rows, features: Sequence[NDArray[Any]]) -> None:
        """Add a batch to the score, from the provider's features."""
        with self.party.running("the evaluation", self.score.variables):
            self._count(*samples.batch(rows), *features)

    def _training(self, inputs: list[Any], targets: Any, run: list[Any]) -> None:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            below, penalties = forward(self._lower, inputs, training=True)
            cut, kept = below[: self._crossing], below[self._crossing :]
            features = layers_above(self._forth, self._back, cut, *run)
            # The steps before may end while the features are under way: read no weight earlier.
            with tf.control_dependencies(features if self._several else []):
                (output,), _ = forward(self._tail, [*features, *kept], training=True)
                loss = self.score.loss(targets, output, penalties)
                self.score.count(loss, targets, output)
            weighed = weigh_leakage(loss, self._nopeek, inputs, cut)
        self.party.apply(tape.gradient(weighed, self.party.variables), features)

    def _inference(self, inputs: list[Any], _: Any, __: list[Any]) -> list[Any]:
        return forward(self._lower, inputs, training=False)[0][: self._crossing]

    def _counting(self, inputs: list[Any], targets: Any, features: list[Any]) -> None:
        below, penalties = forward(self._lower, inputs, training=False)
        taken = [*features, *below[self._crossing :]]
        (output,), _ = forward(self._tail, taken, training=False)
        loss = self.score.loss(targets, output, penalties)
        self.score.count(loss, targets, output)
