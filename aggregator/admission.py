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
from numpy.typing import NDArray

from aggregator.strategies.arithmetic import BLOCK_ELEMENTS, FLOAT32
from aggregator.strategies.trees import squared_distance
from fl_node.cid import Cid
from fl_node.errors import DigestMismatchError, TooLargeError, UnavailableError, WeightsError
from fl_node.plan import Plan
from fl_node.rounds import Global, Reason, Update, update_metadata
from fl_node.store.store import Store
from fl_node.weights import TensorSpec, Weights, encode_header

METADATA_ALLOWANCE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Refusal:
    """Why an update cannot be averaged.

    :ivar found: one line for people
    """

    reason: Reason
    found: str


@dataclass(frozen=True)
class _Case:
    """An update and everything that it is held against."""

    update: Update
    plan: Plan
    structure: Mapping[str, TensorSpec]
    base: Weights
    base_cid: Cid
    chain_id: int
    federation: str


def admit(
    update: Update,
    *,
    store: Store,
    plan: Plan,
    initial: Weights,
    base: Weights,
    base_cid: Cid,
    chain_id: int,
    federation: str,
) -> Weights | Refusal:
    """Fetch an update and check it; gives its weights, mapped from the store's file.

    :param update: as the chain records it
    :param initial: global 0, whose names, dtypes and shapes every update must have
    :param base: the global number ``update.base``, called ``base_cid`` on the chain
    :raises StoreError: when the store cannot work, whatever the update is
    """
    case = _Case(update, plan, initial.specs, base, base_cid, chain_id, federation)
    path = _fetched(case, store)
    if isinstance(path, Refusal):
        return path
    try:
        weights = Weights.read(path, max_header_bytes=_max_header_bytes(case))
    except WeightsError as error:
        return Refusal(Reason.NOT_CANONICAL, str(error))
    for reason, check in _CHECKS:
        if (found := check(case, weights)) is not None:
            return Refusal(reason, found)
    return weights


def max_update_bytes(structure: Mapping[str, TensorSpec]) -> int:
    """Give the size that an update's file may have."""
    header = len(encode_header(structure, {})) + METADATA_ALLOWANCE_BYTES
    return header + sum(spec.nbytes for spec in structure.values())


def _max_header_bytes(case: _Case) -> int:
    return len(encode_header(case.structure, {})) + METADATA_ALLOWANCE_BYTES


def _fetched(case: _Case, store: Store) -> Path | Refusal:
    most, timeout = max_update_bytes(case.structure), case.plan.fetch_timeout_seconds
    try:
        return store.fetch(case.update.weights, max_bytes=most, timeout_seconds=timeout)
    except UnavailableError as error:
        return Refusal(Reason.UNAVAILABLE, str(error))
    except TooLargeError as error:
        return Refusal(Reason.TOO_LARGE, str(error))
    except DigestMismatchError as error:
        return Refusal(Reason.DIGEST_MISMATCH, str(error))


def _record_mismatch(case: _Case, weights: Weights) -> str | None:
    said, update = weights.metadata, case.update
    trained_for, metrics = said.get("round"), said.get("metrics")
    if type(trained_for) is not int or not update.base < trained_for <= update.round:
        return f"trained for round {_shown(trained_for)}, sent to round {update.round}"
    if not _are_metrics(metrics):
        return f"metrics should be a table of finite numbers and nulls, found {_shown(metrics)}"
    base = Global(update.base, case.base_cid, None)
    sender = (case.chain_id, case.federation, trained_for, base, update.node)
    return _difference(said, update_metadata(*sender, update.samples, said["metrics"]))


def _difference(said: Mapping[str, Any], recorded: Mapping[str, Any]) -> str | None:
    for key in sorted(said.keys() | recorded.keys()):
        mine, chains = said.get(key), recorded.get(key)
        if key not in said or key not in recorded or not _same(mine, chains):
            return f"the file says {_shown(key)}: {_shown(mine)}, the chain {_shown(chains)}"
    return None


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other  # True is not 1 here


def _are_metrics(metrics: object) -> bool:
    numbers = (int, float, type(None))
    return isinstance(metrics, dict) and all(type(value) in numbers for value in metrics.values())


def _wrong_structure(case: _Case, weights: Weights) -> str | None:
    found = weights.specs
    for name in sorted(found.keys() | case.structure.keys()):
        mine, wanted = found.get(name), case.structure.get(name)
        if mine != wanted:
            return f"tensor {_shown(name)} is {mine or 'missing'}, the plan has {wanted or 'none'}"
    return None


def _integer_changed(case: _Case, weights: Weights) -> str | None:
    for name, tensor in weights.tensors.items():
        if tensor.dtype != FLOAT32 and not np.array_equal(tensor, case.base.tensors[name]):
            return f"tensor {_shown(name)} of {tensor.dtype} should be the base's, found others"
    return None


def _not_finite(_case: _Case, weights: Weights) -> str | None:
    for name, tensor in weights.tensors.items():
        if tensor.dtype == FLOAT32 and not all(_finite_blocks(tensor)):
            return f"tensor {_shown(name)} holds NaN or infinity"
        weights.release()
    return None


def _finite_blocks(tensor: NDArray[np.float32]) -> Iterator[bool]:
    flat = tensor.reshape(-1)
    for start in range(0, flat.size, BLOCK_ELEMENTS):
        yield bool(np.isfinite(flat[start : start + BLOCK_ELEMENTS]).all())


def _bad_samples(case: _Case, _weights: Weights) -> str | None:
    most, found = case.plan.max_samples, case.update.samples
    return None if 1 <= found <= most else f"1 to {most} samples may be claimed, found {found}"


def _norm_exceeded(case: _Case, weights: Weights) -> str | None:
    bound = case.plan.max_delta_norm
    if bound is None:
        return None
    squared = squared_distance(weights, case.base)
    if Fraction(squared) <= Fraction(bound) ** 2:
        return None
    return f"the update is {math.sqrt(squared)!r} away from its base, the plan allows {bound}"


def _shown(value: object) -> str:
    return repr(value)[:80]


_CHECKS: tuple[tuple[Reason, Callable[[_Case, Weights], str | None]], ...] = (
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
        weights.release()
    return hasher.digest()
