"""A wrong global gives way: after the grace any node may put the right one in its place."""

from aggregator.close import Closed, Closer
from aggregator.publish import publish
from aggregator.recompute import judge_all, recompute
from fl_node.chain.timeline import read_timeline
from fl_node.errors import RevertedError, StrategyError
from fl_node.late import late_nodes

# Another was faster, the grace is running on the chain's clock, or news came meanwhile.
_NOT_NOW = frozenset(
    {"AlreadyReplaced", "GraceRunning", "SameWeights", "StaleHistory", "WrongRound"}
)


def replace_latest(closer: Closer) -> Closed | None:
    """Put the right global over the same updates, if the latest is wrong, not final, and it is due.

    :returns: None when there is nothing to replace, or not yet, or no right one: an update stands
        that no honest closer had in, and only the owner can reopen the round
    :raises RevertedError: when the contract refuses for another reason than news on the chain
    """
    federation = closer.federation
    snapshot, timeline = read_timeline(federation.ledger)
    log = timeline.rounds.get(timeline.open_number - 1)
    due = snapshot.round.opened_at + snapshot.terms.grace_seconds
    if log is None or log.closing is None or snapshot.round.final or federation.ledger.now() < due:
        return None
    try:
        admitted = judge_all(federation, timeline, log)
    except StrategyError:
        return None
    right = recompute(federation, timeline, log, admitted).weights.cid()
    if right == log.closing.model.weights:
        return None
    try:
        model, report = publish(federation, closer.evaluate, timeline, log, admitted)
        return Closed(model, report, (), late_nodes(timeline, log))
    except RevertedError as error:
        if error.name not in _NOT_NOW:
            raise
    return None
