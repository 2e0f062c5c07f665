"""What a whole process does against the rules, by the name that its command line is given."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fl_node.split import roles
from fl_node.split.channel.link import Link
from fl_node.split.conversation import Conversation
from fl_node.split.record.journal import Journal
from fl_node.split.record.message import Message
from fl_node.split.record.phase import Party, Phase
from fl_node.split.record.schedule import Place
from fl_node.split.record.signed import SignedRecord
from fl_node.split.session import SessionParty
from tests.crash.fuse import before
from tests.split.devnet.lies import LIES, Said

TOLD_AT, SILENT_AT, CHANGED_AT = 2, 4, 5  # steps
_CHANGED_IN, _FORGED_IN = 2, 3  # epochs
_SLOW_SECONDS = 0.15


def tells_nan(party: Party) -> None:
    """Send NaN in the first epoch."""
    plain = Conversation.say
    speaking: list[Conversation] = []

    def says(conversation: Conversation, place: Place, body: bytes) -> None:
        speaking[:] = [conversation]
        plain(conversation, place, body)

    def pieces_of(message: Message) -> tuple[bytes, ...]:
        record = message.record
        if (record.epoch, record.step, record.phase.sender) != (1, TOLD_AT, party):
            return message.pieces()
        return LIES["NaN"].tell(Said(message, message, speaking[0]._sign))

    plain_send = Link.send

    def sends(link: Link, number: int, *pieces: bytes) -> None:
        message = Message(SignedRecord.decode(pieces[0]), pieces[1])
        plain_send(link, number, *pieces_of(message))

    Conversation.say = says  # type: ignore[method-assign]
    Link.send = sends  # type: ignore[method-assign]


def falls_silent(party: Party) -> None:
    """Do nothing more from a step on, and keep the connection."""

    def keeps(_: Journal, message: Message) -> None:
        record = message.record
        if (record.step, record.phase.sender) == (SILENT_AT, party):
            os.kill(os.getpid(), signal.SIGSTOP)

    before(Journal, "append", keeps)


def does_not_sign(_party: Party) -> None:
    """Do the whole epoch and stop before it is signed."""
    before(roles, "sign_epoch", lambda *_: os.kill(os.getpid(), signal.SIGSTOP))


def changes_its_own(party: Party) -> None:
    """Give another message than it sent, with a good signature."""

    def anew(conversation: Conversation, signed: SignedRecord) -> SignedRecord:
        return SignedRecord.sign(replace(signed.record, body=b"b" * 32), conversation._sign)

    _changes(_CHANGED_IN, _spoken_by(party), anew)


def changes_the_others(party: Party) -> None:
    """Give another message than it heard, which nobody has signed."""

    def anew(_: Conversation, signed: SignedRecord) -> SignedRecord:
        return replace(signed, record=replace(signed.record, body=b"b" * 32))

    _changes(_FORGED_IN, _spoken_by(party.other), anew)


def dawdles(_party: Party) -> None:
    """Take its time for each message."""
    before(Conversation, "say", lambda *_: time.sleep(_SLOW_SECONDS))


def _spoken_by(party: Party) -> Phase:
    return Phase.ACTIVATIONS if party is Party.NODE else Phase.GRADIENTS


def _changes(
    epoch: int, phase: Phase, anew: Callable[[Conversation, SignedRecord], SignedRecord]
) -> None:
    """Change one record once an epoch is over, in the journal's leaves and in the tree."""
    place = Place(CHANGED_AT, phase)
    plain = Journal.leaves
    changed: dict[Place, SignedRecord] = {}

    def closes(_: SessionParty, conversation: Conversation, *__: Any) -> None:
        if conversation.history.epoch != epoch:
            return
        records = conversation.history._records
        records[place] = changed[place] = anew(conversation, records[place])

    def leaves(journal: Journal) -> list[bytes]:
        found = plain(journal)
        if not changed:
            return found
        index = sorted(journal.places()).index(place)
        found[index] = changed[place].encode()
        return found

    before(SessionParty, "_close", closes)
    Journal.leaves = leaves  # type: ignore[method-assign]


MISDEEDS: Mapping[str, Callable[[Party], None]] = {
    each.__name__: each
    for each in (
        tells_nan,
        falls_silent,
        does_not_sign,
        changes_its_own,
        changes_the_others,
        dawdles,
    )
}
