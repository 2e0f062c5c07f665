"""Chance that is the same on every machine: integers from Philox, keyed by what they are for.

Only the bit generator's raw stream is used, which NumPy keeps stable; the distributions of
``Generator`` may change with a version (NEP 19).
"""

import hashlib

import numpy as np
from numpy.random import Philox
from numpy.typing import NDArray


def key_of(purpose: str, *parts: int) -> int:
    """Give a 128-bit key for a purpose and the numbers that it depends on."""
    text = "/".join(["flnode", purpose, *map(str, parts)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")


def draw(count: int, key: int) -> NDArray[np.uint64]:
    """Draw ``count`` numbers, uniform over 64 bits (Salmon et al. 2011, Philox-4x64-10)."""
    return np.asarray(Philox(key=key).random_raw(count), dtype=np.uint64)


def permutation(count: int, key: int) -> NDArray[np.int64]:
    """Shuffle 0 … count-1: the order in which as many random numbers would be sorted."""
    return np.argsort(draw(count, key), kind="stable").astype(np.int64)
