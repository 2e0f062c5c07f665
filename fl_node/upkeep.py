"""What a member does for its store besides its role: hold what is needed, drop what is not."""

from collections.abc import Callable
from dataclasses import dataclass

from fl_node.chain.timeline import Timeline, read_timeline
from fl_node.federation import Federation
from fl_node.holding import Holding
from fl_node.patience import Patience
from fl_node.retention import Retention

_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Upkeep:
    """Of one federation's files in one store."""

    federation: Federation
    retention: Retention
    holding: Holding

    @classmethod
    def of(cls, federation: Federation, keep_rounds: int, say: Callable[[str], None]) -> "Upkeep":
        """Keep a federation's files as a node's owner wants it.

        :param keep_rounds: how many closed rounds; 0 means all
        :param say: takes what the owner should know
        """
        retention = Retention(federation.store, keep_rounds, say)
        return cls(federation, retention, Holding(federation, keep_rounds))

    def turn(self) -> bool:
        """Do a little of what is due; tell whether a file is being fetched.

        :raises StoreUnreachableError: when this node's own store is away
        """
        timeline = self._timeline()
        if self.retention.keep_rounds:
            self.retention.apply(timeline)
        return self.holding.turn(timeline)

    def finish(self, patience: Patience) -> None:
        """Go on until everything is here that anybody serves.

        :raises StoppedError: when a signal came
        """
        while patience.until(self.turn):
            patience.waits_for("the last files that others hold: then an audit can be made here")
            patience.pause(_LOOK_SECONDS)

    def _timeline(self) -> Timeline:
        return read_timeline(self.federation.ledger)[1]
