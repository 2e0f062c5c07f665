"""x did what, in which round, in which words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from aggregator.audit import Finding
from tests.adversaries.attacks import Finder, Found
from tests.adversaries.scene import Scene

_DISPUTE = re.compile(r"global (\d+) is (\w+) on the chain, node (\d+) recomputed (\w+): see .*")
_NOT_RECOMPUTED = "cannot be recomputed: the update of node"


@dataclass(frozen=True)
class Trace:
    """Something that was said of somebody.

    :ivar about: an actor's name
    """

    by: Finder
    about: str
    round: int
    words: str

    def shows(self, found: Found) -> bool:
        pattern = ".*".join(map(re.escape, found.words))
        return self.by is found.by and re.search(pattern, self.words) is not None


def traces(scene: Scene) -> list[Trace]:
    return [
        *_rejections(scene),
        *_refusals(scene),
        *_disputes(scene),
        *_findings(scene),
        *_verdicts(scene),
        *_words_on_good_globals(scene),
        *_unrecomputable(scene),
        *_stand_ins(scene),
        *scene.seen,
    ]


def _rejections(scene: Scene) -> Iterator[Trace]:
    """Read from the chain what the honest header took out."""
    for log in scene.timeline.rounds.values():
        for each in log.rejections:
            if scene.actor_of(each.by) not in scene.liars_here:
                who = scene.name_of(each.update.node)
                yield Trace(Finder.HEADER, who, log.number, each.reason.label)


def _refusals(scene: Scene) -> Iterator[Trace]:
    """Read what liars called in vain; an honest call may come too late, too."""
    for each in scene.refused:
        if each.sender in scene.liars_here:
            yield Trace(Finder.CONTRACT, each.sender, each.round, str(each.error))


def _disputes(scene: Scene) -> Iterator[Trace]:
    """Read what every honest node printed of a global that is wrong: about who put it."""
    nodes = [role for role in scene.honest_roles if scene.nodes.get(role.name)]
    put = {
        str(closing.model.weights): scene.actor_of(closing.by)
        for log in scene.timeline.rounds.values()
        for closing in log.closings
    }
    said = [{m[0]: m for line in role.lines if (m := _DISPUTE.search(line))} for role in nodes]
    for wrong in put:
        words = [next((m for m in each.values() if m[2] == wrong), None) for each in said]
        if words and all(words):
            yield Trace(Finder.NODES, put[wrong], int(words[0][1]), words[0][0])


def _unrecomputable(scene: Scene) -> Iterator[Trace]:
    """Read what every honest node printed of a round with an update in it that may not be in."""
    nodes = [role for role in scene.honest_roles if scene.nodes.get(role.name)]
    said = [{line for line in role.lines if _NOT_RECOMPUTED in line} for role in nodes]
    for line in set.intersection(*said) if said else ():
        number = int(line.partition("round ")[2].split()[0])
        yield Trace(Finder.NODES, scene.headers[number], number, line)


def _findings(scene: Scene) -> Iterator[Trace]:
    for each in scene.audit.findings:
        for who in _blamed(scene, each):
            yield Trace(Finder.AUDIT, who, each.round, f"{each.reason}: {each.detail}")


def _blamed(scene: Scene, finding: Finding) -> list[str]:
    """Name who did what an audit found: the chain says who rejected, sent and closed."""
    log = scene.timeline.rounds[finding.round]
    if finding.reason == "contradicted-rejection":
        by = [each.by for each in log.rejections if each.update.node == finding.node]
        return [scene.actor_of(account) for account in by]
    sender = [] if finding.node is None else [scene.name_of(finding.node)]
    return [scene.actor_of(log.closing.by), *sender]


def _verdicts(scene: Scene) -> Iterator[Trace]:
    for checked in scene.audit.rounds:
        for each in checked.rejections:
            label = each.rejection.reason.label
            words = f"rejection as {label} {each.verdict}: {each.found}"
            closer = scene.actor_of(each.rejection.by)
            sender = scene.name_of(each.rejection.update.node)
            who = closer if closer in scene.liars_here else sender
            yield Trace(Finder.AUDIT, who, checked.number, words)


def _words_on_good_globals(scene: Scene) -> Iterator[Trace]:
    """Find who disputes a global that stayed, and in which an audit finds nothing."""
    wrong = {each.round for each in scene.audit.findings}
    for checked in scene.audit.rounds:
        stayed = {word.node for word in scene.timeline.rounds[checked.number].attestations}
        for node in checked.disputes:
            if checked.number not in wrong and not _was_replaced(scene, checked.number):
                assert node in stayed
                words = "attests another global: a dispute"
                yield Trace(Finder.AUDIT, scene.name_of(node), checked.number, words)


def _was_replaced(scene: Scene, number: int) -> bool:
    return len(scene.timeline.rounds[number].closings) > 1


def _stand_ins(scene: Scene) -> Iterator[Trace]:
    """Find rounds that a node closed in the place of a header that did not."""
    for log in scene.timeline.rounds.values():
        closer = log.closings and scene.nodes.get(scene.actor_of(log.closings[0].by))
        if closer and log.number in scene.headers:
            words = f"GlobalWeightSet by node {closer}"
            yield Trace(Finder.NODES, scene.headers[log.number], log.number, words)
