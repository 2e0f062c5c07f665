"""One epoch as one party lives it: what it says and hears, signed, checked, kept, and in order.

What the journal holds already is not said or heard again: after a crash the same calls lead to
where the epoch was, with the same bytes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fl_node.errors import SplitError
from fl_node.files import write_atomically
from fl_node.split.batches import Batches
from fl_node.split.channel.link import Desk, Greeting, Link
from fl_node.split.record.history import History, Peer
from fl_node.split.record.journal import Journal
from fl_node.split.record.message import Message
from fl_node.split.record.phase import Party
from fl_node.split.record.refusal import Origin, RefusedError
from fl_node.split.record.schedule import Place
from fl_node.split.record.signed import Sign, SignedRecord, body_digest
from fl_node.split.wire.boundaries import Boundaries
from fl_node.split.wire.frames import read_frame
from fl_node.weights import Weights

_OWN_ONLY = 0o600


@dataclass(frozen=True)
class EpochStart:
    """Where an epoch begins.

    :ivar session: see :func:`fl_node.split.record.signed.session_id`
    :ivar seed: the last epoch's root; the session's id in the first one
    """

    session: bytes
    epoch: int
    seed: bytes


class Conversation(Desk):
    """A party's side of an epoch.

    :ivar batches: the epoch's samples, once both are connected
    """

    def __init__(
        self,
        start: EpochStart,
        boundaries: Boundaries,
        *,
        party: Party,
        peer: Peer,
        sign: Sign,
        journal: Journal,
        link: Link,
        is_recorded: Callable[[], bool],
        samples: tuple[int, int] = (0, 0),
    ) -> None:
        """Begin, or go on with what the journal holds.

        :param samples: the data owner's, to train and to evaluate on; the provider hears them
        :param is_recorded: tells whether the chain has this epoch already
        """
        self._start, self._boundaries = start, boundaries
        self._party, self._peer, self._sign = party, peer, sign
        self._journal, self._link, self._is_recorded = journal, link, is_recorded
        self._samples = samples
        self._spec = cache(boundaries.spec)  # the same for all whole batches of a phase
        self._history: History | None = None
        self._said = self._count(party)
        self._early: dict[Place, Weights] = {}
        self._batches: Batches | None = None

    def open(self) -> None:
        """Wait until both parties are in this epoch.

        :raises SplitError: when they cannot go on together
        """
        self._link.begin(self)
        self._link.connect()

    @property
    def peer(self) -> str:
        """The other party, as people call it."""
        return self._peer.who

    @property
    def batches(self) -> Batches:
        """The epoch's samples."""
        if self._batches is None:
            raise SplitError("the epoch has not begun")
        return self._batches

    @property
    def history(self) -> History:
        """The epoch's records so far."""
        if self._history is None:
            raise SplitError("the epoch has not begun")
        return self._history

    def say(self, place: Place, body: bytes) -> None:
        """Send a message, unless it was sent before a crash: then it must be the same.

        :raises SplitError: when it is another
        """
        kept = self.history.find(place)
        if kept is not None:
            self._require_same(place, kept, body)
            return
        message = self.history.write(place, body, self._sign)
        self._keep(message)
        self._said += 1
        self._link.send(self._said, *message.pieces())

    def hear(self, place: Place) -> Weights:
        """Wait for a message and read it; one that is kept is read again.

        Others that may come before it, with several batches in flight, are kept for later: no more
        of them than the history has due.

        :raises RefusedError: when it may not be used, naming whose it is and why
        """
        if place in self._early:
            return self._early.pop(place)
        if self.history.find(place) is not None:
            return self._admitted(self._journal.message(place))
        while True:
            message, found = self._arriving()
            self._keep(message)
            if (arrived := Place(message.record.step, message.record.phase)) == place:
                return found
            self._early[arrived] = found

    def greeting(self) -> Greeting:
        """Say how much of the other's is held."""
        held = self._count(self._party.other)
        return Greeting(self._start.session, self._start.epoch, held, self._samples)

    def sent_after(self, count: int) -> Iterator[tuple[bytes | memoryview, ...]]:
        """Give own messages again from the journal."""
        mine = [each for each in self._journal.places() if each.phase.sender is self._party]
        for place in mine[count:]:
            yield self._journal.message(place).pieces()

    def greeted(self, greeting: Greeting) -> None:
        """Learn the epoch's samples, at the first greeting.

        :raises SplitError: when they are others than before
        """
        samples = self._samples if self._party is Party.NODE else greeting.samples
        batches = Batches(*samples, self._boundaries.plan.training.batch_size)
        if self._batches not in (None, batches):
            raise SplitError(
                f"{self._peer.who} came back with {samples} samples, had others before"
            )
        if self._batches is None:
            self._batches = batches
            self._history = self._recalled(batches)

    def overtaken(self) -> None:
        """Leave the epoch when the chain has it.

        :raises EpochRecordedError: then
        """
        if self._is_recorded():
            raise EpochRecordedError(self._start.epoch)

    def _recalled(self, batches: Batches) -> History:
        plan, start = self._boundaries.plan, self._start
        schedule = batches.schedule(is_u_shaped=plan.is_u_shaped, in_flight=plan.in_flight)
        history = History(start.session, start.epoch, start.seed, schedule)
        for message in self._journal.messages():
            history.add(message.signed)
        return history

    def _arriving(self) -> tuple[Message, Weights]:
        content = self._link.receive()
        try:
            with self._origin(0).answers():
                message = Message.decode(content)
            self.history.check(message, self._peer)
            return message, self._admitted(message)
        except RefusedError as error:
            self._keep_evidence(error, content)
            raise

    def _admitted(self, message: Message) -> Weights:
        record = message.record
        spec = self._spec(record.phase, self.batches.rows(record.step))
        with self._origin(record.step).answers():
            return read_frame(message.body, spec)

    def _keep(self, message: Message) -> None:
        self._journal.append(message)
        self.history.add(message.signed)

    def _keep_evidence(self, error: RefusedError, content: memoryview) -> None:
        """Keep what was refused beside the journal: its sender may have signed it."""
        folder: Path = self._journal.records_file.parent
        name = f"refused-{error.step}-{error.refusal.label}"
        write_atomically(folder / name, [content], mode=_OWN_ONLY)

    def _origin(self, step: int) -> Origin:
        return Origin(self._peer.who, self._start.epoch, step)

    def _count(self, party: Party) -> int:
        return sum(place.phase.sender is party for place in self._journal.places())

    def _require_same(self, place: Place, kept: SignedRecord, body: bytes) -> None:
        if kept.record.body != body_digest(body):
            raise SplitError(
                f"{place} of epoch {self._start.epoch} comes out otherwise than before this "
                "process was stopped: go on with the same data, threads, versions and kind of "
                "machine as then"
            )


class EpochRecordedError(SplitError):
    """The epoch is on the chain already: there is nothing left to do in it.

    :ivar epoch: which
    """

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        super().__init__(f"epoch {epoch} is recorded on the chain")
