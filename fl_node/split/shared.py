"""What a data owner shares of an epoch with the others: its weights, checked when they come."""

from typing import Any

import numpy as np

from fl_node.chain.epochs import EpochRecord
from fl_node.errors import WeightsError
from fl_node.split.averages import Share
from fl_node.split.plan import SplitPlan
from fl_node.split.record.phase import Phase
from fl_node.split.record.refusal import Origin, Refusal, UnfitError
from fl_node.split.record.signed import LEAF_BYTES, SignedRecord
from fl_node.store.store import Store
from fl_node.weights import TensorSpec, Weights, encode_header

_MOST = 2**32 - 1
_FETCH_SECONDS = 60


def encode_share(weights: Weights, epoch: int, samples: int, base: Weights) -> bytes:
    """Give the file.

    :param samples: that the epoch was trained on
    :param base: what it started from, which is named in it
    """
    return Weights(weights.tensors, _metadata(epoch, samples, base)).encode()


def max_share_bytes(base: Weights) -> int:
    """The most bytes that such a file has."""
    specs: dict[str, TensorSpec] = base.specs
    header = len(encode_header(specs, _metadata(_MOST, _MOST, base)))
    return header + sum(spec.nbytes for spec in specs.values())


def read_share(
    content: bytes, node: int, record: EpochRecord, base: Weights, plan: SplitPlan, store: Store
) -> Share:
    """Read what a node shares of an epoch.

    :param record: of that epoch, which says how many batches there were
    :param base: what this node's own epoch started from
    :param store: has the epoch's records
    :raises RefusedError: when it may not be averaged, naming why
    :raises StoreError: when the records cannot be had
    """
    with Origin(f"what node {node} shares", record.epoch, 0).answers():
        found = _decoded(content)
        if found.specs != base.specs:
            raise UnfitError(Refusal.WRONG_STRUCTURE, "it has not the structure of the part")
        for name, tensor in found.tensors.items():
            if tensor.dtype.kind == "f" and not np.isfinite(tensor).all():
                raise UnfitError(Refusal.NOT_FINITE, f"{name} holds NaN or infinity")
        samples = _samples(found.metadata, record.epoch, base)
        _require_batches(samples, _batches(record, store), plan)
    return Share(node, samples, found)


def _metadata(epoch: int, samples: int, base: Weights) -> dict[str, Any]:
    return {"epoch": epoch, "samples": samples, "base": str(base.cid())}


def _decoded(content: bytes) -> Weights:
    try:
        return Weights.decode(content)
    except WeightsError as error:
        raise UnfitError(Refusal.NOT_CANONICAL, str(error)) from error


def _samples(metadata: Any, epoch: int, base: Weights) -> int:
    samples = metadata.get("samples")
    if type(samples) is not int or metadata != _metadata(epoch, samples, base):
        raise UnfitError(
            Refusal.WRONG_EPOCH,
            f"epoch {epoch} from the average {base.cid()} was expected, found {metadata}",
        )
    return samples


def _batches(record: EpochRecord, store: Store) -> int:
    """Count an epoch's training batches in its published records, which both parties signed."""
    most = (len(Phase) * record.steps) * LEAF_BYTES
    content = store.read(record.records, max_bytes=most, timeout_seconds=_FETCH_SECONDS)
    leaves = range(0, len(content), LEAF_BYTES)
    found = [SignedRecord.decode(content[at : at + LEAF_BYTES]).record.phase for at in leaves]
    return found.count(Phase.ACTIVATIONS)


def _require_batches(samples: int, batches: int, plan: SplitPlan) -> None:
    size, most = plan.training.batch_size, plan.training.max_samples
    if not 0 < samples <= most or -(-samples // size) != batches:
        raise UnfitError(
            Refusal.OUT_OF_RANGE,
            f"{samples} samples are claimed, {batches} batches of up to {size} are recorded, and "
            f"at most {most} samples may count",
        )
