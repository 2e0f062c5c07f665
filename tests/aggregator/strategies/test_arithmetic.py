"""Threads that do not compute as IEEE 754 says are found out."""

import ctypes
import ctypes.util
import platform
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from aggregator.strategies.arithmetic import check_arithmetic, float_blocks, for_each_block
from aggregator.strategies.fedavg import FedAvg
from aggregator.strategies.strategy import Contribution
from aggregator.strategies.trees import squared_distance
from fl_node.errors import StrategyError
from fl_node.weights import TensorSpec, Weights

ONES = Weights({"a": np.ones(3, "f4")})
MODES = {  # bits of the x86 control register MXCSR
    "subnormals read as zero": 0x0040,
    "subnormals written as zero": 0x8000,
    "both, as TensorFlow sets them": 0x8040,
    "rounding down": 0x2000,
    "rounding up": 0x4000,
    "rounding towards zero": 0x6000,
}

needs_mxcsr = pytest.mark.skipif(
    platform.machine() != "x86_64" or platform.libc_ver()[0] != "glibc",
    reason="the processor's modes are set through glibc's fenv_t for x86-64",
)


def set_modes(modes: int) -> None:
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    environment = (ctypes.c_uint32 * 8)()  # fenv_t: MXCSR is its last word
    assert libm.fegetenv(environment) == 0
    environment[7] |= modes
    assert libm.fesetenv(environment) == 0


def on_a_thread_with(modes: int, function, *arguments):
    """Run on a thread of its own: the modes are gone with it."""

    def run():
        set_modes(modes)
        return function(*arguments)

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def test_an_ordinary_thread_computes_as_ieee_754_says():
    check_arithmetic()


@needs_mxcsr
def test_setting_no_mode_leaves_a_thread_ordinary():
    on_a_thread_with(0, check_arithmetic)


@needs_mxcsr
@pytest.mark.parametrize("modes", MODES.values(), ids=MODES)
def test_a_thread_in_another_mode_is_found_out(modes):
    with pytest.raises(StrategyError, match="TensorFlow"):
        on_a_thread_with(modes, check_arithmetic)


@needs_mxcsr
def test_nothing_is_averaged_or_measured_on_such_a_thread():
    flushing = MODES["both, as TensorFlow sets them"]
    with pytest.raises(StrategyError, match="TensorFlow"):
        on_a_thread_with(flushing, FedAvg().aggregate, ONES, None, [Contribution(1, 1, ONES)])
    with pytest.raises(StrategyError, match="TensorFlow"):
        on_a_thread_with(flushing, squared_distance, ONES, ONES)


@pytest.mark.parametrize("threads", [1, 3])
def test_each_float_is_in_one_block_and_each_block_is_done_once(threads):
    specs = {
        "a": TensorSpec(np.dtype("<f4"), (7, 300)),
        "b": TensorSpec(np.dtype("<i8"), (100,)),
        "c": TensorSpec(np.dtype("<f4"), ()),
        "d": TensorSpec(np.dtype("<f4"), (0,)),
    }
    done = []
    for_each_block(float_blocks(specs, 10), lambda: done.append, threads)
    places = [(block.name, place) for block in done for place in range(block.start, block.stop)]
    assert sorted(places) == [("a", place) for place in range(2100)] + [("c", 0)]
    assert max(block.stop - block.start for block in done) == 10


def test_an_error_on_a_thread_reaches_the_caller():
    def fail(block):
        raise StrategyError(f"block {block.start}")

    specs = {"a": TensorSpec(np.dtype("<f4"), (10_000,))}
    with pytest.raises(StrategyError, match="block 0"):
        for_each_block(float_blocks(specs, 10), lambda: fail, 4)
