"""What an audit of split learning says: findings, and verdicts on what was computed again."""

from dataclasses import dataclass
from enum import StrEnum

from fl_node.split.record.phase import Party, Phase

REPRODUCED = "reproduced"
CONTRADICTED = "contradicted"
UNVERIFIABLE = "unverifiable"


class Who(StrEnum):
    """Whom a finding convicts."""

    NODE = "node"
    PROVIDER = "provider"
    BOTH = "both"
    NOBODY = "nobody"

    @classmethod
    def of(cls, party: Party) -> "Who":
        """Name one party."""
        return cls(party.value)


class Reason(StrEnum):
    """What does not hold, in a word for programs; the names of refused messages come beside."""

    HISTORY = "history"
    PLAN = "plan"
    WRONG_ACCOUNT = "wrong-account"
    WEAK_KEY = "weak-key"
    RECORDS_MISSING = "records-missing"
    RECORDS_DAMAGED = "records-damaged"
    WRONG_ROOT = "wrong-root"
    INCOMPLETE = "incomplete"
    DISPUTE = "dispute"
    OTHER_ROOT = "other-root"
    JOURNAL_DAMAGED = "journal-damaged"
    WITHHELD = "withheld"
    OTHER_RECORD = "other-record"
    SIGNED_TWICE = "signed-twice"
    WRONG_CHECKPOINT = "wrong-checkpoint"
    WRONG_START = "wrong-start"
    OTHER_AVERAGE = "other-average"
    WRONG_UPPER = "wrong-upper"
    OTHER_DATA = "other-data"
    CONTRADICTED = CONTRADICTED


def falsified(phase: Phase) -> str:
    """Give the reason where a kept body is not the one that was signed."""
    return f"falsified-{phase.label}"


@dataclass(frozen=True)
class Finding:
    """Something that does not hold.

    :ivar node: 0 when it is about the contract as a whole
    :ivar epoch: 0 when it is about no single one, as the step
    :ivar reason: one word for programs: a :class:`Reason`, ``falsified-`` and a phase, or a
        :class:`fl_node.split.record.refusal.Refusal`
    :ivar detail: one line for people
    """

    node: int
    epoch: int
    step: int
    reason: str
    who: Who
    detail: str


@dataclass(frozen=True)
class Verdict:
    """What became of one thing that a party can show to be as it said.

    :ivar step: 0 for what is not of one step
    :ivar what: a phase's label, or state, checkpoint, start, upper-part, folder
    :ivar verdict: reproduced, contradicted or unverifiable
    :ivar difference: the largest one, relative to the tensor's largest magnitude; None where
        nothing was compared
    """

    node: int
    epoch: int
    step: int
    who: Who
    what: str
    verdict: str
    difference: float | None
    detail: str
