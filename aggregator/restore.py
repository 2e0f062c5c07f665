"""A global that nobody serves, made again from its updates: the same bits, whoever makes them."""

from aggregator.admission import Refusal
from aggregator.recompute import judge, recompute
from fl_node.chain.timeline import read_timeline
from fl_node.errors import StoreError, StoreUnreachableError, StrategyError, WeightsError
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
        verdicts = {node: judge(federation, timeline, each) for node, each in log.updates.items()}
        admitted = {
            node: verdict for node, verdict in verdicts.items() if not isinstance(verdict, Refusal)
        }
        found = recompute(federation, timeline, log, admitted).weights
    except StoreUnreachableError:
        raise
    except (StoreError, StrategyError, WeightsError):
        return False
    return federation.store.put(found.pieces()) == log.closing.model.weights
