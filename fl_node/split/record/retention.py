"""Which steps' messages stay once an epoch's root is recorded.

A sample is drawn from the root and both signatures over it: whoever made the messages could not
know it.
"""

import hashlib
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from fl_node.errors import SplitError
from fl_node.split.exact import exact

_DRAWN = b"flnode split sample"
_STEP_BYTES, _DRAW_BYTES = 4, 8
_WORDS = {"none": Fraction(0), "all": Fraction(1)}


@dataclass(frozen=True)
class Retention:
    """The share of steps that stay.

    :ivar share: from 0 to 1, exactly
    """

    share: Fraction

    def __post_init__(self) -> None:
        """Refuse what is no share.

        :raises SplitError: naming it
        """
        if not 0 <= self.share <= 1:
            raise SplitError(f"none, all, or a share from 0 to 1 is kept, not {self.share}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``none``, ``all`` or a decimal such as ``0.01``.

        :raises SplitError: for another text
        """
        if text in _WORDS:
            return cls(_WORDS[text])
        return cls(exact(text))

    def kept_steps(
        self, root: bytes, node_signature: bytes, provider_signature: bytes, steps: int
    ) -> frozenset[int]:
        """Draw which of the steps 1 … ``steps`` stay, each by itself.

        :param root: of the epoch's Merkle tree
        :param node_signature: as the chain recorded it, like the provider's
        """
        seed = hashlib.sha256(_DRAWN + root + node_signature + provider_signature).digest()
        bound = math.ceil(self.share * 2 ** (8 * _DRAW_BYTES))
        return frozenset(step for step in range(1, steps + 1) if _draw(seed, step) < bound)


def _draw(seed: bytes, step: int) -> int:
    """Give a number, uniform over 64 bits."""
    drawn = hashlib.sha256(seed + step.to_bytes(_STEP_BYTES, "big")).digest()
    return int.from_bytes(drawn[:_DRAW_BYTES], "big")
