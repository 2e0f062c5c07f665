"""Phases of a step: which message it is, and who sends it."""

from enum import Enum, IntEnum


class Party(Enum):
    """Who takes part in a session."""

    NODE = "node"
    PROVIDER = "provider"

    @property
    def other(self) -> "Party":
        """Give the one that it talks to."""
        return Party.NODE if self is Party.PROVIDER else Party.PROVIDER


class Phase(IntEnum):
    """What a message carries; the numbers are those of the records and order a step's leaves."""

    ACTIVATIONS = 0
    FEATURES = 1
    FEATURE_GRADIENTS = 2
    GRADIENTS = 3
    EVALUATION = 4
    OUTPUTS = 5

    @property
    def sender(self) -> Party:
        """Say whose message it is."""
        return Party.PROVIDER if self in _FROM_PROVIDER else Party.NODE

    @property
    def label(self) -> str:
        """Give the phase as people read it, such as ``feature-gradients``."""
        return self.name.lower().replace("_", "-")


_FROM_PROVIDER = frozenset({Phase.FEATURES, Phase.GRADIENTS, Phase.OUTPUTS})
