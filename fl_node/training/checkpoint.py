"""Checkpoints of a long training: deletable files that give the same bits.

A checkpoint is a canonical weights file (:mod:`fl_node.weights`) of all that outlives an epoch. Its
last tensor is the SHA-256 of all bytes before it, so that no damaged one is used.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fl_node.errors import WeightsError
from fl_node.files import write_atomically
from fl_node.training.identity import TrainingIdentity
from fl_node.weights import Tensor, TensorSpec, Weights, encode_header

FOLDER = "checkpoint"
_SEAL = "~sha256"  # the last in the order of names
_SEAL_SPEC = TensorSpec(np.dtype("u1"), (32,))
_OWNER_ONLY, _FOLDER_MODE = 0o600, 0o700
_NOT_OURS = (LookupError, TypeError, ValueError, AttributeError)


class State(Protocol):
    """What a training changes, see :class:`fl_node.training.state.TrainingState`."""

    @property
    def specs(self) -> Mapping[str, TensorSpec]:
        """Give dtypes and shapes in ascending order of the names."""

    def tensors(self) -> Iterator[Tensor]:
        """Give the tensors in this order, one at a time."""

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back tensors of these names, dtypes and shapes."""


@dataclass(frozen=True)
class Reached:
    """How far a training has got.

    :ivar epoch: whole epochs that are done
    :ivar metrics: over the last of them
    """

    epoch: int = 0
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoints:
    """Where checkpoints are kept, one file for each node, and how often.

    A checkpoint that cannot be written or used is told, never raised: it costs time, not a round.

    :ivar every_epochs: 0 keeps none
    :ivar say: takes a line for people
    """

    folder: Path
    every_epochs: int
    say: Callable[[str], None]

    def serve(self, epochs: int) -> bool:
        """Tell whether a training of so many epochs has checkpoints at all."""
        return self.every_epochs > 0 and epochs > 1

    def path(self, node: int) -> Path:
        """Say where a node's checkpoint is."""
        return self.folder / f"node-{node}.safetensors"

    def remove(self, node: int) -> None:
        """Remove a node's checkpoint, and the folder unless others' are in it."""
        self.sweep(node)
        with suppress(OSError):
            self.path(node).unlink(missing_ok=True)
            self.folder.rmdir()

    def sweep(self, node: int) -> None:
        """Remove what a crash in the middle of writing left."""
        with suppress(OSError):
            for left in self.folder.glob(f".{self.path(node).name}.*"):
                left.unlink(missing_ok=True)


class Checkpoint:
    """One training's checkpoint, for as long as it runs."""

    def __init__(self, checkpoints: Checkpoints, training: TrainingIdentity, state: State) -> None:
        """Take care of one training."""
        self._checkpoints, self._training, self._state = checkpoints, training, state
        self._path = checkpoints.path(training.node)
        self._told: set[str] = set()

    def resume(self) -> Reached:
        """Put back what an earlier process kept of this very training; remove any other.

        :returns: epoch 0, with nothing changed, where there is none that can be used
        """
        self._checkpoints.sweep(self._training.node)
        try:
            reached = self._resumed()
        except (OSError, WeightsError) as error:
            reached = None
            self._tell(f"{self._path} is not used: {_reason(error)}; training begins at epoch 1")
        if reached is None:
            self._checkpoints.remove(self._training.node)
            return Reached()
        epochs = self._training.epochs
        self._tell(f"training goes on after epoch {reached.epoch} of {epochs}: {self._path}")
        return reached

    def keep(self, reached: Reached) -> None:
        """Replace the checkpoint when one is due: every so many epochs, and after the last."""
        due = reached.epoch % self._checkpoints.every_epochs == 0
        if not due and reached.epoch < self._training.epochs:
            return
        try:
            self._checkpoints.folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            write_atomically(self._path, self._pieces(reached), mode=_OWNER_ONLY)
        except (OSError, WeightsError) as error:
            self._tell(f"no checkpoint in {self._path}: {_reason(error)}; training goes on")

    def _resumed(self) -> Reached | None:
        """Give None where no checkpoint is, or one of another training."""
        if not self._path.exists():
            return None
        kept = _unsealed(Weights.read(self._path))
        if kept.metadata.get("which") != self._training.which:
            return None
        self._require_means(kept.metadata.get("means"))
        if kept.specs != {**self._state.specs, _SEAL: _SEAL_SPEC}:
            raise WeightsError("its tensors are not this model's and optimizer's")
        reached = _reached(kept.metadata, self._training.epochs)
        self._state.load(kept.tensors)
        return reached

    def _require_means(self, found: Any) -> None:
        found = found if isinstance(found, dict) else {}
        wanted = self._training.means
        changed = [key for key in wanted if found.get(key) != wanted[key]]
        if changed:
            raise WeightsError(f"it comes from a training with other {' and '.join(changed)}")

    def _pieces(self, reached: Reached) -> Iterator[bytes | memoryview]:
        """Give the file, one tensor in memory at a time."""
        specs = self._state.specs
        metadata = {
            "which": dict(self._training.which),
            "means": dict(self._training.means),
            "epoch": reached.epoch,
            "metrics": {name: repr(value) for name, value in reached.metrics.items()},
        }
        digest = hashlib.sha256()
        for piece in _unhashed({**specs, _SEAL: _SEAL_SPEC}, metadata, self._state.tensors()):
            digest.update(piece)
            yield piece
        yield digest.digest()

    def _tell(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._checkpoints.say(line)


def _unhashed(
    specs: Mapping[str, TensorSpec], metadata: Mapping[str, Any], tensors: Iterator[Tensor]
) -> Iterator[bytes | memoryview]:
    yield encode_header(specs, metadata)
    for tensor in tensors:
        yield np.ascontiguousarray(tensor).reshape(-1).view(np.uint8).data


def _unsealed(weights: Weights) -> Weights:
    """Compare the last tensor with all before it; in the canonical form these are all bytes."""
    digest = hashlib.sha256()
    *body, seal = weights.pieces()
    for piece in body:
        digest.update(piece)
    if bytes(seal) != digest.digest():
        raise WeightsError("its bytes are not as they were written")
    return weights


def _reached(metadata: Mapping[str, Any], epochs: int) -> Reached:
    """Read how far the training got; metrics are decimal text, since JSON has no NaN."""
    try:
        metrics = {name: float(text) for name, text in metadata["metrics"].items()}
        if metadata["epoch"] not in range(1, epochs + 1):
            raise WeightsError(f"epoch {metadata['epoch']} of {epochs} is none")
        return Reached(metadata["epoch"], metrics)
    except _NOT_OURS as error:
        raise WeightsError("it does not say how far the training got") from error


def _reason(error: OSError | WeightsError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
