"""Admission: may this update be averaged? One update alone, checks in a fixed order.

Bad input from outside is never an exception: it is a :class:`Refusal` whose reason goes to the
chain and into the report. Errors of this machine, such as a full disk, do leave as exceptions.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from aggregator.strategies.arithmetic import BLOCK_ELEMENTS, FLOAT32
from aggregator.strategies.trees import squared_distance
from fl_node.errors import (
    DigestMismatchError,
    TooLargeError,
    UnavailableError,
    WeightsError,
)
from fl_node.plan import Plan
from fl_node.rounds import Global, Reason, Update, update_metadata
from fl_node.store.store import Store
from fl_node.weights import TensorSpec, Weights, encode_header

METADATA_ALLOWANCE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Rules:
    """What every update of a federation is held against.

    :ivar structure: names, dtypes and shapes of the initial weights
    """

    plan: Plan
    structure: Mapping[str, TensorSpec]
    chain_id: int
    federation: str

    @property
    def max_header_bytes(self) -> int:
        """Size of the initial weights' header, and an allowance for metadata."""
        return len(encode_header(self.structure, {})) + METADATA_ALLOWANCE_BYTES

    @property
    def max_bytes(self) -> int:
        """Size that an update's file may have."""
        return self.max_header_bytes + sum(spec.nbytes for spec in self.structure.values())


@dataclass(frozen=True)
class Base:
    """The global that an update says it was trained from, and its tensors."""

    record: Global
    weights: Weights


@dataclass(frozen=True)
class Refusal:
    """Why an update cannot be averaged.

    :ivar found: one line for people
    """

    reason: Reason
    found: str


def admit(update: Update, base: Base, *, store: Store, rules: Rules) -> Weights | Refusal:
    """Fetch an update and check it; gives its weights, mapped from the store's file.

    :param update: as the chain records it
    :param base: the global number ``update.base``
    :raises StoreError: when the store cannot work, whatever the update is
    """
    path = _fetched(update, store, rules)
    if isinstance(path, Refusal):
        return path
    try:
        weights = Weights.read(path, max_header_bytes=rules.max_header_bytes)
    except WeightsError as error:
        return Refusal(Reason.NOT_CANONICAL, str(error))
    refusals = (_refusal(reason, check(update, weights, base, rules)) for reason, check in _CHECKS)
    return next(filter(None, refusals), weights)


def _fetched(update: Update, store: Store, rules: Rules) -> Path | Refusal:
    timeout = rules.plan.fetch_timeout_seconds
    try:
        return store.fetch(update.weights, max_bytes=rules.max_bytes, timeout_seconds=timeout)
    except UnavailableError as error:
        return Refusal(Reason.UNAVAILABLE, str(error))
    except TooLargeError as error:
        return Refusal(Reason.TOO_LARGE, str(error))
    except DigestMismatchError as error:
        return Refusal(Reason.DIGEST_MISMATCH, str(error))


def _refusal(reason: Reason, found: str | None) -> Refusal | None:
    return None if found is None else Refusal(reason, found)


def _record_mismatch(update: Update, weights: Weights, base: Base, rules: Rules) -> str | None:
    said = dict(weights.metadata)
    trained_for, metrics = said.get("round"), said.get("metrics")
    if type(trained_for) is not int or not update.base < trained_for <= update.round:
        return f"trained for round {_shown(trained_for)}, sent to round {update.round}"
    if not _are_metrics(metrics):
        return f"metrics should be a table of finite numbers and nulls, found {_shown(metrics)}"
    recorded = update_metadata(
        rules.chain_id,
        rules.federation,
        trained_for,
        base.record,
        update.node,
        update.samples,
        said["metrics"],
    )
    return _difference(said, recorded)


def _difference(said: Mapping[str, Any], recorded: Mapping[str, Any]) -> str | None:
    for key in sorted(said.keys() | recorded.keys()):
        mine, chains = said.get(key), recorded.get(key)
        if key not in said or key not in recorded or not _same(mine, chains):
            return f"the file says {key} {_shown(mine)}, the chain's record {_shown(chains)}"
    return None


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other  # True is not 1 here


def _are_metrics(metrics: object) -> bool:
    numbers = (int, float, type(None))
    return isinstance(metrics, dict) and all(type(value) in numbers for value in metrics.values())


def _wrong_structure(_update: Update, weights: Weights, _base: Base, rules: Rules) -> str | None:
    found = weights.specs
    for name in sorted(found.keys() | rules.structure.keys()):
        mine, wanted = found.get(name), rules.structure.get(name)
        if mine != wanted:
            return f"tensor {_shown(name)} is {mine or 'missing'}, the plan has {wanted or 'none'}"
    return None


def _integer_changed(_update: Update, weights: Weights, base: Base, _rules: Rules) -> str | None:
    for name, tensor in weights.tensors.items():
        if tensor.dtype != FLOAT32 and not np.array_equal(tensor, base.weights.tensors[name]):
            return f"tensor {name!r} of {tensor.dtype} should be the base's, found other values"
    return None


def _not_finite(_update: Update, weights: Weights, _base: Base, _rules: Rules) -> str | None:
    for name, tensor in weights.tensors.items():
        if tensor.dtype == FLOAT32 and not all(_finite_blocks(tensor)):
            return f"tensor {name!r} holds NaN or infinity"
    return None


def _finite_blocks(tensor: np.ndarray[Any, Any]) -> Iterator[bool]:
    flat = tensor.reshape(-1)
    for start in range(0, flat.size, BLOCK_ELEMENTS):
        yield bool(np.isfinite(flat[start : start + BLOCK_ELEMENTS]).all())


def _bad_samples(update: Update, _weights: Weights, _base: Base, rules: Rules) -> str | None:
    most = rules.plan.max_samples
    return None if 1 <= update.samples <= most else f"{update.samples} samples, 1 to {most} count"


def _norm_exceeded(_update: Update, weights: Weights, base: Base, rules: Rules) -> str | None:
    if rules.plan.max_delta_norm is None:
        return None
    squared = squared_distance(weights, base.weights)
    if Fraction(squared) <= Fraction(rules.plan.max_delta_norm) ** 2:
        return None
    bound = rules.plan.max_delta_norm
    return f"the update is {math.sqrt(squared)!r} away from its base, the plan allows {bound}"


def _shown(value: object) -> str:
    return repr(value)[:80]


_CHECKS: tuple[tuple[Reason, Callable[[Update, Weights, Base, Rules], str | None]], ...] = (
    (Reason.RECORD_MISMATCH, _record_mismatch),
    (Reason.WRONG_STRUCTURE, _wrong_structure),
    (Reason.INTEGER_CHANGED, _integer_changed),
    (Reason.NOT_FINITE, _not_finite),
    (Reason.BAD_SAMPLES, _bad_samples),
    (Reason.NORM_EXCEEDED, _norm_exceeded),
)


def duplicates(updates: Mapping[int, Weights]) -> tuple[tuple[int, int], ...]:
    """Find nodes whose tensors are equal to another's: pairs of the lowest such node and this one.

    :param updates: node to weights; metadata does not count
    """
    first: dict[bytes, int] = {}
    pairs = [
        (first.setdefault(_tensors_digest(updates[node]), node), node) for node in sorted(updates)
    ]
    return tuple((one, other) for one, other in pairs if one != other)


def _tensors_digest(weights: Weights) -> bytes:
    hasher = hashlib.sha256()
    for piece in Weights(weights.tensors).pieces():
        hasher.update(piece)
    return hasher.digest()
