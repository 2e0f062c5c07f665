"""The nouns of a round: terms, updates, rejections, globals, and what updates say of themselves.

Global 0 is the initial model; round r starts from global r-1 and produces global r; a *base* is
the number of the global that an update was trained from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from fl_node.cid import Cid

UPDATE_FORMAT = 1
ENVELOPE = "plain/1"
MAX_ATTEMPTS = 3


class Reason(IntEnum):
    """Why an update is inadmissible; the numbers are those of ``contracts/types/Reason.sol``."""

    UNAVAILABLE = 0
    TOO_LARGE = 1
    DIGEST_MISMATCH = 2
    NOT_CANONICAL = 3
    RECORD_MISMATCH = 4
    WRONG_STRUCTURE = 5
    INTEGER_CHANGED = 6
    NOT_FINITE = 7
    BAD_SAMPLES = 8
    NORM_EXCEEDED = 9

    @property
    def label(self) -> str:
        """Give the reason as reports and tables write it, such as ``not-finite``."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True)
class Terms:
    """The rules of the rounds, as the contract holds them.

    :ivar target: updates that make the round closable at once; 0 means every member
    :ivar quorum: updates that are enough once the deadline has passed
    :ivar round_seconds: from a round's opening to its deadline
    :ivar grace_seconds: from the moment a round is closable until any node may close it
    :ivar max_staleness: how many globals older than the latest a base may be
    :ivar finality: attestations that a global needs before the next round takes updates
    :ivar rounds: number of the last round
    """

    target: int = 0
    quorum: int = 1
    round_seconds: int = 3600
    grace_seconds: int = 600
    max_staleness: int = 0
    finality: int = 0
    rounds: int = 5


@dataclass(frozen=True)
class Update:
    """A node's local weights for a round, as the chain records them.

    :ivar samples: number of samples that the node says it trained on
    :ivar attempt: 1 for the first update of the node in this opening of the round, at most 3
    """

    node: int
    round: int
    base: int
    weights: Cid
    samples: int
    attempt: int = 1


@dataclass(frozen=True)
class Rejection:
    """An update that was taken out of a round, why, and by which account."""

    update: Update
    reason: Reason
    by: str


@dataclass(frozen=True)
class Global:
    """A global model as the chain records it; global 0 has no report."""

    number: int
    weights: Cid
    report: Cid | None


@dataclass(frozen=True)
class RoundState:
    """The open round, as the contract holds it; times in seconds since 1970.

    :ivar number: the open round; past ``terms.rounds`` when the federation is complete
    :ivar opening: counts every opening of a round (after a close, a replacement, a reopening)
    :ivar members: nodes that were registered when the round opened
    :ivar received: updates that stand
    :ivar attested: nodes that attested the latest global
    :ivar opened_at: the round's clock starts here
    :ivar closable_at: when the last update made the round closable; 0 if none did
    :ivar final: whether the latest global has the attestations it needs
    """

    number: int
    opening: int
    members: int
    received: int
    attested: int
    opened_at: int
    closable_at: int
    final: bool

    def deadline(self, terms: Terms) -> int:
        """Give the moment from which the quorum is enough."""
        return self.opened_at + terms.round_seconds

    def closable_since(self, terms: Terms, now: float) -> int | None:
        """Give the moment from which the round may be closed, or None while it may not."""
        if self.closable_at:
            return self.closable_at
        past = now >= self.deadline(terms)
        return self.deadline(terms) if past and self.received >= terms.quorum else None

    def target(self, terms: Terms) -> int:
        """Give the number of updates that makes the round closable at once."""
        return terms.target or self.members


@dataclass(frozen=True)
class Member:
    """A registered node.

    :ivar account: the address that may send its updates
    :ivar since: the first opening that it may send updates in
    :ivar next_base: the oldest base that its next update may have
    """

    node: int
    account: str
    since: int
    next_base: int


def update_metadata(
    chain_id: int,
    federation: str,
    update_round: int,
    base: Global,
    node: int,
    samples: int,
    metrics: Mapping[str, float | None],
) -> dict[str, Any]:
    """Say in an update's file what the chain will say of it, and what its node measured."""
    return {
        "format": UPDATE_FORMAT,
        "kind": "update",
        "envelope": ENVELOPE,
        "chain_id": chain_id,
        "federation": federation,
        "round": update_round,
        "base": base.number,
        "base_weights": str(base.weights),
        "node": node,
        "samples": samples,
        "metrics": dict(metrics),
    }


def global_metadata() -> dict[str, Any]:
    """Say of a global no more than that it is one: the same updates give the same CID anywhere."""
    return {"format": UPDATE_FORMAT, "kind": "global"}


def state_metadata() -> dict[str, Any]:
    """Say of a strategy's state no more than that it is one."""
    return {"format": UPDATE_FORMAT, "kind": "strategy-state"}
