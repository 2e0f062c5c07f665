"""The strategies as the papers and the specification write them: slow, exact, for reading.

Numbers are fractions, every rounding is spelled out, and no processor's floating point is used.
"""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

Update = tuple[int, int, Sequence[float]]  # node, weight, values


def float64(exact: Fraction) -> Fraction:
    return rounded(exact, digits=53, lowest_exponent=-1074)


def float32(exact: Fraction) -> Fraction:
    return rounded(exact, digits=24, lowest_exponent=-149)


def rounded(exact: Fraction, digits: int, lowest_exponent: int) -> Fraction:
    """IEEE 754: to nearest, ties to even, gradual underflow; nothing here overflows."""
    if exact == 0:
        return exact
    exponent = abs(exact.numerator).bit_length() - exact.denominator.bit_length()
    if Fraction(2) ** exponent > abs(exact):
        exponent -= 1
    unit = Fraction(2) ** max(exponent - digits + 1, lowest_exponent)
    return round(exact / unit) * unit


def fedavg(updates: Sequence[Update]) -> np.ndarray:
    """McMahan et al. 2017, algorithm 1, element by element."""
    ordered = sorted(updates)
    total = float64(Fraction(sum(weight for _, weight, _ in ordered)))
    columns = zip(*(values for _, _, values in ordered), strict=True)
    weights = [float64(Fraction(weight)) for _, weight, _ in ordered]
    return np.array([_average(column, weights, total) for column in columns], "<f4")


def _average(values: Sequence[float], weights: Sequence[Fraction], total: Fraction) -> float:
    accumulated = Fraction(0)
    for value, weight in zip(values, weights, strict=True):
        product = float64(Fraction(value) * weight)
        accumulated = float64(accumulated + product)
    average = float32(float64(accumulated / total))
    return -0.0 if average == 0 and accumulated < 0 else float(average)


def tree_sum(values: Sequence[float]) -> float:
    """Pad with zeros to a power of two, then add the halves' sums."""
    size = 1
    while size < len(values):
        size *= 2
    return _halves([*values, *[0.0] * (size - len(values))])


def _halves(values: Sequence[float]) -> float:
    if len(values) == 1:
        return values[0]
    middle = len(values) // 2
    return float(_rounded_sum(_halves(values[:middle]), _halves(values[middle:])))


def _rounded_sum(one: float, other: float) -> Fraction:
    return float64(Fraction(one) + Fraction(other))
