"""A node's word on a global: recompute it, and say on the chain what came out."""

from dataclasses import dataclass

from aggregator.recompute import recompute_recorded
from fl_node.chain.timeline import Attestation, RoundLog, Timeline, read_timeline
from fl_node.cid import Cid
from fl_node.errors import RevertedError
from fl_node.federation import Federation

# Something happened since the ledger was read: read it again.
_MOVED_ON = frozenset({"StaleHistory", "WrongRound"})


@dataclass(frozen=True)
class Attested:
    """What a node got for a global, and whether the chain has the same."""

    number: int
    expected: Cid
    found: Cid

    @property
    def agrees(self) -> bool:
        """Whether the node's recomputation and the chain have the same bits."""
        return self.expected == self.found


def attest(federation: Federation, node: int) -> Attested | None:
    """Recompute the latest global and attest it; None when there is none that this node has not.

    :raises FlnodeError: when it cannot be recomputed; nothing is said on the chain then
    """
    while True:
        _, timeline = read_timeline(federation.ledger)
        log = timeline.rounds.get(timeline.open_number - 1)
        if log is None or log.closing is None or _has_spoken(timeline, log, node):
            return None
        expected = recompute_recorded(federation, timeline, log).recomputable.weights
        try:
            federation.ledger.attest(node, log.number, expected, timeline.history)
        except RevertedError as error:
            if error.name not in _MOVED_ON:
                raise
        else:
            return Attested(log.number, expected, log.closing.model.weights)


def disputing_word(timeline: Timeline, node: int) -> Attestation | None:
    """Find a node's word on the latest global where it is another than the chain's."""
    log = timeline.rounds.get(timeline.open_number - 1)
    words = log.attestations if log else ()
    return next((word for word in words if word.node == node and not word.agrees), None)


def _has_spoken(timeline: Timeline, log: RoundLog, node: int) -> bool:
    return any((word.node, word.opening) == (node, timeline.opening) for word in log.attestations)
