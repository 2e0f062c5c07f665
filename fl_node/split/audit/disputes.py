"""What one side alone recorded: checked, and where histories part, who changed his.

A side may first record that the other is silent, and then a dispute: when the other comes back with
another history. The dispute stands, and is judged; both records are checked, and held against each
other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fl_node.chain.epochs import Side
from fl_node.chain.session_timeline import RecordedAlone, SessionLog
from fl_node.split.audit.chain import ChainAudit
from fl_node.split.audit.finding import Finding, Reason, Who
from fl_node.split.audit.records import Claimed, Leaves, RecordsAudit, audit_records
from fl_node.split.opening import OpenedSession
from fl_node.split.record.phase import Party
from fl_node.split.record.schedule import Place
from fl_node.split.record.signed import SignedRecord

_PARTIES = {Side.NODE: Party.NODE, Side.PROVIDER: Party.PROVIDER}


@dataclass(frozen=True)
class SaidAlone:
    """An epoch as one side alone recorded it.

    :ivar by: its account
    :ivar root: in hexadecimal digits
    :ivar first_difference: the step from which it says that the histories part; 0 says that the
        other side does not sign
    :ivar stands: whether neither a record of both nor a dispute of the same side came after it
    """

    node: int
    epoch: int
    side: Party
    by: str
    root: str
    first_difference: int
    stands: bool


def said_alone(log: SessionLog) -> Iterator[SaidAlone]:
    """List what one side alone recorded of a node's epochs, in order."""
    for each in log.alone:
        record = each.record
        yield SaidAlone(
            node=record.node,
            epoch=record.epoch,
            side=_PARTIES[each.side],
            by=each.by,
            root=record.root.hex(),
            first_difference=record.first_difference,
            stands=each in log.last_words.values(),
        )


def audit_standing(opened: OpenedSession, chain: ChainAudit, log: SessionLog) -> list[Finding]:
    """Check what stands recorded by one side alone; judge the two sides where there are both."""
    checked = {
        side: audit_records(opened, _claimed(chain, log, said))
        for side, said in log.last_words.items()
    }
    findings = [each for audit in checked.values() for each in audit.findings]
    for said in _overtaken(log):
        before, last = audit_records(opened, _claimed(chain, log, said)), checked[said.side]
        who = last.claimed.by if said.by == log.last_words[said.side].by else Who.NOBODY
        findings += [*before.findings, *_about_two_roots(before, last, who)]
    if _is_disputed(list(log.last_words.values())):
        findings.append(_judged(list(log.last_words.values()), checked))
    return findings


def _is_disputed(said: Sequence[RecordedAlone]) -> bool:
    """Tell whether a side says that the histories part, or the roots do."""
    return any(each.record.disputes for each in said) or len({e.record.root for e in said}) > 1


def _overtaken(log: SessionLog) -> Iterator[RecordedAlone]:
    """Give the records of silence after which the same side disputed with other records."""
    for said in log.standing:
        record, last = said.record, log.last_words[said.side].record
        if (record.steps, record.root, record.records) != (last.steps, last.root, last.records):
            yield said


def _about_two_roots(before: RecordsAudit, last: RecordsAudit, who: Who) -> Iterator[Finding]:
    """Hold a side's dispute against what it recorded before: no epoch is lived twice.

    :param who: the side, where both are of one account
    """
    roots = before.claimed.root, last.claimed.root
    if roots[0] == roots[1]:
        return
    detail = f"recorded alone with the root {roots[0].hex()}, disputed with {roots[1].hex()}"
    yield last.claimed.finding(Reason.OTHER_ROOT, who, detail)
    if before.leaves is not None and last.leaves is not None:
        yield from _signed_twice(before.leaves, last.leaves)


def _signed_twice(before: Leaves, last: Leaves) -> Iterator[Finding]:
    """Find the first place where a side's two histories part, if its sender has signed both."""
    place = _first_difference(before, last)
    if place is None:
        return
    sender = place.phase.sender
    if all(_holds(each.by_place.get(place), each, sender) for each in (before, last)):
        detail = f"the {sender.value} signed two records of {place}: this side shows both"
        yield last.claimed.finding(Reason.SIGNED_TWICE, Who.of(sender), detail, place.step)


def _claimed(chain: ChainAudit, log: SessionLog, said: RecordedAlone) -> Claimed:
    timeline, party = chain.timeline, _PARTIES[said.side]
    provider = timeline.provider if timeline is not None else ""
    accounts = {Party.NODE: log.account or "", Party.PROVIDER: provider, party: said.by}
    return Claimed.on_chain(chain, said.record, Who.of(party), accounts, said.timestamp)


def _judged(said: Sequence[RecordedAlone], checked: Mapping[Side, RecordsAudit]) -> Finding:
    record = said[0].record
    step = next((each.record.first_difference for each in said if each.record.disputes), 0)
    both = [checked[side].leaves for side in (Side.NODE, Side.PROVIDER) if side in checked]
    if len(both) < len(Side) or None in both:
        detail = "only one side's records are there, so nobody can say who changed his"
        return Finding(record.node, record.epoch, step, Reason.DISPUTE, Who.NOBODY, detail)
    node, provider = (leaves for leaves in both if leaves is not None)
    return _parted(node, provider)


def _parted(node: Leaves, provider: Leaves) -> Finding:
    """Find the first place where two epochs part, and whom the signatures there convict."""
    claimed, place = node.claimed, _first_difference(node, provider)
    if place is None:
        detail = "both sides have the same records, though they say that they part"
        return claimed.finding(Reason.DISPUTE, Who.NOBODY, detail)
    sender = place.phase.sender
    who, said = _convicted(
        sender,
        _holds(node.by_place.get(place), node, sender),
        _holds(provider.by_place.get(place), provider, sender),
    )
    return claimed.finding(Reason.DISPUTE, who, f"{place} differs: {said}", place.step)


def _first_difference(one: Leaves, other: Leaves) -> Place | None:
    places = sorted(one.by_place.keys() | other.by_place.keys())
    return next(
        (each for each in places if one.by_place.get(each) != other.by_place.get(each)), None
    )


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
