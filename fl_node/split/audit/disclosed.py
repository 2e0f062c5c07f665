"""What disclosed folders show: each of their epochs checked, and recomputed where that can be."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fl_node.chain.session_timeline import RecordedEpoch
from fl_node.errors import FlnodeError
from fl_node.split.audit.averages import AveragesAudit
from fl_node.split.audit.chain import ChainAudit
from fl_node.split.audit.finding import REPRODUCED, Finding, Verdict
from fl_node.split.audit.folder import Owner, audit_upper, find_owners
from fl_node.split.audit.kept import (
    KeptEpoch,
    audit_checkpoint,
    audit_kept,
    audit_start,
    kept_records,
)
from fl_node.split.audit.records import Leaves, RecordsAudit, check_leaves, root_of
from fl_node.split.audit.steps import StepsAudit, unverifiable
from fl_node.split.averages import Average, average_file
from fl_node.split.data_owner import DataOwner
from fl_node.split.epoch import Learner
from fl_node.split.opening import OpenedSession
from fl_node.split.provider import Provider
from fl_node.split.record.phase import Party
from fl_node.split.upper import UpperPart
from fl_node.split.wire.boundaries import Boundaries
from fl_node.weights import Weights

BuildOwner = Callable[[int], DataOwner]


@dataclass
class Learners:
    """Builds what recomputes a party's steps, once each.

    :ivar data_owner: builds a node's parts with its data; None when the data are not disclosed
    """

    opened: OpenedSession
    data_owner: BuildOwner | None
    threads: int | None
    _built: dict[tuple[Path, int], Learner | str] = field(default_factory=dict)

    def of(self, owner: Owner, upper: UpperPart | None) -> Learner | str:
        """Give it, or say why there is none."""
        in_common = owner.party is Party.PROVIDER and not self.opened.plan.is_parallel
        key = owner.contract, 0 if in_common else owner.node
        if key not in self._built:
            try:
                self._built[key] = self._build(owner, upper)
            except FlnodeError as error:
                self._built[key] = str(error)
        return self._built[key]

    def _build(self, owner: Owner, upper: UpperPart | None) -> Learner | str:
        if owner.party is Party.PROVIDER:
            if upper is None:
                return "the provider's part is not there, or is another"
            return Provider(self.opened.plan, upper, node=owner.node, threads=self.threads)
        if self.data_owner is None:
            return "it takes the data owner's data"
        return self.data_owner(owner.node)


@dataclass
class DisclosedAudit:
    """Checks what parties disclose.

    :ivar checked: the recorded epochs with their records
    :ivar average: of parallel training
    """

    opened: OpenedSession
    chain: ChainAudit
    checked: Mapping[RecordedEpoch, RecordsAudit]
    learners: Learners
    average: Average
    tolerance: float
    say: Callable[[str], None]
    findings: list[Finding] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    def run(self, folders: Sequence[Path]) -> None:
        """Check each session in these folders."""
        self._boundaries = Boundaries.of_plan(self.opened.plan)
        self._uppers: dict[Path, UpperPart | None] = {}
        owners, unknown = find_owners(self.chain, folders)
        self.verdicts += unknown
        for owner in owners:
            upper = self._upper(owner) if owner.party is Party.PROVIDER else None
            self._uppers[owner.contract] = upper
            for recorded, audit in self.checked.items():
                if recorded.record.node == owner.node:
                    self._epoch(owner, recorded, audit, upper)
        if self.opened.plan.is_parallel:
            for party in Party:
                self._averages(owners, party)

    def _upper(self, owner: Owner) -> UpperPart | None:
        found = audit_upper(self.opened, owner)
        if isinstance(found, Finding):
            self.findings.append(found)
        elif isinstance(found, Verdict):
            self.verdicts.append(found)
        else:
            detail = "the plan commits the provider to it"
            self.verdicts.append(owner.verdict(0, 0, "upper-part", REPRODUCED, detail))
            return found
        return None

    def _epoch(
        self, owner: Owner, recorded: RecordedEpoch, audit: RecordsAudit, upper: UpperPart | None
    ) -> None:
        epoch = recorded.record.epoch
        self._note(audit_checkpoint(owner, recorded, self.chain))
        leaves = audit.leaves or self._own_leaves(owner, audit)
        if leaves is None:
            return
        before = self._before(owner, recorded)
        if before is not None and (found := audit_start(owner, epoch, before)) is not None:
            self._note(found)
        kept, findings = audit_kept(self._boundaries, owner, recorded, leaves)
        self.findings += findings
        self.say(f"{owner.who}, node {owner.node}, epoch {epoch}: what is kept is checked")
        if kept.runs:
            self._recompute(kept, upper)

    def _recompute(self, kept: KeptEpoch, upper: UpperPart | None) -> None:
        learner = self.learners.of(kept.owner, upper)
        if isinstance(learner, str):
            self.verdicts += unverifiable(kept, learner)
            return
        steps = StepsAudit(
            self._boundaries,
            kept,
            learner,
            self.tolerance,
            begin=self._beginning(kept, learner),
            is_last=self.opened.plan.is_parallel or self.chain.is_last(kept.recorded),
        )
        steps.run()
        self.findings += steps.findings
        self.verdicts += steps.verdicts
        owner = kept.owner
        self.say(f"{owner.who}, node {owner.node}, epoch {kept.epoch}: its steps are recomputed")

    def _beginning(self, kept: KeptEpoch, learner: Learner) -> Callable[[], None] | None:
        """Say what an epoch begins with, if it is not where the one before ended."""
        if not self.opened.plan.is_parallel:
            return learner.begin if self.chain.before(kept.recorded) is None else None
        if kept.epoch == 1:
            return learner.begin
        path = average_file(kept.owner.contract, kept.epoch - 1)
        if not path.exists():
            return None
        return lambda: learner.begin(kept.epoch, Weights.read(path))

    def _averages(self, owners: Sequence[Owner], party: Party) -> None:
        plan = self.opened.plan.training
        by_epoch: dict[int, list[int]] = {}
        for recorded in self.checked:
            by_epoch.setdefault(recorded.record.epoch, []).append(recorded.record.node)
        audit = AveragesAudit(
            {owner.node: owner for owner in owners if owner.party is party},
            {epoch: sorted(nodes) for epoch, nodes in by_epoch.items()},
            lambda owner: self.learners.of(owner, self._uppers[owner.contract]),
            lambda base, shares: self.average(plan, base, shares),
        )
        for found in audit.run():
            self._note(found)

    def _own_leaves(self, owner: Owner, audit: RecordsAudit) -> Leaves | None:
        """Take the party's own copy of the records where the store has none and the root is it."""
        content = kept_records(owner, audit.claimed.epoch)
        if audit.findings and content and root_of(content) == audit.claimed.root:
            found = check_leaves(content, audit.claimed, self.opened.plan)
            self.findings += found.findings
            return found.leaves
        return None

    def _before(self, owner: Owner, recorded: RecordedEpoch) -> Path | None:
        """Say where the state is that this epoch of this party's began with, if it has it.

        In turns the provider goes on from whichever session came before; a data owner that another
        one handed its part to has not got that one's.
        """
        before = self.chain.before(recorded)
        if before is None or self.opened.plan.is_parallel:
            return None
        is_same = before.record.node == recorded.record.node
        if owner.party is Party.NODE:
            return owner.checkpoint(before.record.epoch) if is_same else None
        if before.provider_account != recorded.provider_account:
            return None
        session = self.chain.session(before.record.node)
        return owner.of_session(session).checkpoint(before.record.epoch)

    def _note(self, found: tuple[Verdict, list[Finding]]) -> None:
        self.verdicts.append(found[0])
        self.findings += found[1]
