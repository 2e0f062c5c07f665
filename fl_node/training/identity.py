"""Which training it is, and on what: all that the bits of a training follow from."""

import hashlib
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np

from fl_node import __version__
from fl_node.plan import Plan
from fl_node.training.dataset import Dataset
from fl_node.weights import Weights

_CPUINFO = Path("/proc/cpuinfo")
_PROCESSOR_LINES = ("model name", "flags", "CPU part", "Features")
_HASHED_ROWS = 1024
_digests: WeakKeyDictionary[Dataset, str] = WeakKeyDictionary()


@dataclass(frozen=True)
class TrainingIdentity:
    """One training of one node.

    :ivar epochs: of the whole training
    :ivar which: plan, node, round and base
    :ivar means: data, versions and hardware; others may give other bits
    """

    node: int
    epochs: int
    which: Mapping[str, str | int]
    means: Mapping[str, str]


def identity_of(
    plan: Plan, base: Weights, data: Dataset, *, node: int, round_: int, base_number: int
) -> TrainingIdentity:
    """Name a training in this process, where TensorFlow runs already."""
    which: dict[str, str | int] = {"plan": str(plan.cid), "node": node, "round": round_}
    which |= {"base": base_number, "weights": str(base.cid())}
    return TrainingIdentity(node, plan.epochs, which, {"data": _digest(data)} | _means())


def _digest(data: Dataset) -> str:
    """Hash a data set once in a process; its arrays do not change."""
    if data not in _digests:
        _digests[data] = _hashed(data)
    return _digests[data]


def _hashed(data: Dataset) -> str:
    digest = hashlib.sha256()
    for array in (*data.inputs, data.targets):
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        for row in range(0, len(array), _HASHED_ROWS):
            digest.update(array[row : row + _HASHED_ROWS].tobytes())
    return digest.hexdigest()


def _means() -> dict[str, str]:
    import keras
    import tensorflow as tf

    threading = tf.config.threading
    threads = (
        threading.get_intra_op_parallelism_threads(),
        threading.get_inter_op_parallelism_threads(),
    )
    return {
        "flnode": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
        "threads": "/".join(str(each or os.cpu_count()) for each in threads),
        "devices": " ".join(device.name for device in tf.config.get_visible_devices()),
        "processor": _processor(),
    }


@cache
def _processor() -> str:
    """Hash what kernels are chosen by: the processor's model and instructions."""
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    told = sorted({line for line in lines if line.startswith(_PROCESSOR_LINES)})
    found = "\n".join([platform.machine(), *told])
    return hashlib.sha256(found.encode()).hexdigest()
