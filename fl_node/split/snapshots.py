"""A party's state as a file: weights, optimizer, seeds, statistics, and the score so far."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from fl_node.errors import SplitError, WeightsError
from fl_node.split.record.signed import Sign
from fl_node.training.state import TrainingState
from fl_node.weights import Tensor, TensorSpec, Weights, encode_header

_SALT = b"flnode split checkpoint"
_MOST = 2**32 - 1


class Snapshots:
    """Takes and puts back the state of one party."""

    def __init__(self, state: TrainingState, measured: list[Any]) -> None:
        """Look at a party's state.

        :param measured: variables of metrics, which go on within an epoch
        """
        self._state = state
        self._measured = {f"score/{i:06d}": each for i, each in enumerate(measured)}

    def take(self, epoch: int, step: int, samples: int = 0) -> Weights:
        """Copy the state as it is after a step.

        :param samples: that an epoch has been trained on, once it is over
        """
        tensors: dict[str, Tensor] = dict(
            zip(self._state.specs, self._state.tensors(), strict=True)
        )
        tensors |= {name: np.array(v.numpy()) for name, v in self._measured.items()}
        counted = {"samples": samples} if samples else {}
        return Weights(tensors, {"epoch": epoch, "step": step} | counted)

    def put_back(self, path: Path) -> Weights:
        """Load a snapshot, and give it.

        :raises SplitError: when it is not as it was written
        """
        try:
            found = Weights.read(path)
        except (OSError, WeightsError) as error:
            raise SplitError(f"the state in {path} cannot be taken up again: {error}") from error
        self.load(found, str(path))
        return found

    def load(self, found: Weights, where: str) -> None:
        """Put back what :meth:`take` copied, here or elsewhere.

        :param where: it comes from, for people
        :raises SplitError: when it is another party's state
        """
        if found.specs != self._specs():
            raise SplitError(f"the state in {where} is of another part, or another optimizer")
        self._state.load(found.tensors)
        for name, variable in self._measured.items():
            variable.assign(found.tensors[name])

    @property
    def max_bytes(self) -> int:
        """The most bytes that a file of such a state has."""
        specs = self._specs()
        header = len(encode_header(specs, {"epoch": _MOST, "step": _MOST, "samples": _MOST}))
        return header + sum(spec.nbytes for spec in specs.values())

    def _specs(self) -> dict[str, TensorSpec]:
        measured = {
            name: TensorSpec(np.dtype(v.dtype), tuple(v.shape))
            for name, v in self._measured.items()
        }
        return dict(sorted((dict(self._state.specs) | measured).items()))


def checkpoint_salt(sign: Sign, session: bytes, epoch: int) -> bytes:
    """Give the salt of an epoch's checkpoint: the same after a crash, known to the signer alone."""
    return hashlib.sha256(sign(_SALT + session + epoch.to_bytes(4, "big"))).digest()


def checkpoint_digest(salt: bytes, pieces: Iterable[bytes | memoryview]) -> bytes:
    """Give what the chain holds of a checkpoint: SHA-256 of the salt and the file's SHA-256."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return hashlib.sha256(salt + digest.digest()).digest()
