"""Parcels that each depot makes up; in earnest, this reads the depot's own database.

A function may take ``node`` and ``nodes``; it returns inputs (here by the model's names) and
targets. ``test_load`` beside ``load`` gives what global models are measured on.
"""

import numpy as np
from numpy.typing import NDArray

DISTRICTS = 24
PARCELS = 2_000
Parcels = tuple[dict[str, NDArray[np.generic]], NDArray[np.float32]]


def load(node: int, nodes: int) -> Parcels:
    """Give one depot's parcels: most go to the districts around it."""
    chance = np.random.default_rng(100 + node)
    nearby = (np.arange(DISTRICTS) % nodes == node - 1) * 4.0 + 1.0
    return _parcels(chance, nearby / nearby.sum())


def test_load() -> Parcels:
    """Give parcels to all districts alike, which no depot has seen."""
    return _parcels(np.random.default_rng(1), np.full(DISTRICTS, 1 / DISTRICTS))


def _parcels(chance: np.random.Generator, shares: NDArray[np.float64]) -> Parcels:
    district = chance.choice(DISTRICTS, PARCELS, p=shares)
    kilograms = chance.gamma(2.0, 3.0, PARCELS)
    kilometres = 2.0 + district + chance.normal(0, 1, PARCELS)
    hour = chance.uniform(6, 20, PARCELS)
    rain = chance.gamma(0.5, 2.0, PARCELS)  # millimetres
    rush = np.exp(-((hour - 17) ** 2) / 4)
    traffic = np.sin(district * 2.1)  # each district has its own
    delay = 0.05 * kilograms + 0.06 * kilometres + 1.8 * rush + 0.25 * rain + 1.5 * traffic
    late = delay + chance.normal(0, 0.3, PARCELS) > 2.0
    numbers = np.stack([kilograms, kilometres, hour, rain], axis=1).astype(np.float32)
    return {"numbers": numbers, "district": district.reshape(-1, 1)}, late.astype(np.float32)
