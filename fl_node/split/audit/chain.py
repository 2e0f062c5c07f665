"""What the chain alone says of split learning, and whether it can be what the contract said."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fl_node.chain.epoch_signature import recover_epoch
from fl_node.chain.history import HistoryBreak, first_session_break
from fl_node.chain.ledger import LedgerEvent
from fl_node.chain.session_ledger import SessionLedger
from fl_node.chain.session_timeline import (
    Announced,
    RecordedEpoch,
    SessionTimeline,
    session_timeline_of,
)
from fl_node.errors import LedgerError, SignatureError
from fl_node.split.audit.finding import Finding, Reason, Who
from fl_node.split.channel.keys import is_weak, verify
from fl_node.split.opening import OpenedSession
from fl_node.split.record.phase import Party
from fl_node.split.record.signed import Verify, session_id

_READ_ATTEMPTS = 20


@dataclass(frozen=True)
class ChainAudit:
    """A contract's past, as far as its running history holds.

    :ivar timeline: None where not even the creation is the contract's own
    :ivar order: the recorded epochs of all nodes as they followed each other
    """

    chain_id: int
    contract: str
    timeline: SessionTimeline | None
    order: tuple[RecordedEpoch, ...]
    findings: tuple[Finding, ...]

    def session(self, node: int) -> bytes:
        """Name a node's session."""
        return session_id(self.chain_id, self.contract, node)

    def seed(self, node: int, epoch: int) -> bytes:
        """Give what an epoch's first records name as previous."""
        if epoch == 1 or self.timeline is None:
            return self.session(node)
        return self.timeline.sessions[node].epochs[epoch - 2].record.root

    def is_sound(self, node: int, epoch: int) -> bool:
        """Tell whether a node's epochs up to this one all have both accounts' signatures."""
        made_up = [each for each in self.findings if each.reason == Reason.WRONG_ACCOUNT]
        return not any(each.node == node and each.epoch <= epoch for each in made_up)

    def before(self, recorded: RecordedEpoch) -> RecordedEpoch | None:
        """Give the epoch, of any node, that was recorded just before."""
        index = self.order.index(recorded)
        return self.order[index - 1] if index else None

    def is_last(self, recorded: RecordedEpoch) -> bool:
        """Tell whether nobody trains after an epoch."""
        is_complete = self.timeline is not None and self.timeline.complete
        return is_complete and recorded == self.order[-1]

    def verifiers(
        self, node: int, accounts: Mapping[Party, str], until: int
    ) -> dict[Party, Verify]:
        """Say how each party's messages are checked: by any key that it had announced by then.

        :param until: in seconds since 1970
        """
        return {
            party: _by_any(
                [
                    said.announcement.key
                    for said in self.announced(node, party)
                    if said.account == accounts[party] and said.timestamp <= until
                ]
            )
            for party in Party
        }

    def announced(self, node: int, party: Party) -> tuple[Announced, ...]:
        """Give what a party of a node's session said of itself, in order."""
        if self.timeline is None:
            return ()
        if party is Party.PROVIDER:
            return self.timeline.announcements
        return self.timeline.sessions[node].announcements


def audit_chain(opened: OpenedSession) -> ChainAudit:
    """Recompute the running history and find whose signatures the epochs have.

    Where the events stop being the contract's own, what came before is looked at.

    :raises LedgerError: when the chain cannot be read, or lacks its newest events
    """
    ledger = opened.ledger
    events = read_session_events(ledger)
    broken = first_session_break(events, ledger.chain_id, ledger.contract)
    findings = [_broken(broken)] if broken else []
    whole = events[: broken.index] if broken else events
    if broken is not None and not whole:
        return ChainAudit(ledger.chain_id, ledger.contract, None, (), tuple(findings))
    timeline = session_timeline_of(whole)
    order = tuple(_in_order(whole, timeline))
    findings += _about_the_plan(opened, timeline)
    findings += _weak_keys(timeline)
    findings += [each for recorded in order for each in _about_accounts(ledger, recorded)]
    return ChainAudit(ledger.chain_id, ledger.contract, timeline, order, tuple(findings))


def read_session_events(ledger: SessionLedger) -> Sequence[LedgerEvent]:
    """Read a contract's events, up to the digest that the contract itself has.

    :raises LedgerError: when the two do not meet
    """
    for _ in range(_READ_ATTEMPTS):
        events = ledger.events()
        if not events or bytes(events[-1].values["history"]) == ledger.history():
            return events
    raise LedgerError(
        "the chain's events do not lead to the contract's own history: is the node still syncing, "
        "or does it hold something back? ask another"
    )


def _by_any(keys: Sequence[bytes]) -> Verify:
    """Check by the newest key first: most often it is the only one."""
    return lambda content, signature: any(verify(key, content, signature) for key in reversed(keys))


def _broken(broken: HistoryBreak) -> Finding:
    detail = (
        f"event {broken.index} ({broken.kind}) does not follow from those before it: whoever "
        "serves this chain changed it; nothing from there on is looked at"
    )
    return Finding(0, 0, 0, Reason.HISTORY, Who.NOBODY, detail)


def _in_order(events: Sequence[LedgerEvent], timeline: SessionTimeline) -> Iterator[RecordedEpoch]:
    for event in events:
        if event.kind == "EpochRecorded":
            node, epoch = event.values["nodeId"], event.values["epoch"]
            yield timeline.sessions[node].epochs[epoch - 1]


def _about_the_plan(opened: OpenedSession, timeline: SessionTimeline) -> list[Finding]:
    given, wanted = opened.plan.cid, timeline.plan
    if given == wanted:
        return []
    detail = f"this audit was given {given}, the contract began with {wanted}"
    return [Finding(0, 0, 0, Reason.PLAN, Who.NOBODY, detail)]


def _weak_keys(timeline: SessionTimeline) -> Iterator[Finding]:
    provider = [(Who.PROVIDER, said) for said in timeline.announcements]
    nodes = [(Who.NODE, said) for log in timeline.sessions.values() for said in log.announcements]
    for who, said in (*provider, *nodes):
        if is_weak(said.announcement.key):
            detail = f"{said.account} announced a key with which anybody can sign"
            yield Finding(said.announcement.node, 0, 0, Reason.WEAK_KEY, who, detail)


def _about_accounts(ledger: SessionLedger, recorded: RecordedEpoch) -> Iterator[Finding]:
    for party, account, signature in (
        (Party.NODE, recorded.node_account, recorded.node_signature),
        (Party.PROVIDER, recorded.provider_account, recorded.provider_signature),
    ):
        found = _signer(ledger, recorded, signature)
        if found != account:
            record = recorded.record
            detail = (
                f"the {party.value}'s signature should be {account}'s, found {found}: the "
                "contract takes no such record, so whoever serves this chain made it up"
            )
            yield Finding(record.node, record.epoch, 0, Reason.WRONG_ACCOUNT, Who.NOBODY, detail)


def _signer(ledger: SessionLedger, recorded: RecordedEpoch, signature: bytes) -> str:
    try:
        return recover_epoch(recorded.record, signature, ledger.chain_id, ledger.contract)
    except SignatureError as error:
        return f"nobody's ({error})"
