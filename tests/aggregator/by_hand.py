"""FedAvg by hand, for three nodes' first round."""

from fractions import Fraction

import numpy as np

from fl_node.rounds import Terms
from tests.small_federation import (
    INITIAL,
    SAMPLES,
)

TERMS = Terms(quorum=2, round_seconds=1000, grace_seconds=100, rounds=3)


def floats(federation, cid):
    return federation.view("owner").weights(cid).tensors


def by_hand(federation, nodes):
    """FedAvg of the first round as the paper has it, in exact fractions rounded once."""
    updates = federation.timeline().rounds[1].updates
    total = sum(SAMPLES[node] for node in nodes)
    averages = {}
    for name in ("dense/bias", "dense/kernel"):
        files = {node: floats(federation, updates[node].weights)[name] for node in nodes}
        sums = [
            sum(Fraction(float(files[node].flat[i])) * SAMPLES[node] for node in nodes)
            for i in range(INITIAL[name].size)
        ]
        values = [float(each / total) for each in sums]
        averages[name] = np.array(values, np.float32).reshape(INITIAL[name].shape)
    return averages
