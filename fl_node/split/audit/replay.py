"""An epoch that nobody is at the other end of: what was heard is read, what is said is compared."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from fl_node.errors import SplitError
from fl_node.split.audit.kept import KeptEpoch
from fl_node.split.batches import Batches
from fl_node.split.record.history import History
from fl_node.split.record.phase import Phase
from fl_node.split.record.refusal import Origin
from fl_node.split.record.schedule import Place
from fl_node.split.wire.boundaries import TARGETS, Boundaries
from fl_node.split.wire.boundary import Wire
from fl_node.split.wire.codecs.codec import Kept
from fl_node.split.wire.frames import read_frame
from fl_node.weights import Tensor, Weights

_FORWARD = {Phase.GRADIENTS: Phase.ACTIVATIONS, Phase.FEATURE_GRADIENTS: Phase.FEATURES}
_AT_CUT = frozenset({Phase.ACTIVATIONS, Phase.GRADIENTS, Phase.EVALUATION})


class NotKeptError(SplitError):
    """A message that was not kept, or is not as it was signed: nothing is computed beyond it."""


class RunOverError(SplitError):
    """The message after the last that was to be kept."""


@dataclass(frozen=True)
class Difference:
    """How far what comes out is from what was sent.

    :ivar relative: the largest one, relative to the largest magnitude in its tensor; 0 is bit for
        bit, infinite where targets are others
    :ivar name: of the tensor or number that differs most
    """

    relative: float
    name: str


Told = Callable[[Place, Difference], None]


@dataclass
class Replay:
    """What a learner calls in place of :class:`fl_node.split.conversation.Conversation`.

    :ivar batches: the epoch's samples
    :ivar last: the last step that was to be kept
    :ivar tell: takes what became of each message that the learner says
    """

    boundaries: Boundaries
    kept: KeptEpoch
    batches: Batches
    peer: str
    last: int
    tell: Told
    history: History = field(init=False)

    def __post_init__(self) -> None:
        claimed = self.kept.leaves.claimed
        schedule = self.kept.leaves.schedule
        self.history = History(claimed.session, claimed.epoch, claimed.seed, schedule)

    def say(self, place: Place, body: bytes) -> None:
        """Compare with what was sent.

        :raises NotKeptError: when that is not there
        :raises RunOverError: when it was not to be kept
        """
        sent = self._body(place)
        self.tell(place, self._difference(place, body, sent))

    def hear(self, place: Place) -> Weights:
        """Give what was heard; raises as :meth:`say`."""
        return self._read(place, self._body(place))

    def _body(self, place: Place) -> bytes | memoryview:
        if place.step > self.last:
            raise RunOverError(f"{place} was not to be kept")
        if place not in self.kept.intact:
            raise NotKeptError(f"{place} is not kept as it was signed")
        return self.kept.messages.message(place).body

    def _read(self, place: Place, body: bytes | memoryview) -> Weights:
        spec = self.boundaries.spec(place.phase, self.batches.rows(place.step))
        with self._origin(place).answers():
            return read_frame(body, spec)

    def _difference(self, place: Place, mine: bytes, sent: bytes | memoryview) -> Difference:
        if mine == sent:
            return Difference(0.0, "")
        found, wanted = self._read(place, mine), self._read(place, sent)
        pairs = _pairs(self._tensors(place, found), self._tensors(place, wanted))
        pairs |= _pairs(_numbers(found), _numbers(wanted))
        return _largest(pairs)

    def _tensors(self, place: Place, frame: Weights) -> dict[str, Tensor]:
        """Decode what crosses: two encodings may differ where what they stand for hardly does."""
        wire = self.boundaries.cut if place.phase in _AT_CUT else self.boundaries.outputs
        rows = self.batches.rows(place.step)
        with self._origin(place).answers():
            if place.phase in _FORWARD:
                kept = self._kept(place, wire, rows)
                decoded = wire.decode_gradients(frame.tensors, rows, kept)
            else:
                decoded, _ = wire.decode(frame.tensors, rows)
        named = {f"{wire.name}/{index}": tensor for index, tensor in enumerate(decoded)}
        targets = frame.tensors.get(TARGETS)
        return named if targets is None else named | {TARGETS: targets}

    def _kept(self, place: Place, wire: Wire, rows: int) -> tuple[Kept, ...]:
        """Say which elements of a tensor were sent, whose gradients these are."""
        before = Place(place.step, _FORWARD[place.phase])
        return wire.decode(self.hear(before).tensors, rows)[1]

    def _origin(self, place: Place) -> Origin:
        return Origin(place.phase.sender.value, self.kept.epoch, place.step)


def difference(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Difference:
    """Compare tensors of the same names, dtypes and shapes."""
    return _largest(_pairs(found, wanted))


def _largest(pairs: Mapping[str, float]) -> Difference:
    name = max(pairs, key=lambda each: pairs[each])
    return Difference(pairs[name], name if pairs[name] else "")


def _pairs(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, float]:
    return {name: _relative(name, found[name], each) for name, each in wanted.items()}


def _relative(name: str, found: Tensor, wanted: Tensor) -> float:
    if np.array_equal(found, wanted):
        return 0.0
    if name == TARGETS or found.dtype.kind != "f":
        return math.inf  # labels and counts are right or wrong
    mine, other = found.astype(np.float64), wanted.astype(np.float64)
    largest = float(max(np.abs(mine).max(), np.abs(other).max()))
    return float(np.abs(mine - other).max()) / largest if math.isfinite(largest) else math.inf


def _numbers(frame: Weights) -> dict[str, Tensor]:
    """Give loss and metrics as tensors; a null is an infinite one."""
    return {
        name: np.array(np.inf if value is None else value, np.float64)
        for name, value in frame.metadata.items()
    }
