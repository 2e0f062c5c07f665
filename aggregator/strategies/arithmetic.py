"""The arithmetic that every strategy rests on: IEEE 754, element by element, block by block.

NumPy's ufuncs do one operation at a time, so nothing is fused, and blocks do not depend on each
other, so threads over them keep the bits.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from fl_node.errors import StrategyError
from fl_node.weights import TensorSpec

FLOAT32 = np.dtype("<f4")
BLOCK_ELEMENTS = 32_768  # two float64 blocks of a thread stay in the second-level cache
_BLOCKS_PER_THREAD = 64  # a thread for fewer costs more time and scratch memory than it is worth


@dataclass(frozen=True)
class Block:
    """A run of elements of one flattened tensor."""

    name: str
    start: int
    stop: int

    @property
    def run(self) -> slice:
        """Where the block stands in the flattened tensor."""
        return slice(self.start, self.stop)


# A value, its samples, the total, and the float32 that their average must be.
_VECTOR = np.array(
    [
        (2**-149, 1, 1, 2**-149),  # a subnormal is read and written
        (2**-149 - 2**-126, 1, 1, 2**-149 - 2**-126),
        (2**-149, 3, 2, 2**-148),  # a tie between subnormals goes to the even one
        (2**-149, 5, 2, 2**-148),
        (-(2**-149), 1, 2, -0.0),
        (-0.0, 1, 1, 0.0),  # accumulation starts from +0.0
        (1, 2**24 + 1, 2**24, 1),
        (1, 2**24 + 3, 2**24, 1 + 2**-22),
    ]
)

Kernel = Callable[[Block], None]


def float_blocks(specs: Mapping[str, TensorSpec], elements: int) -> Iterator[Block]:
    """Cut all float32 tensors into blocks of at most so many elements."""
    for name, spec in specs.items():
        size = math.prod(spec.shape) if spec.dtype == FLOAT32 else 0
        for start in range(0, size, elements):
            yield Block(name, start, min(start + elements, size))


def for_each_block(
    blocks: Iterator[Block], make_kernel: Callable[[], Kernel], threads: int
) -> None:
    """Run a kernel over all blocks, on threads of our own where there are many.

    :param make_kernel: called once on each thread, to hold that thread's scratch memory
    :raises StrategyError: when a thread does not compute as IEEE 754 says
    """
    work = list(blocks)
    count = max(1, min(threads, len(work) // _BLOCKS_PER_THREAD))
    queue = iter(work)  # a list's iterator gives each block to one thread
    if count == 1:
        _drain(queue, make_kernel)
    else:
        _on_threads(count, lambda: _drain(queue, make_kernel))


def _on_threads(count: int, work: Callable[[], None]) -> None:
    with ThreadPoolExecutor(count, thread_name_prefix="flnode-aggregate") as pool:
        for done in [pool.submit(work) for _ in range(count)]:
            done.result()


def _drain(queue: Iterator[Block], make_kernel: Callable[[], Kernel]) -> None:
    check_arithmetic()
    kernel = make_kernel()
    for block in queue:
        kernel(block)


def check_arithmetic() -> None:
    """See that this thread keeps subnormals and signed zeros and rounds to nearest, ties to even.

    Threads inherit the processor's modes, and TensorFlow sets its own to flush subnormals.

    :raises StrategyError: when it does not
    """
    values, samples, totals, expected = (np.tile(column, 4) for column in _VECTOR.T)
    averages = values.astype(FLOAT32).astype(np.float64) * samples + 0.0
    averages /= totals
    if averages.astype(FLOAT32).tobytes() != expected.astype(FLOAT32).tobytes():
        raise StrategyError(
            "this thread does not compute as IEEE 754 says (it flushes subnormals, or rounds "
            "otherwise), so nobody could verify its sums: call from no thread of TensorFlow's"
        )
