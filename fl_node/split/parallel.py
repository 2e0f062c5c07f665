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
from fl_node.errors import StoppedError
from fl_node.split.averages import Averages, Share
from fl_node.split.channel.envelope import envelope_bytes, open_for, seal_for_all
from fl_node.split.handing import FETCH_SECONDS, HandingOwner
from fl_node.split.session import SessionParty
from fl_node.split.shared import encode_share, max_share_bytes, read_share
from fl_node.weights import Weights

_SEALED_FOR = b"flnode split share"


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
    if failures:
        raise next((error for error in failures if isinstance(error, StoppedError)), failures[0])


@dataclass(frozen=True)
class Ring(HandingOwner):
    """One data owner among several that train in parallel.

    :ivar nodes: all of them
    """

    nodes: Sequence[int]
    epochs: int

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
        to = {node: self.sealing_key(node) for node in others}
        context = self.context(_SEALED_FOR, self.node, epoch)
        self.hand(EVERYONE, epoch, seal_for_all(content, to, context))

    def _taken(self, node: int, epoch: int, base: Weights) -> Share:
        while (given := self._given(node, epoch)) is None:
            self.wait(f"node {node} has epoch {epoch} still to do, then the average is computed")
        bound = envelope_bytes(max_share_bytes(base), len(self.nodes))
        sealed = self.store.read(given.weights, max_bytes=bound, timeout_seconds=FETCH_SECONDS)
        content = open_for(self.node, self.keys, sealed, self.context(_SEALED_FOR, node, epoch))
        recorded = self.timeline().sessions[node].epochs[epoch - 1].record
        return read_share(content, node, recorded, base, self.party.plan, self.store)

    def _given(self, node: int, epoch: int) -> HandOver | None:
        """Give the first that a node shared of an epoch."""
        found = self.handed(node, EVERYONE, epoch)
        return found[0] if found else None
