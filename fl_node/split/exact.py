"""Exact numbers from plans and settings: decimal digits and a point, nothing else."""

import re
from fractions import Fraction

from fl_node.errors import SplitError

_DECIMAL = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?")


def exact(text: str) -> Fraction:
    """Read a decimal such as ``0.01``.

    :raises SplitError: for another text
    """
    if not _DECIMAL.fullmatch(text):
        raise SplitError(f"a decimal number such as 0.01 was expected, found {text!r}")
    return Fraction(text)
