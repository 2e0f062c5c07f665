"""What happened in split learning, folded from the contract's events into sessions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fl_node.chain.epochs import (
    EVERYONE,
    PROVIDER,
    Announcement,
    EpochRecord,
    HandOver,
    LoneRecord,
    Side,
    SplitTerms,
)
from fl_node.chain.folding import folded
from fl_node.chain.ledger import LedgerEvent
from fl_node.chain.session_ledger import SessionLedger
from fl_node.cid import Cid
from fl_node.errors import LedgerError

_READ_ATTEMPTS = 20


@dataclass(frozen=True)
class Announced:
    """What a party said of itself, by which account and when.

    :ivar timestamp: of the block, in seconds since 1970
    """

    announcement: Announcement
    account: str
    timestamp: int


@dataclass(frozen=True)
class RecordedEpoch:
    """An epoch that both parties signed.

    :ivar node_account: whose signature the node's must be, and so for the provider's
    :ivar timestamp: of the block, in seconds since 1970
    """

    record: EpochRecord
    node_signature: bytes
    provider_signature: bytes
    node_account: str
    provider_account: str
    timestamp: int


@dataclass(frozen=True)
class RecordedAlone:
    """An epoch as one side alone says it was.

    :ivar by: that side's account
    :ivar timestamp: of the block, in seconds since 1970
    """

    record: LoneRecord
    side: Side
    by: str
    timestamp: int


@dataclass(frozen=True)
class HandedOn:
    """A lower part that a node gave to another, or to all others.

    :ivar timestamp: of the block, in seconds since 1970
    """

    hand_over: HandOver
    timestamp: int


@dataclass(frozen=True)
class SessionLog:
    """One node with the provider, from its first registration on.

    :ivar account: None once it was removed
    :ivar epochs: those with both signatures, in order, from epoch 1
    :ivar alone: what one side alone said, in order; what was healed since, too
    :ivar hand_overs: of this node's part to others, in order
    """

    node: int
    account: str | None
    announcements: tuple[Announced, ...] = ()
    epochs: tuple[RecordedEpoch, ...] = ()
    alone: tuple[RecordedAlone, ...] = ()
    hand_overs: tuple[HandedOn, ...] = ()

    @property
    def standing(self) -> tuple[RecordedAlone, ...]:
        """What one side alone said of the next epoch, which nothing has healed."""
        following = len(self.epochs) + 1
        return tuple(each for each in self.alone if each.record.epoch == following)

    @property
    def last_words(self) -> Mapping[Side, RecordedAlone]:
        """What of it is each side's last: its dispute, where it first recorded silence."""
        return {each.side: each for each in self.standing}

    @property
    def one_sided(self) -> tuple[RecordedAlone, ...]:
        """Records that the other side did not sign by the deadline, healed or not."""
        return tuple(each for each in self.alone if not each.record.disputes)

    @property
    def disputes(self) -> tuple[RecordedAlone, ...]:
        """Records from which the other side's history parts, healed or not."""
        return tuple(each for each in self.alone if each.record.disputes)


@dataclass(frozen=True)
class SessionTimeline:
    """Split learning from the contract's creation to its newest event.

    :ivar announcements: the provider's, by all accounts that it had, in order
    :ivar sessions: by node
    :ivar owner_acts: everything that the owner did after the creation
    :ivar history: the running digest after the last event
    """

    plan: Cid
    terms: SplitTerms
    provider: str
    owner: str
    history: bytes
    announcements: tuple[Announced, ...] = ()
    sessions: Mapping[int, SessionLog] = field(default_factory=dict)
    owner_acts: tuple[LedgerEvent, ...] = ()

    @property
    def accounts(self) -> Mapping[int, str]:
        """Give the registered nodes' accounts, and the provider's as that of node 0."""
        nodes = {node: log.account for node, log in self.sessions.items() if log.account}
        return {PROVIDER: self.provider, **nodes}

    @property
    def complete(self) -> bool:
        """Whether every registered node's last epoch is recorded."""
        registered = [log for log in self.sessions.values() if log.account]
        done = [len(log.epochs) == self.terms.epochs for log in registered]
        return bool(done) and all(done)

    def node_of(self, account: str | None) -> int | None:
        """Look up whose account it is, 0 for the provider's; None when it is nobody's."""
        return next((node for node, each in self.accounts.items() if each == account), None)

    def announcement(self, node: int, now: float) -> Announcement | None:
        """Give what a party said of itself last under its account of now, if it still holds.

        :param node: 0 is the provider
        :param now: in seconds since 1970
        """
        account = self.accounts.get(node)
        said = self.announcements if node == PROVIDER else self._log(node).announcements
        own = [each.announcement for each in said if each.account == account]
        return own[-1] if own and own[-1].expires > now else None

    def _log(self, node: int) -> SessionLog:
        return self.sessions.get(node) or SessionLog(node, None)


def session_timeline_of(events: Iterable[LedgerEvent]) -> SessionTimeline:
    """Fold a contract's events, from its creation on.

    :raises LedgerError: when they do not begin with the creation, or do not fit each other
    """
    stream = iter(events)
    first = next(stream, None)
    if first is None or first.kind != "SplitSessionCreated":
        raise LedgerError("the chain has no split session at this address: check it and the chain")
    timeline = _created(first.values)
    for event in stream:
        timeline = _followed(timeline, event)
    return timeline


def read_session_timeline(ledger: SessionLedger) -> SessionTimeline:
    """Read the events up to the contract's own digest, and fold them.

    :raises LedgerError: when the chain moves faster than it can be read
    """
    for _ in range(_READ_ATTEMPTS):
        events = ledger.events()
        if _newest_digest(events) == ledger.history():
            return session_timeline_of(events)
    raise LedgerError("the chain's events and its state do not agree: is the node still syncing?")


