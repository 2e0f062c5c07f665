"""A global that nobody serves, made again from its updates: the same bits, whoever makes them."""

from aggregator.recompute import recompute_recorded
from fl_node.chain.timeline import read_timeline
from fl_node.errors import StoreError, StrategyError, WeightsError
from fl_node.federation import Federation


def restore_latest(federation: Federation) -> bool:
    """Recompute the latest global from its updates and store it, if it comes out as recorded.

    :returns: whether the store has it now
    """
    _, timeline = read_timeline(federation.ledger)
    log = timeline.rounds.get(timeline.open_number - 1)
    if log is None or log.closing is None or federation.store.holds(log.closing.model.weights):
        return False
    try:
        found = recompute_recorded(federation, timeline, log).weights
    except (StoreError, StrategyError, WeightsError):
        return False
    return federation.store.put(found.pieces()) == log.closing.model.weights
