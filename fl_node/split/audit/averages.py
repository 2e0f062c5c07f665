"""The averages of parallel training, computed again from the checkpoints that parties disclose."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fl_node.errors import FlnodeError
from fl_node.split.audit.finding import (
    CONTRADICTED,
    REPRODUCED,
    UNVERIFIABLE,
    Finding,
    Reason,
    Verdict,
)
from fl_node.split.audit.folder import Owner
from fl_node.split.averages import Share, average_file
from fl_node.split.epoch import Learner
from fl_node.weights import Weights

Judged = tuple[Verdict, list[Finding]]


@dataclass(frozen=True)
class AveragesAudit:
    """The averages of one kind of party: the data owners, or the provider's sessions.

    :ivar owners: the disclosed folders of that kind, by node
    :ivar nodes: who has an epoch on the chain, by epoch
    :ivar learner: builds a node's, or says why there is none
    :ivar average: computes one, from what it started from and its shares
    """

    owners: Mapping[int, Owner]
    nodes: Mapping[int, Sequence[int]]
    learner: Callable[[Owner], Learner | str]
    average: Callable[[Weights, Sequence[Share]], Weights]

    def run(self) -> Iterator[Judged]:
        """Judge each epoch's average in every folder that has one."""
        for epoch, nodes in sorted(self.nodes.items()):
            found = self._computed(epoch, nodes)
            for owner in self._holders(epoch):
                yield _judged(owner, epoch, found)

    def _holders(self, epoch: int) -> Iterator[Owner]:
        """Give one owner of each folder; all sessions of a provider are in one."""
        by_folder = {owner.contract: owner for owner in self.owners.values()}
        for folder, owner in by_folder.items():
            if average_file(folder, epoch).exists():
                yield owner

    def _computed(self, epoch: int, nodes: Sequence[int]) -> Weights | str:
        missing = [node for node in nodes if node not in self.owners]
        if missing:
            return f"it takes what nodes {missing} had after the epoch, too"
        try:
            shares = [self._share(self.owners[node], epoch) for node in nodes]
            return self.average(self._base(self.owners[nodes[0]], epoch), shares)
        except (OSError, FlnodeError) as error:
            return str(error)

    def _base(self, owner: Owner, epoch: int) -> Weights:
        """Give what the epoch started from: only its numbers that are no fractions count."""
        if epoch > 1:
            return Weights.read(average_file(owner.contract, epoch - 1))
        return self._learner(owner).initial

    def _share(self, owner: Owner, epoch: int) -> Share:
        return Share(owner.node, *self._learner(owner).outcome(owner.checkpoint(epoch)))

    def _learner(self, owner: Owner) -> Learner:
        found = self.learner(owner)
        if isinstance(found, str):
            raise NoLearnerError(found)
        return found


class NoLearnerError(FlnodeError):
    """What a party trains cannot be built here."""


def _judged(owner: Owner, epoch: int, computed: Weights | str) -> Judged:
    if isinstance(computed, str):
        return owner.verdict(epoch, 0, "average", UNVERIFIABLE, computed), []
    path = average_file(owner.contract, epoch)
    try:
        is_same = Weights.read(path).same_tensors(computed)
    except (OSError, FlnodeError):
        is_same = False
    if is_same:
        return owner.verdict(epoch, 0, "average", REPRODUCED, "bit for bit", 0.0), []
    detail = f"{path} is not the average of what the nodes had after the epoch"
    wrong = owner.finding(epoch, 0, Reason.OTHER_AVERAGE, detail)
    return owner.verdict(epoch, 0, "average", CONTRADICTED, detail), [wrong]
