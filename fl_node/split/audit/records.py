"""The published records of an epoch: fetched by their name, and checked leaf by leaf."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fl_node.chain.epochs import EpochRecord, LoneRecord
from fl_node.cid import Cid
from fl_node.errors import DigestMismatchError, SplitError, StoreError
from fl_node.split.audit.chain import ChainAudit
from fl_node.split.audit.finding import Finding, Reason, Who
from fl_node.split.opening import OpenedSession
from fl_node.split.plan import SplitPlan
from fl_node.split.record.history import History, Peer, check_records
from fl_node.split.record.merkle import Tree
from fl_node.split.record.phase import Party, Phase
from fl_node.split.record.records import decode_records
from fl_node.split.record.refusal import Refusal, RefusedError, UnfitError
from fl_node.split.record.schedule import Place, Schedule
from fl_node.split.record.signed import LEAF_BYTES, SignedRecord, Verify

_MOST_MESSAGES_A_STEP = 4
_NO_SIGNATURE = Refusal.WRONG_SIGNATURE


@dataclass(frozen=True)
class Claimed:
    """What somebody signed on the chain of an epoch's records.

    :ivar seed: what the first records name as previous
    :ivar by: who answers for it: both parties, or the one that recorded it alone
    :ivar verify: by party, of the keys that it had announced by then
    """

    node: int
    epoch: int
    steps: int
    root: bytes
    records: Cid
    session: bytes
    seed: bytes
    by: Who
    verify: Mapping[Party, Verify]

    @classmethod
    def on_chain(
        cls,
        chain: ChainAudit,
        record: EpochRecord | LoneRecord,
        by: Who,
        accounts: Mapping[Party, str],
        timestamp: int,
    ) -> "Claimed":
        """Take what a recorded epoch says.

        :param accounts: that the parties had when it was recorded
        :param timestamp: of that, in seconds since 1970
        """
        return cls(
            node=record.node,
            epoch=record.epoch,
            steps=record.steps,
            root=record.root,
            records=record.records,
            session=chain.session(record.node),
            seed=chain.seed(record.node, record.epoch),
            by=by,
            verify=chain.verifiers(record.node, accounts, timestamp),
        )

    def finding(self, reason: str, who: Who, detail: str, step: int = 0) -> Finding:
        """Say what does not hold in this epoch."""
        return Finding(self.node, self.epoch, step, reason, who, detail)


@dataclass(frozen=True)
class Leaves:
    """An epoch's records as somebody signed them, whether or not they hold.

    :ivar schedule: what the epoch consists of by these records
    """

    claimed: Claimed
    content: bytes
    schedule: Schedule
    by_place: Mapping[Place, SignedRecord] = field(repr=False)


@dataclass(frozen=True)
class RecordsAudit:
    """What is known of an epoch's records.

    :ivar leaves: None where they cannot be had, or be read
    """

    claimed: Claimed
    leaves: Leaves | None
    findings: tuple[Finding, ...]


def audit_records(opened: OpenedSession, claimed: Claimed) -> RecordsAudit:
    """Fetch an epoch's records from the store and check them."""
    try:
        content = opened.store.read(
            claimed.records,
            max_bytes=claimed.steps * _MOST_MESSAGES_A_STEP * LEAF_BYTES,
            timeout_seconds=opened.plan.training.fetch_timeout_seconds,
        )
    except StoreError as error:
        is_damaged = isinstance(error, DigestMismatchError)
        reason = Reason.RECORDS_DAMAGED if is_damaged else Reason.RECORDS_MISSING
        return RecordsAudit(claimed, None, (claimed.finding(reason, Who.NOBODY, str(error)),))
    return check_leaves(content, claimed, opened.plan)


def check_leaves(content: bytes, claimed: Claimed, plan: SplitPlan) -> RecordsAudit:
    """Check an epoch's leaves: the root over them, each signature, what follows what."""
    findings = _about_the_root(content, claimed)
    try:
        records = decode_records(content, claimed.session, claimed.epoch)
        schedule = _schedule(records, claimed.steps, plan)
    except UnfitError as error:
        findings.append(claimed.finding(error.refusal.label, claimed.by, error.detail))
        return RecordsAudit(claimed, None, tuple(findings))
    except SplitError as error:
        findings.append(claimed.finding(Reason.INCOMPLETE, claimed.by, str(error)))
        return RecordsAudit(claimed, None, tuple(findings))
    findings += _about_the_order(records, claimed, schedule)
    by_place = {Place(each.record.step, each.record.phase): each for each in records}
    return RecordsAudit(claimed, Leaves(claimed, content, schedule, by_place), tuple(findings))


def root_of(content: bytes) -> bytes:
    """Give the root of the tree over the leaves in a records file."""
    return Tree(content[i : i + LEAF_BYTES] for i in range(0, len(content), LEAF_BYTES)).root


def _about_the_root(content: bytes, claimed: Claimed) -> list[Finding]:
    found = root_of(content)
    if found == claimed.root:
        return []
    detail = f"the leaves give the root {found.hex()}, signed is {claimed.root.hex()}"
    return [claimed.finding(Reason.WRONG_ROOT, claimed.by, detail)]


def _schedule(records: list[SignedRecord], steps: int, plan: SplitPlan) -> Schedule:
    """Tell from the records how many steps train: the chain has only the number of all steps."""
    training = sum(each.record.phase is Phase.GRADIENTS for each in records)
    return Schedule(plan.is_u_shaped, training, steps - training, plan.in_flight)


def _about_the_order(
    records: list[SignedRecord], claimed: Claimed, schedule: Schedule
) -> list[Finding]:
    history = History(claimed.session, claimed.epoch, claimed.seed, schedule)
    peers = {party: Peer(party, party.value, claimed.verify[party]) for party in Party}
    try:
        check_records(records, history, peers)
    except RefusedError as error:
        # Who published what the sender did not sign answers for it; else the sender does.
        who = claimed.by if error.refusal is _NO_SIGNATURE else Who(error.who)
        return [claimed.finding(error.refusal.label, who, error.detail, error.step)]
    except SplitError as error:
        return [claimed.finding(Reason.INCOMPLETE, claimed.by, str(error))]
    return []
