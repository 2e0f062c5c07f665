"""The data owner's epochs: what leads from its samples to what it says and hears.

Vepakomma et al. 2018, "Split learning for health", section 3: the vanilla configuration and the
U-shaped one without label sharing.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from fl_node.split.conversation import Conversation
from fl_node.split.draft import own_parts, own_weights, parted
from fl_node.split.draws import shuffle_key, step_key
from fl_node.split.epoch import Learner, Metrics, Steps, Turn, Watch
from fl_node.split.flight import Act, Pause, fly
from fl_node.split.leakage.alarm import Guard
from fl_node.split.parts.crossing import named
from fl_node.split.parts.node_step import NodeStep
from fl_node.split.parts.tailed_step import TailedStep
from fl_node.split.plan import SplitPlan
from fl_node.split.record.phase import Phase
from fl_node.split.record.refusal import Origin
from fl_node.split.record.schedule import Place
from fl_node.split.snapshots import Snapshots
from fl_node.split.wire.boundaries import TARGETS, Boundaries, frame, measured
from fl_node.split.wire.codecs.codec import Kept
from fl_node.training.data import Dataset
from fl_node.training.draws import key_of, permutation
from fl_node.weights import Weights

Arrays = Sequence[NDArray[Any]]


class DataOwner(Learner):
    """The lower part, and in the U-shaped configuration the tail.

    :ivar snapshots: of its state
    """

    def __init__(
        self,
        plan: SplitPlan,
        node: int,
        initial: Weights,
        data: Dataset,
        test: Dataset | None,
        *,
        threads: int | None = None,
        guard: Guard | None = None,
    ) -> None:
        """Build the parts and put the data into memory.

        :param initial: the weights file that the plan names
        :param guard: looks at gradients before they are used
        :param threads: see :func:`~fl_node.training.backend.start_backend`
        :raises ModelError: for parts that cannot be trained
        :raises DataError: for data that do not fit them
        """
        self._plan, self._node, self._initial, self._guard = plan, node, initial, guard
        self._boundaries = Boundaries.of_plan(plan)
        self._step = _steps(plan, threads)
        self._data = self._step.samples(data)
        self._test = None if test is None else self._step.samples(test)
        measured = self._step.score.variables if plan.is_u_shaped else []
        self.snapshots = Snapshots(self._step.party.state, measured)

    @property
    def samples(self) -> tuple[int, int]:
        """How many it trains and evaluates on."""
        return len(self._data), 0 if self._test is None else len(self._test)

    @property
    def initial(self) -> Weights:
        """What the training starts from: the weights file that the plan names."""
        return self._initial

    @property
    def parts(self) -> list[Weights]:
        """Copies of the lower part's weights, and of the tail's."""
        return list(self._step.party.weights)

    @property
    def weights(self) -> Weights:
        """Copies of both, in one file as the initial ones are."""
        return own_weights(self.parts)

    def begin(self, epoch: int = 1, base: Weights | None = None) -> None:
        """Be as before an epoch's first step.

        :raises WeightsError: when the weights are of other parts
        """
        self._step.party.load(parted(self._initial if base is None else base))
        self._step.party.state.begin(step_key(self._plan, self._node, epoch))

    def finish(self) -> None:
        """End the training."""
        self._step.party.finish()

    def steps(self, conversation: Conversation, turn: Turn, after: int, watch: Watch) -> Steps:
        """Give an epoch's steps."""
        one = self._training(conversation, turn, after, watch)
        return Steps(
            lambda steps: fly(steps, self._plan.in_flight, one),
            lambda: self._evaluate(conversation),
        )

    def _training(self, conversation: Conversation, turn: Turn, after: int, watch: Watch) -> Act:
        order = permutation(len(self._data), shuffle_key(self._plan, self._node, turn.epoch))
        targets = self._data.targets.numpy()
        if after == 0:
            self._step.score.reset()

        newest: Metrics = {}

        def one(step: int, pause: Pause) -> None:
            nonlocal newest
            rows = order[conversation.batches.span(step)]
            key, check = self._key(turn.epoch, step), self._check(step, targets[rows])
            exchange = _Exchange(self._boundaries, conversation, key, step, check, pause)
            if isinstance(self._step, TailedStep):
                known = newest or self._step.score.result() if step > self._plan.in_flight else {}
                self._step.step(self._data, rows, exchange.features(known), exchange.gradients)
                newest = self._step.score.result()
                watch(step, newest)
            else:
                self._step.step(self._data, rows, exchange.labelled)
                watch(step, exchange.heard)

        return one

    def _evaluate(self, conversation: Conversation) -> Metrics:
        """Measure all parts together on the test data; nothing without any."""
        if self._test is None:
            return {}
        batches = conversation.batches
        self._step.score.reset()
        for step in range(batches.training_steps + 1, conversation.history.schedule.steps + 1):
            span = batches.span(step)
            rows = np.arange(span.start, span.stop)
            cut = self._step.activations(self._test, rows)
            self._step.count(self._test, rows, self._heard_outputs(conversation, step, cut))
        return self._step.score.result()

    def _heard_outputs(self, conversation: Conversation, step: int, cut: Arrays) -> Arrays:
        arrays, _ = self._boundaries.cut.encode(cut, key=None)
        conversation.say(Place(step, Phase.EVALUATION), frame(arrays))
        found = conversation.hear(Place(step, Phase.OUTPUTS))
        with Origin(conversation.peer, conversation.history.epoch, step).answers():
            return self._boundaries.outputs.decode(found.tensors, len(cut[0]))[0]

    def _check(self, step: int, targets: NDArray[Any]) -> Callable[[Arrays], None]:
        guard = self._guard
        if guard is None:
            return lambda _: None
        return lambda gradients: guard.check(step, gradients, targets)

    def _key(self, epoch: int, step: int) -> int:
        return key_of("wire", self._plan.training.seed, self._node, epoch, step)


