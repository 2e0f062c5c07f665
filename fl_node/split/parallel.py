"""Several data owners in parallel: after each epoch their parts are averaged, and the provider's.

Thapa et al. 2022, "SplitFed: When federated learning meets split learning", section 3, version 1:
to each data owner belongs an upper part of its own, so that nobody waits for another within an
epoch, and the averages are those of a federation that trains the uncut model, bit for bit. There is
no third server that averages: each data owner seals its lower part for all others, which shows it
to them, and computes the average by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from fl_node.chain.epochs import EVERYONE, HandOver
from fl_node.chain.session_ledger import SessionLedger
from fl_node.chain.session_timeline import SessionTimeline, read_session_timeline
from fl_node.errors import RevertedError, StoppedError
from fl_node.split.averages import Averages, Share
from fl_node.split.channel.certificate import read_certificate
from fl_node.split.channel.envelope import envelope_bytes, open_for, seal_for_all
from fl_node.split.channel.keys import SessionKeys
from fl_node.split.session import SessionParty
from fl_node.split.shared import encode_share, max_share_bytes, read_share
from fl_node.store.store import Store
from fl_node.weights import Weights

_SEALED_FOR = b"flnode split share"
_FETCH_SECONDS = 60


def provide(
    parties: Mapping[int, SessionParty], averages: Averages, epochs: int, say: Callable[[str], None]
) -> None:
    """Do the provider's part of every epoch that is not recorded yet, with all nodes side by side.

    :param parties: the provider's side of each node's session, each with a learner of its own
    :raises SplitError: when one cannot go on; the others finish their epoch first
    """
    done = {node: party.recorded() for node, party in parties.items()}
    for epoch in range(min(done.values()) + 1, epochs + 1):
        base = averages.after(epoch - 1)
        late = [node for node in parties if done[node] < epoch]
        for node in late:
            parties[node].learner.begin(epoch, base)
        _side_by_side({n: partial(parties[n].live, epoch, is_last=True) for n in late}, say)
    averages.after(epochs)
    for party in parties.values():
        party.end()


def shares_of(parties: Mapping[int, SessionParty], epoch: int) -> list[Share]:
    """Give what a provider's sessions bring to an average."""
    return [Share(node, *party.outcome(epoch)) for node, party in sorted(parties.items())]


def _side_by_side(acts: Mapping[int, Callable[[], None]], say: Callable[[str], None]) -> None:
    """Do all to their ends; raise what ended one, a signal before anything else."""

    def run(node: int) -> Exception | None:
        try:
            acts[node]()
        except Exception as error:  # noqa: BLE001 - raised below, when the others are done
            say(f"node {node}: {error}")
            return error
        return None

    with ThreadPoolExecutor(len(acts), thread_name_prefix="split node") as pool:
        failures = [error for error in pool.map(run, acts) if error is not None]
    stopped = [error for error in failures if isinstance(error, StoppedError)]
    for error in [*stopped, *failures]:
        raise error


@dataclass(frozen=True)
class Ring:
    """One data owner among several that train in parallel.

    :ivar nodes: all of them
    :ivar wait: pauses, and raises to end
    """

    party: SessionParty
    nodes: Sequence[int]
    epochs: int
    ledger: SessionLedger
    store: Store
    keys: SessionKeys
    wait: Callable[[str], None]

    @property
    def node(self) -> int:
        """This data owner's number."""
        return self.party.node

    def run(self, averages: Averages) -> None:
        """Do this node's part of every epoch.

        :param averages: from this one's shares
        :raises SplitError: when it cannot go on
        """
        done = self.party.recorded()
        for epoch in range(max(done, 1), self.epochs + 1):
            base = averages.after(epoch - 1)
            self.party.learner.begin(epoch, base)
            if epoch > done:
                self.party.live(epoch, is_last=True)
            self._give(epoch, base)
            averages.after(epoch)
        self.party.end()

    def shares(self, epoch: int, base: Weights) -> list[Share]:
        """Wait for what every node brings to an average.

        :raises SplitError: when one's cannot be used
        """
        mine = Share(self.node, *self.party.outcome(epoch))
        others = [node for node in self.nodes if node != self.node]
        return [mine, *(self._taken(node, epoch, base) for node in others)]

    def _give(self, epoch: int, base: Weights) -> None:
        """Seal this node's part for all others, and record that."""
        others = [node for node in self.nodes if node != self.node]
        if not others or self._given(self.node, epoch) is not None:
            return
        samples, weights = self.party.outcome(epoch)
        content = encode_share(weights, epoch, samples, base)
        to = {node: self._sealing_key(node) for node in others}
        blob = self.store.put([seal_for_all(content, to, self._context(self.node, epoch))])
        try:
            self.ledger.hand_on(HandOver(self.node, EVERYONE, epoch, blob))
        except RevertedError:
            if self._given(self.node, epoch) is None:
                raise

    def _taken(self, node: int, epoch: int, base: Weights) -> Share:
        while (given := self._given(node, epoch)) is None:
            self.wait(f"node {node} has epoch {epoch} still to do, then the average is computed")
        bound = envelope_bytes(max_share_bytes(base), len(self.nodes))
        sealed = self.store.read(given.weights, max_bytes=bound, timeout_seconds=_FETCH_SECONDS)
        content = open_for(self.node, self.keys, sealed, self._context(node, epoch))
        recorded = self._timeline().sessions[node].epochs[epoch - 1].record
        return read_share(content, node, recorded, base, self.party.plan, self.store)

    def _given(self, node: int, epoch: int) -> HandOver | None:
        found = [each.hand_over for each in self._timeline().sessions[node].hand_overs]
        to_all = [each for each in found if (each.to_node, each.epoch) == (EVERYONE, epoch)]
        return to_all[0] if to_all else None

    def _sealing_key(self, node: int) -> bytes:
        while (said := self._timeline().announcement(node, self.ledger.now())) is None:
            self.wait(f"node {node} has announced no key to seal for: start it")
        return read_certificate(said.certificate).sealing_key

    def _context(self, node: int, epoch: int) -> bytes:
        """Bind what is sealed to contract, giver and epoch."""
        numbers = node.to_bytes(4, "big") + epoch.to_bytes(4, "big")
        return _SEALED_FOR + self.ledger.contract.lower().encode() + numbers

    def _timeline(self) -> SessionTimeline:
        return read_session_timeline(self.ledger)
