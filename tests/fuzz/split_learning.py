"""What the other party of split learning says: plans, messages, frames, records, words, keys."""

from collections.abc import Callable

from fl_node.split.channel import link
from fl_node.split.channel.certificate import read_certificate
from fl_node.split.closing import Claim
from fl_node.split.plan import SplitPlan
from fl_node.split.record.message import Message
from fl_node.split.record.message_log import MessageLog
from fl_node.split.record.records import decode_records, encode_records
from fl_node.split.wire.boundary import Wire
from fl_node.split.wire.codecs.codec import Direction
from fl_node.split.wire.codecs.registry import codec_of
from fl_node.split.wire.frames import FrameSpec, read_frame
from tests.fuzz.folders import FOLDER

SESSION, EPOCH, ROWS = bytes(32), 1, 2
CODECS = {
    "float32": {},
    "float16": {},
    "int8": {},
    "randtopk": {"fraction": "0.5", "alpha": "0.1"},
}


def wire(codec: str) -> Wire:
    """Give a boundary that one small tensor crosses."""
    return Wire("cut", codec_of(codec, CODECS[codec]), ((3, 4),))


def _plan(content: bytes) -> None:
    assert SplitPlan.decode(content).encode() == content


def _message(content: bytes) -> None:
    assert b"".join(Message.decode(content).pieces()) == content


def _records(content: bytes) -> None:
    found = decode_records(content, SESSION, EPOCH)
    assert encode_records(each.encode() for each in found) == content


def _journal(content: bytes) -> None:
    path = FOLDER / "messages"
    path.write_bytes(content)
    log = MessageLog(path, SESSION, EPOCH)
    try:
        for place in log.load(lambda _: None).places():
            log.message(place)
    finally:
        log.close()


def _greeting(content: bytes) -> None:
    link._decoded(content)


def _claim(content: bytes) -> None:
    Claim.of_word(link._word(content))


def _certificate(content: bytes) -> None:
    assert read_certificate(content).der == content


def _frame(codec: str, direction: Direction) -> Callable[[bytes], None]:
    def read(content: bytes) -> None:
        crossing = wire(codec)
        spec = FrameSpec(crossing.specs(ROWS, direction), metrics=frozenset({"loss"}))
        found = read_frame(content, spec)
        if direction is Direction.FORWARD:
            crossing.decode(found.tensors, ROWS)

    return read


READERS: dict[str, Callable[[bytes], None]] = {
    "plan": _plan,
    "message": _message,
    "records": _records,
    "journal": _journal,
    "greeting": _greeting,
    "claim": _claim,
    "certificate": _certificate,
} | {
    f"{codec}-{direction.value}": _frame(codec, direction)
    for codec in CODECS
    for direction in Direction
}


def split(content: bytes) -> None:
    """Read bytes as the first one says; what is taken encodes back to itself."""
    if content:
        names = list(READERS)
        READERS[names[content[0] % len(names)]](content[1:])
