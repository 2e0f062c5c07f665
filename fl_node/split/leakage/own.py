"""What the data owner's parts send, as the provider sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.split.draft import own_parts
from fl_node.split.leakage.stand_in import middle
from fl_node.split.parts.party import Party, forward
from fl_node.split.parts.samples import feed_of
from fl_node.split.parts.score import Score
from fl_node.split.plan import SplitPlan
from fl_node.split.wire.boundaries import Boundaries
from fl_node.training.dataset import Dataset
from fl_node.training.draws import key_of, permutation
from fl_node.weights import Weights

Arrays = list[NDArray[Any]]
_BATCH = 64
_RATE = 0.002


@dataclass(frozen=True, eq=False)
class OwnParts:
    """The data owner's parts with the weights of some moment, and samples to look at.

    :ivar below: what the lower part gives for them: what crosses, and what the tail takes besides
    """

    plan: SplitPlan
    party: Party
    inputs: Arrays
    targets: NDArray[Any]
    below: Arrays

    @classmethod
    def of_weights(
        cls, plan: SplitPlan, weights: Sequence[Weights], data: Dataset, *, threads: int | None
    ) -> "OwnParts":
        """Build the parts and let the samples through the lower one, as at inference.

        :param weights: of the lower part, and of the tail if there is one
        :raises WeightsError: for weights of other parts
        :raises DataError: for data that do not fit
        """
        party = Party(plan.training, own_parts(plan), threads=threads)
        party.load(weights)
        feed = feed_of(party.models[0], plan.output, plan.training.loss)
        inputs, targets = feed.arrays(data)
        return cls(plan, party, inputs, targets, _below(party.models[0], inputs))

    @property
    def crossing(self) -> Arrays:
        """Give what the provider has after the wire: rounded, or thinned out."""
        wire, cut = Boundaries.of_plan(self.plan).cut, self.below[: len(self.plan.crossing)]
        found = [_decoded(wire, [each[rows] for each in cut]) for rows in _spans(len(cut[0]))]
        return [np.concatenate(each) for each in zip(*found, strict=True)]

    def feature_gradients(self, *, seed: int, steps: int) -> Arrays:
        """Give each sample's gradient that the tail would send.

        The provider's layers are not there, so a small stand-in is trained below the tail first.
        U-shaped only.
        """
        import keras
        import tensorflow as tf

        stand_in = middle(self.plan.crossing, self.plan.features, seed=seed)
        score = Score(self.plan.training, self.party.models[1], self.party.optimizer)
        optimizer = keras.optimizers.Adam(_RATE)
        optimizer.build(stand_in.trainable_variables)
        graph = tf.function(
            lambda below, targets: self._gradients(stand_in, score, below, targets),
            autograph=False,
            reduce_retracing=True,
        )
        for step in range(steps):
            above, _ = graph(*self._rows(self._drawn(seed, step)))
            optimizer.apply(above, stand_in.trainable_variables)
        found = [graph(*self._rows(rows))[1] for rows in _spans(len(self.targets))]
        return [np.concatenate([one.numpy() for one in each]) for each in zip(*found, strict=True)]

    def _gradients(
        self, stand_in: Any, score: Score, below: list[Any], targets: Any
    ) -> tuple[list[Any], list[Any]]:
        import tensorflow as tf

        crossing = len(self.plan.crossing)
        with tf.GradientTape() as tape:
            features, _ = forward(stand_in, below[:crossing], training=True)
            taken = [*features, *below[crossing:]]
            (output,), _ = forward(self.party.models[1], taken, training=False)
            loss = score.loss(targets, output)
        above, gradients = tape.gradient(loss, [stand_in.trainable_variables, features])
        return above, gradients

    def _rows(self, rows: Any) -> tuple[Arrays, NDArray[Any]]:
        return [each[rows] for each in self.below], self.targets[rows]

    def _drawn(self, seed: int, step: int) -> NDArray[np.int64]:
        return permutation(len(self.targets), key_of("stand-in", seed, step))[:_BATCH]


def _below(lower: Any, inputs: Arrays) -> Arrays:
    spans = _spans(len(inputs[0]))
    found = [forward(lower, [x[rows] for x in inputs], training=False)[0] for rows in spans]
    return [np.concatenate([one.numpy() for one in each]) for each in zip(*found, strict=True)]


def _decoded(wire: Any, cut: Arrays) -> Arrays:
    arrays, _ = wire.encode(cut, key=None)
    found: Arrays = wire.decode(arrays, len(cut[0]))[0]
    return found


def _spans(samples: int) -> list[slice]:
    return [slice(start, start + _BATCH) for start in range(0, samples, _BATCH)]
