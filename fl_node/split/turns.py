"""Several data owners in turns: who trains after whom, and the lower part that is handed on.

Gupta and Raskar 2018, "Distributed learning of deep neural network over multiple agents", section
3.2. What is handed on shows the next data owner the lower part as it is; it is sealed for that one
alone, and recorded on the chain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fl_node.chain.epochs import HandOver
from fl_node.split.channel.keys import seal
from fl_node.split.epoch import Turn
from fl_node.split.handing import FETCH_SECONDS, HandingOwner
from fl_node.split.session import SessionParty
from fl_node.weights import Weights

_SEALED_FOR = b"flnode split hand-over"
_OVERHEAD_BYTES = 4096


def all_turns(epochs: int, nodes: Sequence[int]) -> list[Turn]:
    """List the turns in their order: each epoch, one node after the other."""
    return [Turn(epoch, node) for epoch in range(1, epochs + 1) for node in sorted(nodes)]


def provide(turns: Sequence[Turn], parties: Mapping[int, SessionParty]) -> None:
    """Do the provider's part of every turn that is not recorded yet.

    :param parties: the provider's side of each node's session, all with the same learner
    :raises SplitError: when one cannot go on
    """
    done = {node: party.recorded() for node, party in parties.items()}
    left = [turn for turn in turns if turn.epoch > done[turn.node]]
    before = turns[: len(turns) - len(left)]
    parties[turns[0].node].learner.begin()
    if before:
        parties[before[-1].node].take_up(before[-1].epoch)
    for turn in left:
        parties[turn.node].live(turn.epoch, is_last=turn == turns[-1])
    for party in parties.values():
        party.end()


@dataclass(frozen=True)
class Relay(HandingOwner):
    """One data owner among several, in turns."""

    turns: Sequence[Turn]

    def run(self) -> None:
        """Do this node's part of every turn of its own.

        :raises SplitError: when it cannot go on
        """
        done = self.party.recorded()
        self.party.learner.begin()
        if done:
            self.party.take_up(done)
            self._hand_on(Turn(done, self.node))
        for turn in self.turns:
            if turn.node == self.node and turn.epoch > done:
                self._receive(turn)
                self.party.live(turn.epoch, is_last=turn == self.turns[-1])
                self._hand_on(turn)
        self.party.end()

    def _receive(self, turn: Turn) -> None:
        """Take up what the data owner before has handed on; the first one has it from the plan."""
        place = self.turns.index(turn)
        if place == 0 or self.turns[place - 1].node == self.node:
            return
        before = self.turns[place - 1]
        while (given := self._handed(before)) is None:
            self.wait(f"node {before.node} has epoch {before.epoch}, then it is this node's turn")
        snapshots = self.party.learner.snapshots
        sealed = self.store.read(
            given.weights,
            max_bytes=snapshots.max_bytes + _OVERHEAD_BYTES,
            timeout_seconds=FETCH_SECONDS,
        )
        context = self.context(_SEALED_FOR, given.from_node, given.to_node, given.epoch)
        content = self.keys.open_sealed(sealed, context)
        snapshots.load(Weights.decode(content), f"what node {before.node} handed on")

    def _hand_on(self, turn: Turn) -> None:
        following = self._following(turn)
        if following is None or following == self.node or self._handed(turn) is not None:
            return
        content = self.party.learner.snapshots.take(turn.epoch, 0).encode()
        context = self.context(_SEALED_FOR, self.node, following, turn.epoch)
        self.hand(following, turn.epoch, seal(content, self.sealing_key(following), context))

    def _handed(self, turn: Turn) -> HandOver | None:
        """Give the last hand-over from this turn to the next one's node."""
        found = self.handed(turn.node, self._following(turn), turn.epoch)
        return found[-1] if found else None

    def _following(self, turn: Turn) -> int | None:
        """Name the next turn's node; None after the last."""
        place = self.turns.index(turn) + 1
        return self.turns[place].node if place < len(self.turns) else None
