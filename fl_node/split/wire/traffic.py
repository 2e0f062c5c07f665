"""How many bytes go over the wire, known before the first step."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from fl_node.split.record.signed import LEAF_BYTES
from fl_node.split.wire.boundary import Wire
from fl_node.split.wire.codecs.codec import Direction
from fl_node.weights import TensorSpec, encode_header


@dataclass(frozen=True)
class Traffic:
    """Bytes in both directions together.

    :ivar crossing: of what crosses the boundaries between the model's parts
    :ivar total: with targets, frames' headers, records and signatures; metrics come on top, and
        what the transport adds
    """

    crossing: int
    total: int

    def __add__(self, other: "Traffic") -> "Traffic":
        """Add up."""
        return Traffic(self.crossing + other.crossing, self.total + other.total)

    def times(self, count: int) -> "Traffic":
        """Multiply."""
        return Traffic(self.crossing * count, self.total * count)

    @classmethod
    def of_step(cls, wires: Sequence[Wire], rows: int, targets: Mapping[str, TensorSpec]) -> Self:
        """Give a training step's.

        :param wires: one boundary in the vanilla configuration, two in the U-shaped one
        :param targets: what goes with the first message, with the batch's rows
        """
        crossing, total = 0, 0
        for specs in _messages(wires, rows):
            crossing += _data_bytes(specs)
            with_targets = specs if total else {**specs, **targets}
            total += _message_bytes(with_targets)
        return cls(crossing, total)


def training_traffic(
    wires: Sequence[Wire], samples: int, batch: int, target: Mapping[str, TensorSpec]
) -> Traffic:
    """Give the traffic of an epoch's training steps.

    :param samples: of the epoch; the last batch may be smaller
    :param target: what goes to the provider of each sample: dtypes and shapes without rows
    """
    full, rest = divmod(samples, batch)
    found = Traffic.of_step(wires, batch, _rows_of(target, batch)).times(full)
    return found + Traffic.of_step(wires, rest, _rows_of(target, rest)) if rest else found


def _messages(wires: Sequence[Wire], rows: int) -> Iterator[dict[str, TensorSpec]]:
    for direction in Direction:
        for wire in wires:
            yield wire.specs(rows, direction)


def _rows_of(target: Mapping[str, TensorSpec], rows: int) -> dict[str, TensorSpec]:
    return {name: TensorSpec(spec.dtype, (rows, *spec.shape)) for name, spec in target.items()}


def _message_bytes(specs: Mapping[str, TensorSpec]) -> int:
    return LEAF_BYTES + len(encode_header(specs, {})) + _data_bytes(specs)


def _data_bytes(specs: Mapping[str, TensorSpec]) -> int:
    return sum(spec.nbytes for spec in specs.values())
