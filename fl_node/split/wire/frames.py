"""Frames: a message's body, a canonical safetensors file held against what may come.

Before anything is parsed, the size is held against the largest that the expectation allows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from fl_node.errors import WeightsError
from fl_node.split.record.refusal import Refusal, UnfitError
from fl_node.weights import Tensor, TensorSpec, Weights, encode_header

_WIDEST_NUMBER = -2.2250738585072014e-308  # no float64 has more letters in canonical JSON
_PADDING_BYTES = 8
_SHOWN_LETTERS = 80
_KEPT_HEADERS = 64


@dataclass(frozen=True)
class Range:
    """Between which numbers every element of a tensor lies, both included."""

    lowest: float
    highest: float


@dataclass(frozen=True)
class FrameSpec:
    """What may come in one message.

    :ivar tensors: by name, with the batch's rows
    :ivar ranges: of tensors whose elements are bounded, such as labels
    :ivar metrics: names of numbers, or nulls, that may stand in the metadata, and nothing else
    """

    tensors: Mapping[str, TensorSpec]
    ranges: Mapping[str, Range] = field(default_factory=dict)
    metrics: frozenset[str] = frozenset()

    @cached_property
    def max_header_bytes(self) -> int:
        """The largest header of such a frame."""
        widest = dict.fromkeys(self.metrics, _WIDEST_NUMBER)
        return len(encode_header(self.tensors, widest)) + _PADDING_BYTES

    @cached_property
    def data_bytes(self) -> int:
        """The size of the tensors, in bytes."""
        return sum(spec.nbytes for spec in self.tensors.values())

    @cached_property
    def header(self) -> bytes:
        """The one header of such a frame that tells no metrics."""
        return encode_header(self.tensors, {})

    @property
    def max_bytes(self) -> int:
        """The size that such a frame may have, in bytes."""
        return self.max_header_bytes + self.data_bytes


def write_frame(tensors: Mapping[str, Tensor], metrics: Mapping[str, float | None]) -> bytes:
    """Give a body.

    :param metrics: finite numbers, or None; see :func:`fl_node.canonical.finite_or_null`
    :raises WeightsError: for what has no canonical form
    """
    frame = Weights(tensors, metrics)
    if metrics:
        return frame.encode()
    layout = tuple((name, t.dtype, t.shape) for name, t in frame.tensors.items())
    data = (t.reshape(-1).view(np.uint8).data for t in frame.tensors.values())
    return b"".join((_header(layout), *data))


@lru_cache(maxsize=_KEPT_HEADERS)
def _header(layout: tuple[tuple[str, np.dtype[Any], tuple[int, ...]], ...]) -> bytes:
    """Encode a header without metrics: the same for all whole batches of a phase."""
    return encode_header({name: TensorSpec(dtype, shape) for name, dtype, shape in layout}, {})


def read_frame(content: bytes | memoryview, spec: FrameSpec) -> Weights:
    """Read a body from outside.

    :raises UnfitError: by name when it is not what may come
    """
    if len(content) > (most := spec.max_bytes):
        raise UnfitError(
            Refusal.TOO_LARGE, f"up to {most} bytes were expected, found {len(content)}"
        )
    frame = _expected(content, spec)
    if frame is None:
        frame = _decoded(content, spec)
    for name, tensor in frame.tensors.items():
        _check_finite(name, tensor)
        _check_range(name, tensor, spec.ranges.get(name))
    return frame


def _expected(content: bytes | memoryview, spec: FrameSpec) -> Weights | None:
    """Read the commonest frame by comparing its header with the only one that it may have."""
    start = len(spec.header)
    if len(content) != start + spec.data_bytes or content[:start] != spec.header:
        return None
    if any(each.dtype == np.bool_ for each in spec.tensors.values()):
        return None  # not every byte is one
    tensors = {}
    for name in sorted(spec.tensors):
        wanted = spec.tensors[name]
        flat = np.frombuffer(content, wanted.dtype, math.prod(wanted.shape), start)
        tensors[name] = flat.reshape(wanted.shape)
        start += wanted.nbytes
    return Weights(tensors)


def _decoded(content: bytes | memoryview, spec: FrameSpec) -> Weights:
    try:
        frame = Weights.decode(content, max_header_bytes=spec.max_header_bytes)
    except WeightsError as error:
        raise UnfitError(Refusal.NOT_CANONICAL, str(error)) from error
    _check_structure(frame, spec)
    _check_metrics(frame, spec)
    return frame


def _check_structure(frame: Weights, spec: FrameSpec) -> None:
    found = frame.specs
    for name in sorted(found.keys() | spec.tensors.keys()):
        if found.get(name) != spec.tensors.get(name):
            wanted, other = spec.tensors.get(name, "none"), found.get(name, "none")
            raise UnfitError(
                Refusal.WRONG_STRUCTURE,
                f"tensor {_shown(name)}: {wanted} was expected, found {other}",
            )


def _check_metrics(frame: Weights, spec: FrameSpec) -> None:
    for name, value in frame.metadata.items():
        if name not in spec.metrics or type(value) not in (int, float, type(None)):
            allowed = ", ".join(sorted(spec.metrics)) or "nothing"
            raise UnfitError(
                Refusal.WRONG_STRUCTURE,
                f"numbers for {allowed} were expected, found {_shown(name)}: {_shown(value)}",
            )


def _check_finite(name: str, tensor: Tensor) -> None:
    if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
        raise UnfitError(Refusal.NOT_FINITE, f"tensor {_shown(name)} holds NaN or infinity")


def _check_range(name: str, tensor: Tensor, allowed: Range | None) -> None:
    if allowed is None or tensor.size == 0:
        return
    lowest, highest = tensor.min(), tensor.max()
    if lowest < allowed.lowest or highest > allowed.highest:
        raise UnfitError(
            Refusal.OUT_OF_RANGE,
            f"tensor {_shown(name)}: {allowed.lowest:g} to {allowed.highest:g} was expected, "
            f"found {lowest:g} to {highest:g}",
        )


def _shown(value: Any) -> str:
    return repr(value)[:_SHOWN_LETTERS]
