"""The provider's epochs: what leads from what it hears to what it says."""

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray

from fl_node.split.conversation import Conversation
from fl_node.split.draft import upper_part
from fl_node.split.draws import step_key
from fl_node.split.epoch import Learner, Metrics, Steps, Turn, Watch
from fl_node.split.parts.crossing import named
from fl_node.split.parts.provider_step import MiddleStep, ProviderStep
from fl_node.split.plan import SplitPlan
from fl_node.split.record.phase import Phase
from fl_node.split.record.refusal import Origin
from fl_node.split.record.schedule import Place
from fl_node.split.snapshots import Snapshots
from fl_node.split.upper import UpperPart
from fl_node.split.wire.boundaries import TARGETS, Boundaries, frame, measured
from fl_node.training.backend import start_backend
from fl_node.training.draws import key_of
from fl_node.weights import Weights

Arrays = Sequence[NDArray[Any]]


class Provider(Learner):
    """The upper part, which one data owner after the other trains, or this one alone in parallel.

    :ivar node: whose training begins; in turns of no account
    """

    def __init__(
        self,
        plan: SplitPlan,
        upper: UpperPart,
        *,
        node: int = 1,
        threads: int | None = None,
        at_once: int = 1,
    ) -> None:
        """Build the part; raises as :class:`fl_node.split.data_owner.DataOwner`.

        :param at_once: how many of these train at the same time
        """
        start_backend(threads, at_once)
        self._plan, self._node, self._initial = plan, node, upper.initial
        self._boundaries = Boundaries.of_plan(plan)
        self._step = _steps(plan, upper, threads)
        score = self._step.score.variables if isinstance(self._step, ProviderStep) else []
        self.snapshots = Snapshots(self._step.party.state, score)

    @property
    def initial(self) -> Weights:
        """What the training starts from."""
        return self._initial

    @property
    def weights(self) -> Weights:
        """A copy of the part's weights."""
        return self._step.party.weights[0]

    @property
    def samples(self) -> tuple[int, int]:
        """None of its own."""
        return 0, 0

    def begin(self, epoch: int = 1, base: Weights | None = None) -> None:
        """Be as before an epoch's first step."""
        self._step.party.load([self._initial if base is None else base])
        self._step.party.state.begin(step_key(self._plan, self._node, epoch))

    def finish(self) -> None:
        """End the training."""
        self._step.party.finish()

    def steps(self, conversation: Conversation, turn: Turn, after: int, watch: Watch) -> Steps:
        """Give an epoch's steps."""
        one = self._training(conversation, turn, after, watch)

        def train(steps: range) -> None:
            for step in steps:
                one(step)

        return Steps(train, lambda: self._evaluate(conversation))

    def _training(
        self, conversation: Conversation, turn: Turn, after: int, watch: Watch
    ) -> Callable[[int], None]:
        if isinstance(self._step, ProviderStep):
            labelled = self._step
            if after == 0:
                labelled.score.reset()
            return lambda step: watch(step, self._labelled(labelled, conversation, step))
        middle = self._step
        return lambda step: watch(step, self._between(middle, conversation, turn, step))

    def _evaluate(self, conversation: Conversation) -> Metrics:
        """Answer what the data owner evaluates on; only that one learns what comes out."""
        batches = conversation.batches
        for step in range(batches.training_steps + 1, conversation.history.schedule.steps + 1):
            found = conversation.hear(Place(step, Phase.EVALUATION))
            with Origin(conversation.peer, conversation.history.epoch, step).answers():
                cut, _ = self._boundaries.cut.decode(found.tensors, batches.rows(step))
            arrays, _ = self._boundaries.outputs.encode(self._step.outputs(cut), key=None)
            conversation.say(Place(step, Phase.OUTPUTS), frame(arrays))
        return {}

    def _labelled(self, upper: ProviderStep, conversation: Conversation, step: int) -> Metrics:
        found = conversation.hear(Place(step, Phase.ACTIVATIONS))
        rows = conversation.batches.rows(step)
        with Origin(conversation.peer, conversation.history.epoch, step).answers():
            cut, kept = self._boundaries.cut.decode(found.tensors, rows)
        known: Metrics = {}

        def answer(gradients: Arrays, score: Metrics) -> None:
            nonlocal known
            known = score
            arrays = self._boundaries.cut.encode_gradients(gradients, kept)
            conversation.say(Place(step, Phase.GRADIENTS), frame(arrays, known))

        upper.step(cut, found.tensors[TARGETS], answer)
        return known

    def _between(
        self, upper: MiddleStep, conversation: Conversation, turn: Turn, step: int
    ) -> Metrics:
        found = conversation.hear(Place(step, Phase.ACTIVATIONS))
        rows = conversation.batches.rows(step)
        origin = Origin(conversation.peer, conversation.history.epoch, step)
        with origin.answers():
            cut, kept = self._boundaries.cut.decode(found.tensors, rows)
        key = key_of("wire back", self._plan.training.seed, turn.node, turn.epoch, step)

        def exchange(features: Arrays) -> Arrays:
            arrays, kept_above = self._boundaries.outputs.encode(features, key=key)
            conversation.say(Place(step, Phase.FEATURES), frame(arrays))
            answer = conversation.hear(Place(step, Phase.FEATURE_GRADIENTS))
            with origin.answers():
                return self._boundaries.outputs.decode_gradients(answer.tensors, rows, kept_above)

        def answer(gradients: Arrays) -> None:
            arrays = self._boundaries.cut.encode_gradients(gradients, kept)
            conversation.say(Place(step, Phase.GRADIENTS), frame(arrays))

        upper.step(cut, exchange, answer)
        return measured(found)


def _steps(plan: SplitPlan, upper: UpperPart, threads: int | None) -> ProviderStep | MiddleStep:
    part = upper_part(plan, upper)
    crossing = named("cut", plan.crossing)
    if not plan.is_u_shaped:
        return ProviderStep(plan.training, part, crossing, threads=threads)
    features = named("features", plan.features)
    return MiddleStep(plan.training, part, crossing, features, threads=threads)
