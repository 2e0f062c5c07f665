"""What crosses between the parties of a plan: encoded for the wire, admitted, decoded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fl_node.canonical import finite_or_null
from fl_node.split.plan import SplitPlan
from fl_node.split.record.phase import Phase
from fl_node.split.wire.boundary import Wire
from fl_node.split.wire.codecs.codec import Direction
from fl_node.split.wire.codecs.registry import codec_of
from fl_node.split.wire.frames import FrameSpec, Range, write_frame
from fl_node.training.data import is_sparse
from fl_node.training.steps import EVALUATION_BATCH
from fl_node.weights import Tensor, TensorSpec, Weights

TARGETS = "targets"
_CUT, _FEATURES, _OUTPUT = "cut", "features", "output"
FLOAT32 = "float32"
_REAL, _WHOLE = np.dtype("<f4"), np.dtype("<i4")
_MOST_FLOAT = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Boundaries:
    """The cut, and in the U-shaped configuration the way back to the tail.

    :ivar metrics: names of what is measured, the loss first
    """

    plan: SplitPlan
    cut: Wire
    features: Wire | None
    metrics: tuple[str, ...]

    @classmethod
    def of_plan(cls, plan: SplitPlan) -> "Boundaries":
        """Choose the codec and the shapes that a plan names.

        :raises SplitError: for a codec that does not exist, or parameters it does not take
        """
        codec = codec_of(plan.wire, plan.wire_parameters)
        features = Wire(_FEATURES, codec, plan.features) if plan.is_u_shaped else None
        metrics = ("loss", *plan.training.metrics)
        return cls(plan, Wire(_CUT, codec, plan.crossing), features, metrics)

    def target_spec(self) -> TensorSpec:
        """Say what a sample's target looks like."""
        if is_sparse(self.plan.training.loss):
            return TensorSpec(_WHOLE, self.plan.output[:-1])
        return TensorSpec(_REAL, self.plan.output)

    def spec(self, phase: Phase, rows: int) -> FrameSpec:
        """Say what a message of a phase may hold for a batch."""
        forward, backward = Direction.FORWARD, Direction.BACKWARD
        if phase is Phase.ACTIVATIONS and self.features is None:
            target = self.target_spec()
            tensors = self.cut.specs(rows, forward)
            tensors[TARGETS] = TensorSpec(target.dtype, (rows, *target.shape))
            return FrameSpec(tensors, {TARGETS: self._target_range()})
        wires: Mapping[Phase, tuple[Wire, Direction]] = {
            Phase.ACTIVATIONS: (self.cut, forward),
            Phase.FEATURES: (self.outputs, forward),
            Phase.FEATURE_GRADIENTS: (self.outputs, backward),
            Phase.GRADIENTS: (self.cut, backward),
            Phase.EVALUATION: (self.cut, forward),
            Phase.OUTPUTS: (self.outputs, forward),
        }
        wire, direction = wires[phase]
        named = self.metrics if phase in self._measured else ()
        return FrameSpec(wire.specs(rows, direction), metrics=frozenset(named))

    def max_bytes(self) -> int:
        """Give the most bytes that the body of any message may have."""
        batch = self.plan.training.batch_size
        rows = {phase: EVALUATION_BATCH if phase >= Phase.EVALUATION else batch for phase in Phase}
        return max(self.spec(phase, rows[phase]).max_bytes for phase in Phase)

    @property
    def outputs(self) -> Wire:
        """The boundary above the provider's part: the features', or the model's output."""
        if self.features is not None:
            return self.features
        return Wire(_OUTPUT, codec_of(FLOAT32, {}), (self.plan.output,))

    @property
    def _measured(self) -> frozenset[Phase]:
        """Say which messages tell the other party loss and metrics so far."""
        return frozenset({Phase.ACTIVATIONS if self.features else Phase.GRADIENTS})

    def _target_range(self) -> Range:
        if is_sparse(self.plan.training.loss):
            return Range(0, self.plan.output[-1] - 1)
        return Range(-_MOST_FLOAT, _MOST_FLOAT)


def frame(tensors: Mapping[str, Tensor], metrics: Mapping[str, Any] | None = None) -> bytes:
    """Give a message's body."""
    return write_frame(tensors, finite_or_null(metrics or {}))


def measured(found: Weights) -> dict[str, float | None]:
    """Read what the other party told of loss and metrics."""
    return {name: None if value is None else float(value) for name, value in found.metadata.items()}
