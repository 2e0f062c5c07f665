"""A node's word on each global: recompute it once, say on the chain what came out."""

from dataclasses import dataclass

from aggregator.recompute import recompute_recorded
from fl_node.chain.timeline import RoundLog, Timeline, read_timeline
from fl_node.cid import Cid
from fl_node.errors import RevertedError
from fl_node.federation import Federation

# Something happened since the ledger was read: read it again.
_MOVED_ON = frozenset({"AlreadyAttested", "NotAccountOfNode", "StaleHistory", "WrongRound"})


@dataclass(frozen=True)
class Judgement:
    """What a node got for a global, and what the chain has.

    :ivar opening: of the round after it; a global that replaces this one has another
    """

    node: int
    number: int
    opening: int
    expected: Cid
    found: Cid

    @property
    def agrees(self) -> bool:
        """Whether the node's recomputation and the chain have the same bits."""
        return self.expected == self.found

    @property
    def line(self) -> str:
        """Both in one line."""
        if self.agrees:
            return f"global {self.number}: node {self.node} recomputed {self.expected}, the same"
        return (
            f"global {self.number} is {self.found} on the chain, node {self.node} recomputed "
            f"{self.expected}: see flnode audit"
        )


class Witness:
    """One node that checks every global, and says so where everybody sees it."""

    def __init__(self, federation: Federation, node: int) -> None:
        """Begin with nothing judged; what this node said before stands on the chain."""
        self._federation = federation
        self._node = node
        self._judged: Judgement | None = None

    def judge(self) -> Judgement | None:
        """Recompute the latest global; the same answer again while it is the latest.

        :returns: None when no round is closed; or when the next one takes updates already and not
            all that this global was made of is here: nobody waits for that
        :raises StrategyError: when it has an update in that no honest closer had
        :raises FlnodeError: when it cannot be recomputed now
        """
        snapshot, timeline = read_timeline(self._federation.ledger)
        log = timeline.rounds.get(timeline.open_number - 1)
        if log is None or log.closing is None:
            return None
        if self._judged is None or self._judged.opening != timeline.opening:
            expected = _said(timeline, log, self._node)
            if expected is None:
                if snapshot.round.final and not self._holds_all(log):
                    return None
                expected = recompute_recorded(self._federation, timeline, log).recomputable.weights
            found = log.closing.model.weights
            self._judged = Judgement(self._node, log.number, timeline.opening, expected, found)
        return self._judged

    def attest(self) -> None:
        """Say on the chain what was judged, unless that is there, or does not count any more."""
        judged, ledger = self._judged, self._federation.ledger
        timeline = read_timeline(ledger)[1]
        if judged is None or judged.opening != timeline.opening:
            return
        if _said(timeline, timeline.rounds[judged.number], self._node) is not None:
            return
        if timeline.members.get(self._node) != ledger.account:
            return
        try:
            ledger.attest(self._node, judged.number, judged.expected, timeline.history)
        except RevertedError as error:
            if error.name not in _MOVED_ON:
                raise

    def _holds_all(self, log: RoundLog) -> bool:
        return all(self._federation.store.holds(each.weights) for each in log.updates.values())


def _said(timeline: Timeline, log: RoundLog, node: int) -> Cid | None:
    """Find a node's word on the closing that counts."""
    words = (w for w in log.attestations if (w.node, w.opening) == (node, timeline.opening))
    return next((word.weights for word in words), None)
