"""What one side alone recorded: checked, and where histories part, who changed his."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fl_node.chain.epochs import Side
from fl_node.chain.session_timeline import RecordedAlone, SessionLog
from fl_node.split.audit.chain import ChainAudit
from fl_node.split.audit.finding import Finding, Reason, Who
from fl_node.split.audit.records import Claimed, Leaves, RecordsAudit, audit_records
from fl_node.split.opening import OpenedSession
from fl_node.split.record.phase import Party
from fl_node.split.record.signed import SignedRecord

_PARTIES = {Side.NODE: Party.NODE, Side.PROVIDER: Party.PROVIDER}


@dataclass(frozen=True)
class SaidAlone:
    """An epoch as one side alone recorded it.

    :ivar by: its account
    :ivar first_difference: the step from which it says that the histories part; 0 says that the
        other side does not sign
    :ivar stands: whether no record of both has healed it
    """

    node: int
    epoch: int
    side: Party
    by: str
    first_difference: int
    stands: bool


def said_alone(log: SessionLog) -> Iterator[SaidAlone]:
    """List what one side alone recorded of a node's epochs, in order."""
    for each in log.alone:
        record, stands = each.record, each in log.standing
        yield SaidAlone(
            record.node,
            record.epoch,
            _PARTIES[each.side],
            each.by,
            record.first_difference,
            stands,
        )


def audit_standing(opened: OpenedSession, chain: ChainAudit, log: SessionLog) -> list[Finding]:
    """Check what stands recorded by one side alone; judge the two sides where there are both."""
    newest = {_PARTIES[each.side]: each for each in log.standing}
    checked = {
        party: audit_records(opened, _claimed(chain, log, each, party))
        for party, each in newest.items()
    }
    findings = [each for audit in checked.values() for each in audit.findings]
    if any(each.record.disputes for each in newest.values()):
        findings.append(_judged(list(newest.values()), checked))
    return findings


def _claimed(chain: ChainAudit, log: SessionLog, said: RecordedAlone, party: Party) -> Claimed:
    record, timeline = said.record, chain.timeline
    provider = timeline.provider if timeline is not None else ""
    accounts = {Party.NODE: log.account or "", Party.PROVIDER: provider, party: said.by}
    return Claimed(
        node=record.node,
        epoch=record.epoch,
        steps=record.steps,
        root=record.root,
        records=record.records,
        session=chain.session(record.node),
        seed=chain.seed(record.node, record.epoch),
        by=Who.of(party),
        verify=chain.verifiers(record.node, accounts, said.timestamp),
    )


def _judged(said: Sequence[RecordedAlone], checked: dict[Party, RecordsAudit]) -> Finding:
    record = said[0].record
    step = next(each.record.first_difference for each in said if each.record.disputes)
    both = [checked[party].leaves for party in Party if party in checked]
    if len(both) < len(Party) or None in both:
        detail = "only one side's records are there, so nobody can say who changed his"
        return Finding(record.node, record.epoch, step, Reason.DISPUTE, Who.NOBODY, detail)
    node, provider = (leaves for leaves in both if leaves is not None)
    return _parted(node, provider)


def _parted(node: Leaves, provider: Leaves) -> Finding:
    """Find the first place where two epochs part, and whom the signatures there convict."""
    claimed = node.claimed
    places = sorted(node.by_place.keys() | provider.by_place.keys())
    for place in places:
        mine, theirs = node.by_place.get(place), provider.by_place.get(place)
        if mine != theirs:
            sender = place.phase.sender
            who, said = _convicted(
                sender, _holds(mine, node, sender), _holds(theirs, provider, sender)
            )
            return claimed.finding(Reason.DISPUTE, who, f"{place} differs: {said}", place.step)
    detail = "both sides have the same records, and at least one calls it a dispute"
    return claimed.finding(Reason.DISPUTE, Who.NOBODY, detail)


def _holds(signed: SignedRecord | None, leaves: Leaves, sender: Party) -> bool:
    return signed is not None and signed.is_signed(leaves.claimed.verify[sender])


def _convicted(sender: Party, node_holds: bool, provider_holds: bool) -> tuple[Who, str]:
    if node_holds and provider_holds:
        return Who.of(sender), f"the {sender.value} has signed both"
    if node_holds:
        return Who.PROVIDER, f"the provider shows what the {sender.value} has not signed"
    if provider_holds:
        return Who.NODE, f"the node shows what the {sender.value} has not signed"
    return Who.BOTH, f"the {sender.value} has signed neither"
