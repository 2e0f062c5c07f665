"""An epoch's history as one party sees it, which knows what record must come next.

Messages of one phase come in the order of their steps. A message waits for the one whose digest it
names; evaluation waits for all of the training.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from fl_node.errors import SplitError
from fl_node.split.record.merkle import Tree
from fl_node.split.record.message import Message
from fl_node.split.record.phase import Party, Phase
from fl_node.split.record.refusal import Refusal, RefusedError
from fl_node.split.record.schedule import Place, Schedule
from fl_node.split.record.signed import Record, Sign, SignedRecord, Verify, body_digest

_SHOWN_DIGITS = 16


@dataclass(frozen=True)
class Peer:
    """Who sends what is checked.

    :ivar who: as people call it, such as ``node 2``
    :ivar verify: of the key that it announced
    """

    party: Party
    who: str
    verify: Verify


class History:
    """The records of one epoch of one session so far.

    :ivar seed: what the first records name as previous: the last epoch's root, or the session
    """

    def __init__(self, session: bytes, epoch: int, seed: bytes, schedule: Schedule) -> None:
        """Begin an epoch."""
        self.session, self.epoch, self.seed, self.schedule = session, epoch, seed, schedule
        self._records: dict[Place, SignedRecord] = {}
        self._reached = {phase: schedule.steps_of(phase).start - 1 for phase in Phase}

    def __len__(self) -> int:
        """Count the records so far."""
        return len(self._records)

    @property
    def is_complete(self) -> bool:
        """Tell whether every message of the epoch is there."""
        return len(self._records) == self.schedule.size

    def find(self, place: Place) -> SignedRecord | None:
        """Give the record at a place, if it is there."""
        return self._records.get(place)

    def due(self, party: Party) -> tuple[Place, ...]:
        """Say which messages this party may send now, the earliest first."""
        candidates = (
            Place(self._reached[phase] + 1, phase)
            for phase in self.schedule.all_phases()
            if phase.sender is party
        )
        return tuple(sorted(place for place in candidates if self.is_due(place)))

    def is_due(self, place: Place) -> bool:
        """Tell whether this message may come now."""
        if place.step != self._reached[place.phase] + 1 or not self.schedule.has(place):
            return False
        if place.phase is Phase.EVALUATION and not self._is_trained():
            return False
        before = self.schedule.before(place)
        return before is None or before in self._records

    def previous(self, place: Place) -> bytes:
        """Give the digest that the record at this place names.

        :raises SplitError: when the record before it is not there yet
        """
        before = self.schedule.before(place)
        if before is None:
            return self.seed
        if before not in self._records:
            raise SplitError(f"{place} comes after {before}, which is not there yet")
        return self._records[before].record.digest

    def write(self, place: Place, body: bytes, sign: Sign) -> Message:
        """Make the message for a place of one's own; :meth:`add` it once it is kept.

        :raises SplitError: when it is not due
        """
        self._require_due(place)
        digest, previous = body_digest(body), self.previous(place)
        record = Record(self.session, self.epoch, place.step, place.phase, digest, previous)
        return Message(SignedRecord.sign(record, sign), body)

    def check(self, message: Message, peer: Peer) -> None:
        """Check a message that arrived, body and all; :meth:`add` it once it is kept.

        :raises RefusedError: by name, see :class:`fl_node.split.record.refusal.Refusal`
        """
        self.check_record(message.signed, peer)
        if (found := body_digest(message.body)) != message.record.body:
            signed = _shown(message.record.body)
            self._refuse(
                Refusal.WRONG_DIGEST,
                peer,
                message.record,
                f"the body {signed} was signed, found {_shown(found)}",
            )

    def check_record(self, signed: SignedRecord, peer: Peer) -> None:
        """Check a record alone: by whom it is, and whether it comes next.

        The signature comes first: whatever else is wrong, the sender has signed it.

        :raises RefusedError: by name
        """
        record = signed.record
        if not signed.is_signed(peer.verify):
            found = f"no signature of {peer.who} over this record"
            self._refuse(Refusal.WRONG_SIGNATURE, peer, record, found)
        if record.session != self.session:
            found = f"session {_shown(self.session)} was expected, found {_shown(record.session)}"
            self._refuse(Refusal.WRONG_SESSION, peer, record, found)
        if record.epoch != self.epoch:
            found = f"epoch {self.epoch} was expected, found {record.epoch}"
            self._refuse(Refusal.WRONG_EPOCH, peer, record, found)
        self._check_place(signed, peer)
        if record.previous != (wanted := self.previous(_place_of(record))):
            found = f"a record after {_shown(wanted)} was expected, found one after"
            self._refuse(Refusal.WRONG_PREVIOUS, peer, record, f"{found} {_shown(record.previous)}")

    def add(self, signed: SignedRecord) -> None:
        """Take a record that was checked, or is one's own.

        :raises SplitError: when it is not the one that is due
        """
        place = _place_of(signed.record)
        self._require_due(place)
        self._records[place] = signed
        self._reached[place.phase] = place.step

    def leaves(self) -> list[bytes]:
        """Give the records so far as leaves, in the order of their places."""
        return [self._records[place].encode() for place in sorted(self._records)]

    def tree(self) -> Tree:
        """Give the Merkle tree over the records so far."""
        return Tree(self.leaves())

    def _check_place(self, signed: SignedRecord, peer: Peer) -> None:
        record = signed.record
        place = _place_of(record)
        if record.phase.sender is not peer.party:
            found = f"{record.phase.label} are the {record.phase.sender.value}'s to send"
            self._refuse(Refusal.WRONG_PHASE, peer, record, found)
        if (kept := self._records.get(place)) is not None:
            which = "the same" if kept == signed else "another"
            found = f"{place} is done, found {which} record for it"
            self._refuse(Refusal.REPLAYED, peer, record, found)
        if not self.is_due(place):
            due = self.due(peer.party)
            is_step = any(place.step == each.step for each in due)
            refusal = Refusal.WRONG_PHASE if is_step else Refusal.WRONG_STEP
            self._refuse(refusal, peer, record, f"{_listed(due)} expected, found {place}")

    def _refuse(self, refusal: Refusal, peer: Peer, record: Record, detail: str) -> None:
        raise RefusedError(refusal, peer.who, record.epoch, record.step, detail)

    def _is_trained(self) -> bool:
        return self._reached[Phase.GRADIENTS] == self.schedule.training_steps

    def _require_due(self, place: Place) -> None:
        if not self.is_due(place):
            due = _listed(self.due(place.phase.sender))
            raise SplitError(f"{place} of epoch {self.epoch} is not due: {due} expected")


def check_records(
    records: Iterable[SignedRecord], history: History, peers: dict[Party, Peer]
) -> Tree:
    """Check a whole epoch's records as they were published; gives their tree.

    :param history: at its beginning
    :param peers: both parties with the keys that they announced
    :raises RefusedError: at the first record that is not what had to come
    :raises SplitError: when the epoch is not complete
    """
    for signed in records:
        history.check_record(signed, peers[signed.record.phase.sender])
        history.add(signed)
    if not history.is_complete:
        raise SplitError(
            f"epoch {history.epoch} has {history.schedule.size} records, found {len(history)}"
        )
    return history.tree()


def _place_of(record: Record) -> Place:
    return Place(record.step, record.phase)


def _listed(due: tuple[Place, ...]) -> str:
    return f"{' or '.join(map(str, due))} was" if due else "nothing before an answer was"


def _shown(digest: bytes) -> str:
    return digest.hex()[:_SHOWN_DIGITS]
