"""Check split learning from its chain, its records, and what parties disclose.

Whom what convicts:

* Both, by their accounts' signatures over the root and over the name of the records: a root that is
  not that of the leaves, a leaf that its sender did not sign, a message too few. One side alone
  answers so for what it recorded alone.
* A side, where its dispute names another root than its own record of the same epoch before it.
* A sender, by its key's signature over a record: an order, a previous digest or a body that may not
  be, and two records for one message.
* A folder's owner, where the folder is not what was signed: nobody else can have changed a body
  under a signed digest, a record under its sender's signature, or a checkpoint under the digest
  that the owner itself signed. (Whoever hands over a folder of somebody else's answers for it.)
* A folder's owner, where its own code on its own data gives other messages or another state than
  the ones that it signed.
* Nobody, where the chain or the store is not as it was: whoever serves it can have changed it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from pathlib import Path

from fl_node.chain.epochs import HandOver
from fl_node.chain.session_timeline import RecordedEpoch
from fl_node.split.audit.chain import ChainAudit, audit_chain
from fl_node.split.audit.disclosed import BuildOwner, DisclosedAudit, Learners
from fl_node.split.audit.disputes import SaidAlone, audit_standing, said_alone
from fl_node.split.audit.finding import Finding, Verdict, Who
from fl_node.split.audit.records import Claimed, RecordsAudit, audit_records
from fl_node.split.audit.steps import tolerance_of
from fl_node.split.averages import Average
from fl_node.split.opening import OpenedSession
from fl_node.split.record.phase import Party

PROVES = (
    "this proves that what is there agrees with the record that both parties signed, not that the "
    "data were real"
)


@dataclass(frozen=True)
class EpochChecked:
    """A recorded epoch whose records were looked at.

    :ivar leaves: None where its records cannot be had, or be read
    """

    node: int
    epoch: int
    steps: int
    leaves: int | None


@dataclass(frozen=True)
class SplitAudit:
    """Split learning in one contract, checked.

    :ivar findings: what does not hold, that of the chain first, then by node and epoch
    :ivar verdicts: on what disclosed folders show
    :ivar alone: what one side alone recorded: silence of the other, or disputes
    :ivar hand_overs: lower parts that a node gave to another, or to all others
    :ivar owner_acts: what the owner did, one line each
    :ivar tolerance: what was allowed between what was sent and what came out again
    :ivar proves: what all this says, and what not
    """

    epochs: tuple[EpochChecked, ...]
    findings: tuple[Finding, ...]
    verdicts: tuple[Verdict, ...]
    alone: tuple[SaidAlone, ...]
    hand_overs: tuple[HandOver, ...]
    owner_acts: tuple[str, ...]
    tolerance: float
    proves: str = PROVES

    @property
    def ok(self) -> bool:
        """Whether everything holds that could be checked."""
        return not self.findings

    @property
    def first_bad(self) -> Finding | None:
        """The first finding."""
        return self.findings[0] if self.findings else None


def audit_split(
    opened: OpenedSession,
    folders: Sequence[Path],
    say: Callable[[str], None],
    *,
    average: Average,
    data_owner: BuildOwner | None = None,
    threads: int | None = None,
    tolerance: float | None = None,
) -> SplitAudit:
    """Check everything that chain, store and folders allow; goes on after a finding.

    :param folders: that parties disclose: hosts', contracts' in them, or single sessions' there;
        nothing in them is changed
    :param say: takes a line about each thing that is done
    :param average: of what data owners in parallel brought
    :param data_owner: builds a node's parts with its data; without it nothing of a data owner's is
        recomputed
    :param threads: of TensorFlow, as the parties had them
    :param tolerance: None takes :func:`fl_node.split.audit.steps.tolerance_of`; 0 where the
        machine is of the same kind as the parties'
    :raises LedgerError: when the chain cannot be read, or lacks its newest events
    :raises FlnodeError: when the store does not answer, or a learner cannot be built
    """
    chain = audit_chain(opened)
    logs = () if chain.timeline is None else tuple(chain.timeline.sessions.values())
    checked = dict(_records(opened, chain, say))
    findings = [*chain.findings, *(each for audit in checked.values() for each in audit.findings)]
    sound = [log for log in logs if chain.is_sound(log.node, len(log.epochs))]
    findings += [each for log in sound for each in audit_standing(opened, chain, log)]
    allowed = tolerance_of(opened.plan.wire) if tolerance is None else tolerance
    learners = Learners(opened, data_owner, threads)
    disclosed = DisclosedAudit(opened, chain, checked, learners, average, allowed, say)
    disclosed.run(folders)
    return SplitAudit(
        epochs=tuple(starmap(_checked, checked.items())),
        findings=(*findings, *disclosed.findings),
        verdicts=tuple(disclosed.verdicts),
        alone=tuple(said for log in logs for said in said_alone(log)),
        hand_overs=tuple(each.hand_over for log in logs for each in log.hand_overs),
        owner_acts=_owner_acts(chain),
        tolerance=allowed,
    )


def _records(
    opened: OpenedSession, chain: ChainAudit, say: Callable[[str], None]
) -> Iterator[tuple[RecordedEpoch, RecordsAudit]]:
    for recorded in chain.order:
        record = recorded.record
        if not chain.is_sound(record.node, record.epoch):
            continue
        yield recorded, audit_records(opened, _claimed(chain, recorded))
        say(f"node {record.node}, epoch {record.epoch}: its records are checked")


def _claimed(chain: ChainAudit, recorded: RecordedEpoch) -> Claimed:
    accounts = {Party.NODE: recorded.node_account, Party.PROVIDER: recorded.provider_account}
    return Claimed.on_chain(chain, recorded.record, Who.BOTH, accounts, recorded.timestamp)


def _checked(recorded: RecordedEpoch, audit: RecordsAudit) -> EpochChecked:
    record = recorded.record
    leaves = None if audit.leaves is None else len(audit.leaves.by_place)
    return EpochChecked(record.node, record.epoch, record.steps, leaves)


def _owner_acts(chain: ChainAudit) -> tuple[str, ...]:
    acts = () if chain.timeline is None else chain.timeline.owner_acts
    return tuple(f"{act.kind} at block {act.block}" for act in acts)
