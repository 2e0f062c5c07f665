"""Codecs by the name that a plan gives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from fl_node.errors import SplitError
from fl_node.split.exact import exact
from fl_node.split.wire.codecs.codec import Codec
from fl_node.split.wire.codecs.float16 import Float16
from fl_node.split.wire.codecs.float32 import Float32
from fl_node.split.wire.codecs.int8 import Int8
from fl_node.split.wire.codecs.randtopk import RandTopk

Parameters = Mapping[str, str]


@dataclass(frozen=True)
class _Entry:
    """A codec: what its parameters are called, and how it is made of them."""

    parameters: tuple[str, ...]
    make: Callable[..., Codec]


def codec_of(name: str, parameters: Parameters) -> Codec:
    """Give a plan's codec.

    :param parameters: exact decimals as text
    :raises SplitError: for an unknown codec, and unknown, missing or impossible parameters
    """
    entry = _CODECS.get(name)
    if entry is None:
        raise SplitError(f"a wire is one of {', '.join(_CODECS)}, found {name!r}")
    if set(parameters) != set(entry.parameters):
        wanted = ", ".join(entry.parameters) or "none"
        found = ", ".join(sorted(parameters)) or "none"
        raise SplitError(f"wire {name!r} has the parameters {wanted}, found {found}")
    return entry.make(**{key: exact(text) for key, text in parameters.items()})


def codec_names() -> tuple[str, ...]:
    """Give the names that plans may use."""
    return tuple(_CODECS)


def _rand_topk(fraction: Fraction, alpha: Fraction) -> RandTopk:
    if not 0 < fraction <= 1:
        raise SplitError(f"randtopk's fraction is above 0 and up to 1, found {float(fraction):g}")
    if not 0 <= alpha < 1:
        raise SplitError(f"randtopk's alpha is from 0 and below 1, found {float(alpha):g}")
    return RandTopk(fraction, alpha)


_CODECS: Mapping[str, _Entry] = MappingProxyType(
    {
        "float32": _Entry((), Float32),
        "float16": _Entry((), Float16),
        "int8": _Entry((), Int8),
        "randtopk": _Entry(("fraction", "alpha"), _rand_topk),
    }
)
