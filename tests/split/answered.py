"""A provider's step as a call that gives its answer."""

from typing import Any

import numpy as np


def answered(provider: Any, *sent: Any) -> list[Any]:
    """Take a step; gives copies of the gradients at the cut."""
    found: list[Any] = []
    provider.step(*sent, lambda gradients, *_: found.extend(map(np.array, gradients)))
    return found
