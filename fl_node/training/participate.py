"""A trainer's step: read the ledger, send the update that is due, return.

The chain is the crash log: a process that was killed anywhere calls this again and goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fl_node.canonical import finite_or_null
from fl_node.chain.ledger import Snapshot
from fl_node.chain.timeline import RoundLog, read_timeline
from fl_node.cid import Cid
from fl_node.errors import LedgerError, RevertedError, UnreachableError
from fl_node.federation import Federation
from fl_node.rounds import (
    MAX_ATTEMPTS,
    Member,
    Reason,
    Rejection,
    Update,
    update_metadata,
)
from fl_node.weights import Weights

if TYPE_CHECKING:
    from fl_node.training.data import Dataset
    from fl_node.training.local import TrainedUpdate, TrainingProgress

# The round moved on while the update was made: read again, and see whether it still fits.
_MOVED_ON = frozenset({"RoundFull", "WrongRound", "FederationComplete", "GlobalNotFinal"})
# Sending the same bytes again can cure this one; training again gives the same bytes.
_CURED_BY_SENDING_AGAIN = Reason.UNAVAILABLE


class LocalTrainer(Protocol):
    """What trains: a function of plan, node, round, base and data."""

    def train(
        self,
        base: Weights,
        *,
        node: int,
        round_: int,
        base_number: int,
        data: "Dataset",
        progress: "Callable[[TrainingProgress], None]",
    ) -> "TrainedUpdate":
        """Train from a base and give tensors, sample count and metrics."""


@dataclass(frozen=True)
class Participant:
    """A trainer and all that its step needs."""

    node: int
    federation: Federation
    trainer: LocalTrainer
    data: "Dataset"


@dataclass(frozen=True)
class Prepared:
    """An update whose bytes are stored and that no round has taken yet."""

    base: int
    weights: Cid
    samples: int


@dataclass(frozen=True)
class Submitted:
    """The node's update stands in the round.

    :ivar twin: the update is not the one that this process made: another signs for the same node
    """

    update: Update
    twin: bool = False

    @property
    def prepared(self) -> Prepared:
        """What to send again if it should stand no more."""
        return Prepared(self.update.base, self.update.weights, self.update.samples)


@dataclass(frozen=True)
class Waiting:
    """Nothing is due for this node.

    :ivar reason: for whom or what it waits, in one line
    :ivar prepared: an update that this round did not take; the next one may
    """

    round: int
    reason: str
    prepared: Prepared | None = None


@dataclass(frozen=True)
class Complete:
    """The last round is closed."""

    rounds: int


Participation = Submitted | Waiting | Complete


def participate(
    participant: Participant,
    progress: "Callable[[TrainingProgress], None]",
    prepared: Prepared | None = None,
) -> Participation:
    """Do the one thing that is due for a node.

    :param prepared: what the step before stored, as its `Waiting` or `Submitted` gave it
    :raises LedgerError: when the node is not registered, or not with this account
    """
    snapshot, timeline = read_timeline(participant.federation.ledger)
    member = _member(participant)
    if timeline.complete:
        return Complete(snapshot.terms.rounds)
    log = timeline.open_round
    reason = _nothing_due(participant, snapshot, member, log)
    if reason is not None:
        return Waiting(snapshot.round.number, reason, prepared)
    if prepared is None or not _allowed(prepared, snapshot, member):
        prepared = _prepare(participant, snapshot, progress)
    return _send(participant, snapshot.round.number, prepared)


def _member(participant: Participant) -> Member:
    node, account = participant.node, participant.federation.ledger.account
    member = participant.federation.ledger.member(node)
    if member is None:
        raise LedgerError(f"node {node} is not registered: ask the owner to register {account}")
    if member.account != account:
        raise LedgerError(
            f"node {node} belongs to account {member.account}, this process signs as {account}: "
            "check the node's number and keystore"
        )
    return member


def _nothing_due(
    participant: Participant, snapshot: Snapshot, member: Member, log: RoundLog | None
) -> str | None:
    now, current = participant.federation.ledger.now(), snapshot.round
    if log is None:
        return "the owner has not put global 0 yet"
    if member.since > current.opening:
        return f"node {participant.node} counts from the next round"
    if participant.node in log.updates:
        return f"{current.received} of {current.target(snapshot.terms)} updates are in"
    if not current.final:
        return f"global {current.number - 1} lacks attestations"
    if current.closable_since(snapshot.terms, now) is not None:
        return "the round is full and waits to be closed"
    return _barred(participant.node, log)


def _barred(node: int, log: RoundLog) -> str | None:
    mine = [rejection for rejection in log.rejections if rejection.update.node == node]
    if len(mine) >= MAX_ATTEMPTS or (mine and mine[-1].reason != _CURED_BY_SENDING_AGAIN):
        return _sits_out(mine[-1])
    return None


def _sits_out(rejection: Rejection) -> str:
    return (
        f"the update was rejected as {rejection.reason.label}: node {rejection.update.node} sits "
        "this round out; look at its data and settings"
    )


def _allowed(prepared: Prepared, snapshot: Snapshot, member: Member) -> bool:
    oldest = snapshot.latest.number - snapshot.terms.max_staleness
    return max(oldest, member.next_base) <= prepared.base <= snapshot.latest.number


def _prepare(
    participant: Participant, snapshot: Snapshot, progress: "Callable[[TrainingProgress], None]"
) -> Prepared:
    base, number = snapshot.latest, snapshot.round.number
    trained = participant.trainer.train(
        participant.federation.weights(base.weights),
        node=participant.node,
        round_=number,
        base_number=base.number,
        data=participant.data,
        progress=progress,
    )
    metadata = update_metadata(
        participant.federation.ledger.chain_id,
        participant.federation.ledger.federation,
        number,
        base,
        participant.node,
        trained.samples,
        finite_or_null(trained.metrics),
    )
    cid = participant.federation.store.put(Weights(trained.weights.tensors, metadata).pieces())
    return Prepared(base.number, cid, trained.samples)


def _send(participant: Participant, number: int, prepared: Prepared) -> Participation:
    update = Update(participant.node, number, prepared.base, prepared.weights, prepared.samples)
    try:
        participant.federation.ledger.set_local_weight(update)
    except RevertedError as error:
        return _refused(participant, update, prepared, error)
    except UnreachableError as error:
        return Waiting(number, str(error), prepared)
    return Submitted(update)


def _refused(
    participant: Participant, update: Update, prepared: Prepared, error: RevertedError
) -> Participation:
    standing = participant.federation.ledger.local_weight(update.node)
    if standing is not None and standing.round == update.round:
        return Submitted(standing, twin=standing.weights != update.weights)
    if error.name in _MOVED_ON:
        return Waiting(update.round, f"the round moved on: {error}", prepared)
    raise error
