"""Dirichlet draws in decimal arithmetic, whose ``ln`` and powers are correctly rounded."""

from collections.abc import Iterator
from decimal import Decimal, localcontext

from fl_node.training.draws import draw

_DIGITS = 30
_SCALE = 2**62
_UNIT = Decimal(2**64)


def dirichlet_weights(alpha: Decimal, prior: list[int], key: int) -> list[int]:
    """Draw a mixture of classes around a prior: Dirichlet(alpha p), p the prior's proportions.

    :param prior: number of samples of each class, at least one
    :returns: whole numbers in proportion to the mixture
    """
    with localcontext() as context:
        context.prec = _DIGITS
        chances = _chances(key)
        gammas = [_gamma(alpha * count / sum(prior), chances) for count in prior]
        total = sum(gammas) or Decimal(1)
        return [int(gamma / total * _SCALE) for gamma in gammas]


def _gamma(shape: Decimal, chances: Iterator[Decimal]) -> Decimal:
    """Draw a gamma variate (Marsaglia and Tsang 2000, section 8 for shapes below 1)."""
    if shape < 1:
        return _gamma(shape + 1, chances) * next(chances) ** (1 / shape)
    d = shape - Decimal(1) / 3
    c = 1 / (9 * d).sqrt()
    while True:
        normal = _normal(chances)
        v = (1 + c * normal) ** 3
        if v > 0 and next(chances).ln() < normal * normal / 2 + d * (1 - v + v.ln()):
            return d * v


def _normal(chances: Iterator[Decimal]) -> Decimal:
    """Draw a standard normal variate (Marsaglia's polar method)."""
    while True:
        u, v = 2 * next(chances) - 1, 2 * next(chances) - 1
        s = u * u + v * v
        if 0 < s < 1:
            return u * (-2 * s.ln() / s).sqrt()


def _chances(key: int) -> Iterator[Decimal]:
    drawn = 0
    while True:
        drawn += 256
        for number in draw(drawn, key)[-256:].tolist():
            yield (number + Decimal("0.5")) / _UNIT
