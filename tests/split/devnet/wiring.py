"""Where each moment of a party is, by the product's own functions."""

from collections.abc import Iterable, Iterator
from typing import Any

from fl_node.chain import transact
from fl_node.chain.ethereum_session import EthereumSessionLedger
from fl_node.split import roles
from fl_node.split.conversation import Conversation
from fl_node.split.parallel import Ring
from fl_node.split.record.journal import Journal
from fl_node.split.record.message import Message
from fl_node.split.record.message_log import MessageLog
from fl_node.split.record.phase import Party
from fl_node.split.record.schedule import Place
from fl_node.split.session import SessionParty
from fl_node.split.turns import Relay
from fl_node.weights import Weights
from tests.crash.fuse import Fuse, after, before

_EPOCH = 1000


def at(epoch: int, step: int = 0) -> int:
    """Number a step of an epoch; step 0 is what is not about one."""
    return epoch * _EPOCH + step


def wire(fuse: Fuse, party: Party) -> None:
    """Let a party's work light the fuse."""
    _wire_messages(fuse, party)
    _wire_states(fuse)
    _wire_closing(fuse)
    _wire_sending(fuse)
    before(Relay, "_hand_on", lambda _, turn: fuse.reached("before it hands on", at(turn.epoch)))
    before(Ring, "_give", lambda _, epoch, __: fuse.reached("before it shares", at(epoch)))
    after(Relay, "_receive", lambda _, __, turn: fuse.reached("after it took up", at(turn.epoch)))


def _wire_messages(fuse: Fuse, party: Party) -> None:
    def named(message: Message) -> tuple[str, int]:
        record = message.record
        mine = record.phase.sender is party
        return record.phase.label if mine else "heard", at(record.epoch, record.step)

    def keeps(_: object, message: Message) -> None:
        what, when = named(message)
        fuse.reached(f"before {what} is kept", when)

    def kept(_result: object, _journal: object, message: Message) -> None:
        what, when = named(message)
        fuse.reached(f"after {what} is kept", when)

    def said(_result: object, conversation: Conversation, place: Place, _body: object) -> None:
        when = at(conversation.history.epoch, place.step)
        fuse.reached(f"after {place.phase.label} is sent", when)

    before(Journal, "append", keeps)
    after(Journal, "append", kept)
    after(Conversation, "say", said)


def _wire_states(fuse: Fuse) -> None:
    plain = Journal.keep_snapshot

    def keeps(journal: Journal, step: int, pieces: Iterable[Any]) -> None:
        plain(journal, step, _broken_off(fuse, at(journal._epoch, step), list(pieces)))
        fuse.reached("after a snapshot", at(journal._epoch, step))

    def written(_result: object, _weights: object, path: Any) -> None:
        what, _, epoch = path.stem.partition("-")
        if what in {"checkpoint", "average"}:
            fuse.reached(f"after the {what}", at(int(epoch)))

    Journal.keep_snapshot = keeps  # type: ignore[method-assign]
    after(Weights, "write", written)


def _broken_off(fuse: Fuse, when: int, pieces: list[Any]) -> Iterator[Any]:
    """Give a file's pieces, and stop in the middle of them."""
    for number, piece in enumerate(pieces):
        if number == len(pieces) // 2:
            fuse.reached("in the middle of a snapshot", when)
        yield piece


def _wire_closing(fuse: Fuse) -> None:
    def drops(log: MessageLog, _wanted: object) -> None:
        fuse.reached("before its messages are dropped", at(log._epoch))

    before(
        roles,
        "sign_epoch",
        lambda _, record, *__: fuse.reached("before it signs", at(record.epoch)),
    )
    after(
        roles,
        "sign_epoch",
        lambda _, __, record, *___: fuse.reached("after it has signed", at(record.epoch)),
    )
    before(
        SessionParty,
        "_sees_recorded",
        lambda _, epoch: fuse.reached("before it looks for the record", at(epoch)),
    )
    before(
        SessionParty,
        "_wait_recorded",
        lambda _, epoch: fuse.reached("before it sees the record", at(epoch)),
    )
    before(MessageLog, "keep", drops)
    after(
        SessionParty, "live", lambda _, __, epoch, **___: fuse.reached("after the epoch", at(epoch))
    )
    before(
        EthereumSessionLedger,
        "record_epoch",
        lambda _, record, *__: fuse.reached("before the record is sent", at(record.epoch)),
    )


def _wire_sending(fuse: Fuse) -> None:
    def sent(_sent: object, _connection: object, _signer: object, calls: Any, *_: object) -> None:
        call = calls[0]
        if call.fn_name == "recordEpoch":
            record = call.args[0]
            epoch = record["epoch"] if isinstance(record, dict) else record[1]
            fuse.reached("after the record is sent, not mined", at(epoch))
        if call.fn_name == "handOn":
            fuse.reached("after the hand-over is sent, not mined", at(call.args[2]))

    after(transact, "send", sent)
