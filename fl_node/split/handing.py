"""What data owners hand to each other: sealed, stored, and named on the chain."""

from collections.abc import Callable
from dataclasses import dataclass

from fl_node.chain.epochs import HandOver
from fl_node.chain.session_ledger import SessionLedger
from fl_node.chain.session_timeline import SessionTimeline, read_session_timeline
from fl_node.errors import RevertedError
from fl_node.split.channel.certificate import read_certificate
from fl_node.split.channel.keys import SessionKeys
from fl_node.split.session import SessionParty
from fl_node.store.store import Store

FETCH_SECONDS = 60


@dataclass(frozen=True)
class HandingOwner:
    """One data owner among several.

    :ivar wait: pauses, and raises to end
    """

    party: SessionParty
    ledger: SessionLedger
    store: Store
    keys: SessionKeys
    wait: Callable[[str], None]

    @property
    def node(self) -> int:
        """This data owner's number."""
        return self.party.node

    def hand(self, to: int, epoch: int, sealed: bytes) -> None:
        """Store what is sealed and record whose it is; another life of this process may have."""
        weights = self.store.put([sealed])
        try:
            self.ledger.hand_on(HandOver(self.node, to, epoch, weights))
        except RevertedError:
            if not self.handed(self.node, to, epoch):
                raise

    def handed(self, giver: int, to: int | None, epoch: int) -> list[HandOver]:
        """Give what a node has handed to another one after an epoch, in order."""
        found = [each.hand_over for each in self.timeline().sessions[giver].hand_overs]
        return [each for each in found if (each.to_node, each.epoch) == (to, epoch)]

    def sealing_key(self, node: int) -> bytes:
        """Wait for the key to seal for a node."""
        while (said := self.timeline().announcement(node, self.ledger.now())) is None:
            self.wait(f"node {node} has announced no key to seal for: start it")
        return read_certificate(said.certificate).sealing_key

    def context(self, what: bytes, *numbered: int) -> bytes:
        """Bind what is sealed to a purpose, this contract and some numbers."""
        numbers = b"".join(each.to_bytes(4, "big") for each in numbered)
        return what + self.ledger.contract.lower().encode() + numbers

    def timeline(self) -> SessionTimeline:
        """Read the chain."""
        return read_session_timeline(self.ledger)
