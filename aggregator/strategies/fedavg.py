"""FedAvg: the average of the updates, weighted by their samples.

McMahan et al. 2017, "Communication-Efficient Learning of Deep Networks from Decentralized Data",
algorithm 1, last line of the server's loop, with n = the sum of the participants' n_k.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aggregator.strategies.arithmetic import (
    BLOCK_ELEMENTS,
    FLOAT32,
    Block,
    Kernel,
    float_blocks,
    for_each_block,
)
from aggregator.strategies.strategy import Aggregate, Contribution, Strategy, in_order
from fl_node.cores import available_cores
from fl_node.errors import StrategyError
from fl_node.rounds import global_metadata
from fl_node.weights import Weights

Tensors = Mapping[str, NDArray[np.float32]]

_RELEASED_ELEMENTS = 2**24  # what was read of the updates before is not needed again


@dataclass(frozen=True)
class FedAvg(Strategy):
    """The sample-weighted average, to the bit.

    For each float32 element: add ``float64(w) * float64(weight)`` over the updates in ascending
    order of their nodes from +0.0, one rounding a product and a sum, divide by the sum of the
    weights, round once to float32. That sum is a whole number without bound, rounded once to
    float64 (to nearest, ties to even), which is exact up to 2**53. Integers and booleans are the
    base's. -0.0 does not come out unless an average underflows.

    :ivar threads: do not change the bits, nor does the size of blocks
    """

    threads: int = field(default_factory=available_cores)
    block_elements: int = BLOCK_ELEMENTS

    def aggregate(
        self, base: Weights, state: Weights | None, updates: Sequence[Contribution]
    ) -> Aggregate:
        """Average; holds the result and two blocks a thread.

        :raises StrategyError: for no updates, weights that sum to 0, or a state
        """
        if state is not None:
            raise StrategyError("fedavg keeps no state, found one: is it another strategy's?")
        ordered = in_order(base, updates)
        total = sum(update.weight for update in ordered)
        if total == 0:
            raise StrategyError(f"{len(ordered)} updates count 0 in sum: no average is defined")
        average = {
            n: np.empty(s.shape, FLOAT32) for n, s in base.specs.items() if s.dtype == FLOAT32
        }
        self._fill(base, average, ordered, float(total))
        return Aggregate(Weights({**base.tensors, **average}, global_metadata()), None)

    def _fill(
        self, base: Weights, target: Tensors, ordered: Sequence[Contribution], total: float
    ) -> None:
        sources = [(float(update.weight), update.weights.tensors) for update in ordered]

        def make_kernel() -> Kernel:
            sums, products = np.empty((2, self.block_elements))

            def average(block: Block) -> None:
                if block.start % _RELEASED_ELEMENTS == 0:
                    for update in ordered:
                        update.weights.release()
                size = block.stop - block.start
                _average(block, sources, total, sums[:size], products[:size], target)

            return average

        for_each_block(float_blocks(base.specs, self.block_elements), make_kernel, self.threads)


def _average(
    block: Block,
    sources: Sequence[tuple[float, Tensors]],
    total: float,
    sums: NDArray[np.float64],
    products: NDArray[np.float64],
    target: Tensors,
) -> None:
    summed: NDArray[np.float64] | float = 0.0
    for weight, tensors in sources:
        np.copyto(products, tensors[block.name].reshape(-1)[block.run])
        np.multiply(products, weight, out=products)
        summed = np.add(summed, products, out=sums)
    np.divide(sums, total, out=sums)
    target[block.name].reshape(-1)[block.run] = sums
