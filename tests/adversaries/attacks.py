"""An attack: what it does, who finds it, when, in which words; for tests and for a document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Finder(Enum):
    """Who finds an attack, and when that is."""

    HEADER = ("the header", "in the same round, before it is averaged")
    CONTRACT = ("the contract", "at once")
    NODES = ("every honest node", "before it trains on it")
    NODE = ("the node that it is done to", "at once")
    AUDIT = ("an audit", "any time after")
    REPORT = ("anyone, in the report", "after the round")
    JOINER = ("whoever joins", "before the model is built")

    @property
    def who(self) -> str:
        return self.value[0]

    @property
    def when(self) -> str:
        return self.value[1]


@dataclass(frozen=True)
class Found:
    """One who finds an attack.

    :ivar words: parts of what is said, in order
    """

    by: Finder
    words: tuple[str, ...]


@dataclass(frozen=True)
class Attack:
    """A row of the table, and a test.

    :ivar name: also the lie's and the liar's
    :ivar scene: in which federation of the tests it happens
    :ivar round: in which it is found; 0 for each that there is
    :ivar when: where a finder is later or earlier than usual
    """

    name: str
    does: str
    scene: str
    found: tuple[Found, ...]
    round: int = 1
    when: Mapping[Finder, str] = field(default_factory=dict)
