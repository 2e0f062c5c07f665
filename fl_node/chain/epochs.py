"""The nouns of split learning on the chain: terms, sessions, and what is recorded of an epoch.

A *session* is one node with the provider; its epochs count from 1. Node 0 stands for the provider,
and as the receiver of a hand-over for every other node.
"""

from dataclasses import dataclass
from enum import IntEnum

from fl_node.cid import Cid

PROVIDER = 0
EVERYONE = 0


class Side(IntEnum):
    """Which of a session's parties; the numbers are those of ``contracts/types/Side.sol``."""

    PROVIDER = 0
    NODE = 1


class Mark(IntEnum):
    """What one side alone said of the next epoch; it only goes up, as in ``types/Mark.sol``."""

    NONE = 0
    ONE_SIDED = 1
    DISPUTED = 2


@dataclass(frozen=True)
class SplitTerms:
    """The rules of split learning in one contract, for good.

    :ivar epochs: every node's last epoch
    :ivar deadline_seconds: how long the next epoch may stay without both signatures
    """

    epochs: int
    deadline_seconds: int


@dataclass(frozen=True)
class Session:
    """A node with the provider, as the contract holds it.

    :ivar epochs: recorded with both signatures
    :ivar since: from when the next epoch's deadline runs, in seconds since 1970: the last record
        or, before there is one under this account, its first announcement; 0 before both
    :ivar by_provider: what the provider alone said of the next epoch
    :ivar by_node: what the node alone said of it
    """

    node: int
    account: str
    epochs: int
    since: int
    by_provider: Mark
    by_node: Mark

    @property
    def next_epoch(self) -> int:
        """The only epoch that can be recorded now; past the terms' last when all are."""
        return self.epochs + 1

    @property
    def disputed(self) -> bool:
        """Whether a side says that the histories of the next epoch part."""
        return Mark.DISPUTED in (self.by_provider, self.by_node)


@dataclass(frozen=True)
class Announcement:
    """How a party is reached, and which keys are its own.

    :ivar node: 0 is the provider
    :ivar key: the Ed25519 key of its messages, 32 bytes
    :ivar certificate: of its channel, X.509 in DER, at most 2048 bytes
    :ivar endpoint: where it listens, at most 255 bytes; empty if it does not
    :ivar expires: in seconds since 1970
    """

    node: int
    key: bytes
    certificate: bytes
    endpoint: str
    expires: int


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of one node, as both parties sign it.

    :ivar root: of the Merkle tree over its signed records in their order, 32 bytes
    :ivar records: of the file of these records
    :ivar node_checkpoint: salted digest of the node's part after the epoch, 32 bytes
    :ivar provider_checkpoint: salted digest of the provider's part after it, 32 bytes
    """

    node: int
    epoch: int
    steps: int
    root: bytes
    records: Cid
    node_checkpoint: bytes
    provider_checkpoint: bytes


@dataclass(frozen=True)
class LoneRecord:
    """One epoch of one node, as one side alone says it was.

    :ivar checkpoint: salted digest of that side's part after it, 32 bytes
    :ivar first_difference: the first step in which the other side's history is another, which is a
        dispute; 0 when the other side does not sign, which a dispute may follow
    """

    node: int
    epoch: int
    steps: int
    root: bytes
    records: Cid
    checkpoint: bytes
    first_difference: int

    @property
    def disputes(self) -> bool:
        """Whether it says that the histories part, and not that the other side is silent."""
        return self.first_difference > 0


@dataclass(frozen=True)
class HandOver:
    """A node's lower part after one of its epochs, given to another node or to all others.

    :ivar to_node: :data:`EVERYONE`, 0, is every other node
    :ivar weights: of the sealed file
    """

    from_node: int
    to_node: int
    epoch: int
    weights: Cid