def _newest_digest(events: Sequence[LedgerEvent]) -> bytes:
    return bytes(events[-1].values["history"]) if events else b""


def _followed(timeline: SessionTimeline, event: LedgerEvent) -> SessionTimeline:
    timeline = folded(_FOLDS, timeline, event)
    return replace(timeline, history=event.values["history"])


def _created(values: Mapping[str, Any]) -> SessionTimeline:
    return SessionTimeline(
        plan=Cid(values["plan"]),
        terms=SplitTerms(*values["terms"]),
        provider=values["provider"],
        owner=values["owner"],
        history=values["history"],
    )


def _with_log(timeline: SessionTimeline, log: SessionLog) -> SessionTimeline:
    return replace(timeline, sessions={**timeline.sessions, log.node: log})


def _registered_log(timeline: SessionTimeline, node: int) -> tuple[SessionLog, str]:
    """Give a node's log and account.

    :raises KeyError: when it is not registered
    """
    log = timeline.sessions[node]
    if log.account is None:
        raise KeyError(node)
    return log, log.account


def _require_next(log: SessionLog, epoch: int) -> None:
    if epoch != len(log.epochs) + 1:
        raise ValueError(f"epoch {epoch} after {len(log.epochs)}")


def _require_more(log: SessionLog, said: RecordedAlone) -> None:
    before = log.last_words.get(said.side)
    if before is not None and (before.record.disputes or not said.record.disputes):
        raise ValueError(f"epoch {said.record.epoch} again by the {said.side.name}")


def _node_registered(timeline: SessionTimeline, event: LedgerEvent) -> SessionTimeline:
    node = event.values["nodeId"]
    log = timeline.sessions.get(node) or SessionLog(node, None)
    return _owner_act(_with_log(timeline, replace(log, account=event.values["account"])), event)


def _node_removed(timeline: SessionTimeline, event: LedgerEvent) -> SessionTimeline:
    log, _ = _registered_log(timeline, event.values["nodeId"])
    return _owner_act(_with_log(timeline, replace(log, account=None)), event)


def _provider_set(timeline: SessionTimeline, event: LedgerEvent) -> SessionTimeline:
    return _owner_act(replace(timeline, provider=event.values["provider"]), event)


def _owner_act(timeline: SessionTimeline, event: LedgerEvent) -> SessionTimeline:
    return replace(timeline, owner_acts=(*timeline.owner_acts, event))


def _announced(timeline: SessionTimeline, event: LedgerEvent) -> SessionTimeline:
    values = event.values
    announcement = Announcement(
        node=values["nodeId"],
        key=values["key"],
        certificate=values["certificate"],
        # Whatever bytes a party sent: what is no text leads nowhere.
        endpoint=values["endpoint"].decode(errors="replace"),
        expires=values["expires"],
    )
    said = Announced(announcement, values["account"], event.timestamp)
    if announcement.node == PROVIDER:
        return replace(timeline, announcements=(*timeline.announcements, said))
    log, _ = _registered_log(timeline, announcement.node)
    return _with_log(timeline, replace(log, announcements=(*log.announcements, said)))


def _epoch_recorded(timeline: SessionTimeline, event: LedgerEvent) -> SessionTimeline:
    values = event.values
    record = EpochRecord(
        node=values["nodeId"],
        epoch=values["epoch"],
        steps=values["steps"],
        root=values["root"],
        records=Cid(values["records"]),
        node_checkpoint=values["nodeCheckpoint"],
        provider_checkpoint=values["providerCheckpoint"],
    )
    log, account = _registered_log(timeline, record.node)
    _require_next(log, record.epoch)
    recorded = RecordedEpoch(
        record=record,
        node_signature=values["nodeSignature"],
        provider_signature=values["providerSignature"],
        node_account=account,
        provider_account=timeline.provider,
        timestamp=event.timestamp,
    )
    return _with_log(timeline, replace(log, epochs=(*log.epochs, recorded)))


def _recorded_alone(timeline: SessionTimeline, event: LedgerEvent) -> SessionTimeline:
    values = event.values
    record = LoneRecord(
        node=values["nodeId"],
        epoch=values["epoch"],
        steps=values["steps"],
        root=values["root"],
        records=Cid(values["records"]),
        checkpoint=values["checkpoint"],
        first_difference=values["firstDifference"],
    )
    log, _ = _registered_log(timeline, record.node)
    _require_next(log, record.epoch)
    said = RecordedAlone(record, Side(values["side"]), values["by"], event.timestamp)
    _require_more(log, said)
    return _with_log(timeline, replace(log, alone=(*log.alone, said)))


def _handed_on(timeline: SessionTimeline, event: LedgerEvent) -> SessionTimeline:
    values = event.values
    named = values["fromNode"], values["toNode"], values["epoch"]
    given = HandedOn(HandOver(*named, Cid(values["weights"])), event.timestamp)
    log, _ = _registered_log(timeline, values["fromNode"])
    if values["toNode"] != EVERYONE:
        _registered_log(timeline, values["toNode"])
    if values["epoch"] > len(log.epochs):
        raise ValueError(f"epoch {values['epoch']} of {len(log.epochs)}")
    return _with_log(timeline, replace(log, hand_overs=(*log.hand_overs, given)))


_FOLDS: Mapping[str, Callable[[SessionTimeline, LedgerEvent], SessionTimeline]] = {
    "NodeRegistered": _node_registered,
    "NodeRemoved": _node_removed,
    "ProviderSet": _provider_set,
    "Announced": _announced,
    "EpochRecorded": _epoch_recorded,
    "RecordedAlone": _recorded_alone,
    "HandedOn": _handed_on,
}