class _Settings(TypedDict):
    threads: int | None
    nopeek: float
    in_flight: int


class _Exchange:
    """One step's exchange, from tensors to messages and back."""

    def __init__(
        self,
        boundaries: Boundaries,
        conversation: Conversation,
        key: int,
        step: int,
        check: Callable[[Arrays], None],
        pause: Pause,
    ) -> None:
        """Prepare a step.

        :param check: looks at the gradients at the cut
        :param pause: is called when the activations are sent
        """
        self._boundaries, self._conversation = boundaries, conversation
        self._key, self._step, self._check, self._pause = key, step, check, pause
        self._rows = conversation.batches.rows(step)
        self._cut_kept: tuple[Kept, ...] = ()
        self._features_kept: tuple[Kept, ...] = ()
        self.heard: Metrics = {}

    def labelled(self, cut: Arrays, targets: NDArray[Any]) -> Arrays:
        """Send what crosses with the labels; give the gradients."""
        arrays, self._cut_kept = self._boundaries.cut.encode(cut, key=self._key)
        self._say(Phase.ACTIVATIONS, frame(arrays | {TARGETS: targets}))
        self._pause()
        return self._heard_gradients()

    def features(self, known: Metrics) -> Callable[[Arrays], Arrays]:
        """Give what sends what crosses, and gives the features."""

        def exchange(cut: Arrays) -> Arrays:
            arrays, self._cut_kept = self._boundaries.cut.encode(cut, key=self._key)
            self._say(Phase.ACTIVATIONS, frame(arrays, known))
            self._pause()
            found = self._hear(Phase.FEATURES)
            with self._origin.answers():
                features, kept = self._boundaries.outputs.decode(found.tensors, self._rows)
            self._features_kept = kept
            return features

        return exchange

    def gradients(self, feature_gradients: Arrays) -> Arrays:
        """Send the features' gradients; give those at the cut."""
        arrays = self._boundaries.outputs.encode_gradients(feature_gradients, self._features_kept)
        self._say(Phase.FEATURE_GRADIENTS, frame(arrays))
        return self._heard_gradients()

    def _heard_gradients(self) -> Arrays:
        found = self._hear(Phase.GRADIENTS)
        self.heard = measured(found)
        rows, kept = self._rows, self._cut_kept
        with self._origin.answers():
            gradients = self._boundaries.cut.decode_gradients(found.tensors, rows, kept)
        self._check(gradients)
        return gradients

    def _say(self, phase: Phase, body: bytes) -> None:
        self._conversation.say(Place(self._step, phase), body)

    def _hear(self, phase: Phase) -> Weights:
        return self._conversation.hear(Place(self._step, phase))

    @property
    def _origin(self) -> Origin:
        return Origin(self._conversation.peer, self._conversation.history.epoch, self._step)


def _steps(plan: SplitPlan, threads: int | None) -> NodeStep | TailedStep:
    lower, *tail = own_parts(plan)
    crossing = named("cut", plan.crossing)
    more: _Settings = {
        "threads": threads,
        "nopeek": float(plan.nopeek),
        "in_flight": plan.in_flight,
    }
    if not plan.is_u_shaped:
        return NodeStep(plan.training, lower, crossing, plan.output, **more)
    features = named("features", plan.features)
    return TailedStep(plan.training, lower, tail[0], crossing, features, **more)
