"""The provider's steps: with the labels (vanilla), or between two parts of the data owner's."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.errors import ModelError, SplitError
from fl_node.plan import Plan
from fl_node.split.parts.crossing import Crossing, gradients_of
from fl_node.split.parts.outlet import Outlet, Take
from fl_node.split.parts.part import Part
from fl_node.split.parts.party import Party, forward, total
from fl_node.split.parts.remote import Arrays, Exchange, Remote, checked, loss_above, samples_in
from fl_node.split.parts.samples import batches
from fl_node.split.parts.score import Score
from fl_node.training.data import is_sparse

LabelledAnswer = Callable[[Arrays, Mapping[str, float]], None]


class ProviderStep:
    """The upper part in vanilla: computes the loss from the labels that the data owner sends.

    :ivar party: weights, optimizer and state
    :ivar score: of an epoch's batches
    """

    def __init__(
        self, plan: Plan, upper: Part, crossing: Sequence[Crossing], *, threads: int | None = None
    ) -> None:
        """Build the part and its graphs; raises as :class:`.node_step.NodeStep`."""
        import tensorflow as tf

        self.party = Party(plan, [upper], threads=threads)
        (self._upper,) = self.party.models
        self._crossing = tuple(crossing)
        self.score = Score(plan, self._upper, self.party.optimizer)
        self._measured, self._outlet = tuple(self.score.result()), Outlet()
        cut = batches([each.shape for each in crossing])
        self._targets = _targets(self._upper, plan)
        self._train = tf.function(self._training, [cut, self._targets], autograph=False)
        self._infer = tf.function(self._inference, [cut], autograph=False)

    def step(
        self, cut: Sequence[NDArray[Any]], targets: NDArray[Any], answer: LabelledAnswer
    ) -> None:
        """Train one batch.

        :param answer: takes the gradients at the cut, for the batch's weights, and the score so far
            as soon as they are there, see :meth:`.outlet.Outlet.bound`
        :raises SplitError: for tensors of other shapes, or targets that do not fit
        """
        self._check(cut, targets)
        crossing = len(self._crossing)

        def leave(arrays: Arrays) -> None:
            known = map(float, arrays[crossing:])
            answer(arrays[:crossing], dict(zip(self._measured, known, strict=True)))

        with (
            self._outlet.bound(leave),
            self.party.running("a step", self.score.variables),
        ):
            self._train(list(cut), targets)

    def outputs(self, cut: Sequence[NDArray[Any]]) -> Arrays:
        """Compute the part's outputs at inference.

        :raises SplitError: for tensors of other shapes
        """
        return _outputs(self.party, self._infer, checked(cut, self._crossing, samples_in(cut)))

    def _check(self, cut: Sequence[NDArray[Any]], targets: NDArray[Any]) -> None:
        wanted = self._targets
        if targets.dtype != wanted.dtype.as_numpy_dtype or not wanted.shape.is_compatible_with(
            targets.shape
        ):
            raise SplitError(
                f"targets should be {wanted.dtype.name}{list(wanted.shape)}, found "
                f"{targets.dtype}{list(targets.shape)}: the other party has another loss or model"
            )
        checked(cut, self._crossing, len(targets))

    def _training(self, cut: list[Any], targets: Any) -> None:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(cut)
            (output,), _ = forward(self._upper, cut, training=True)
            loss = self.score.loss(targets, output)
            self.score.count(loss, targets, output)
        mine, theirs = tape.gradient(loss, [self.party.variables, cut])
        known = self.score.results()
        leaving = [*_known(theirs, self._crossing), *(known[name] for name in self._measured)]
        self._outlet.send(leaving)
        self.party.apply(mine, leaving)

    def _inference(self, cut: list[Any]) -> list[Any]:
        return forward(self._upper, cut, training=False)[0]


class MiddleStep:
    """The upper part in the U-shaped configuration: sees neither data nor labels nor the loss.

    :ivar party: weights, optimizer and state
    """

    def __init__(
        self,
        plan: Plan,
        upper: Part,
        crossing: Sequence[Crossing],
        features: Sequence[Crossing],
        *,
        threads: int | None = None,
    ) -> None:
        """Build the part and its graphs; raises as :class:`ProviderStep`."""
        import tensorflow as tf

        self.party = Party(plan, [upper], threads=threads)
        (self._upper,) = self.party.models
        self._crossing = tuple(crossing)
        self._remote, self._outlet = Remote(gradients_of(features)), Outlet()
        cut = batches([each.shape for each in crossing])
        self._train = tf.function(self._training, [cut], autograph=False)
        self._infer = tf.function(self._inference, [cut], autograph=False)

    def step(self, cut: Sequence[NDArray[Any]], exchange: Exchange, answer: Take) -> None:
        """Train one batch; when the exchange fails, nothing has changed.

        :param exchange: takes the features, gives their gradients; what it raises is raised here
        :param answer: takes the gradients at the cut as soon as they are there, see
            :meth:`.outlet.Outlet.bound`
        :raises SplitError: for tensors of other shapes
        """
        checked(cut, self._crossing, samples_in(cut))
        with (
            self._outlet.bound(answer),
            self.party.running("a step"),
            self._remote.bound(exchange),
        ):
            self._train(list(cut))

    def outputs(self, cut: Sequence[NDArray[Any]]) -> Arrays:
        """Compute the features at inference; raises as :meth:`step`."""
        return _outputs(self.party, self._infer, checked(cut, self._crossing, samples_in(cut)))

    def _training(self, cut: list[Any]) -> None:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(cut)
            features, penalties = forward(self._upper, cut, training=True)
            loss = total(loss_above(self._remote, features), penalties)
        mine, theirs = tape.gradient(loss, [self.party.variables, cut])
        leaving = _known(theirs, self._crossing)
        self._outlet.send(leaving)
        self.party.apply(mine, [loss, *leaving])

    def _inference(self, cut: list[Any]) -> list[Any]:
        return forward(self._upper, cut, training=False)[0]


def _outputs(party: Party, graph: Any, cut: Sequence[NDArray[Any]]) -> Arrays:
    with party.running("the evaluation"):
        found = graph(list(cut))
    return [np.array(each) for each in found]


def _targets(upper: Any, plan: Plan) -> Any:
    import tensorflow as tf

    shape = tuple(upper.outputs[0].shape)
    if is_sparse(plan.loss):
        return tf.TensorSpec(shape[:-1], tf.int32)
    return tf.TensorSpec(shape, tf.float32)


def _known(gradients: Sequence[Any], crossing: Sequence[Crossing]) -> list[Any]:
    for gradient, each in zip(gradients, crossing, strict=True):
        if gradient is None:
            raise ModelError(f"the loss does not depend on {each.name}: cut elsewhere")
    return list(gradients)
