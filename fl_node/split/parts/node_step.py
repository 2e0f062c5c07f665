"""The data owner's steps in the vanilla configuration, where the labels go to the provider."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.plan import Plan
from fl_node.split.parts.crossing import Crossing, gradients_of
from fl_node.split.parts.nopeek import weigh_leakage
from fl_node.split.parts.part import Part
from fl_node.split.parts.party import Party, forward, total
from fl_node.split.parts.remote import Arrays, Remote, loss_above
from fl_node.split.parts.samples import Rows, Samples, batches, feed_of, one_number, over_rows
from fl_node.split.parts.score import Score, output_alone
from fl_node.training.dataset import Dataset

LabelledExchange = Callable[[Arrays, NDArray[Any]], Sequence[NDArray[Any]]]


class NodeStep:
    """The lower part; one batch is one graph, with the exchange inside.

    :ivar party: weights, optimizer and state
    :ivar score: of an evaluation
    """

    def __init__(
        self,
        plan: Plan,
        lower: Part,
        crossing: Sequence[Crossing],
        output: tuple[int | None, ...],
        *,
        threads: int | None = None,
        nopeek: float = 0.0,
        in_flight: int = 1,
    ) -> None:
        """Build the part and its graphs.

        :param output: shape of one sample of the whole model's output
        :param nopeek: weight of the distance correlation, see :mod:`fl_node.split.parts.nopeek`
        :param threads: see :func:`~fl_node.training.backend.start_backend`
        :param in_flight: how many steps may be under way at once, see
            :mod:`fl_node.split.flight`
        :raises ModelError: for a part, an optimizer, a loss or metrics that cannot be trained
        """
        self.party = Party(plan, [lower], threads=threads, at_once=in_flight)
        (self._lower,) = self.party.models
        self._nopeek = nopeek
        self._feed = feed_of(self._lower, output, plan.loss)
        self.score = Score(plan, output_alone(output), self.party.optimizer)
        self._remote = Remote(gradients_of(crossing), settled=in_flight > 1)
        self._runs = count()
        self._train = over_rows(self._feed, self._training, [one_number()])
        self._infer = over_rows(self._feed, self._inference)
        self._count = over_rows(self._feed, self._counting, batches([output]))

    def samples(self, data: Dataset) -> Samples:
        """Put a data set into memory.

        :raises DataError: when the parts cannot take it
        """
        return Samples.of_dataset(data, self._feed)

    def step(self, samples: Samples, rows: Rows, exchange: LabelledExchange) -> None:
        """Train one batch; when it fails, weights, optimizer, seeds and statistics are as before.

        :param exchange: takes what crosses and the targets, gives the gradients at the cut; what
            it raises is raised here
        """

        def labelled(arrays: Arrays) -> Sequence[NDArray[Any]]:
            return exchange(arrays[:-1], arrays[-1])

        run = next(self._runs)
        with self.party.running("a step"), self._remote.bound(labelled, run):
            self._train(*samples.batch(rows), run)

    def activations(self, samples: Samples, rows: Rows) -> Arrays:
        """Compute what crosses at inference."""
        with self.party.running("the evaluation"):
            found = self._infer(*samples.batch(rows))
        return [np.array(each) for each in found]

    def count(self, samples: Samples, rows: Rows, outputs: Sequence[NDArray[Any]]) -> None:
        """Add the provider's outputs for a batch to the score.

        Keras takes a loss from logits where it can see them. Here it sees probabilities, so the
        loss may differ from the uncut model's in its last digits; metrics do not.
        """
        with self.party.running("the evaluation", self.score.variables):
            self._count(*samples.batch(rows), *outputs)

    def _training(self, inputs: list[Any], targets: Any, run: list[Any]) -> None:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            cut, penalties = forward(self._lower, inputs, training=True)
            loss = total(loss_above(self._remote, cut, [targets], *run), penalties)
            weighed = weigh_leakage(loss, self._nopeek, inputs, cut)
        self.party.apply(tape.gradient(weighed, self.party.variables), [loss])

    def _inference(self, inputs: list[Any], _: Any, __: list[Any]) -> list[Any]:
        return forward(self._lower, inputs, training=False)[0]

    def _counting(self, inputs: list[Any], targets: Any, outputs: list[Any]) -> None:
        _, penalties = forward(self._lower, inputs, training=False)  # not run without penalties
        loss = self.score.loss(targets, outputs[0], penalties)
        self.score.count(loss, targets, outputs[0])
