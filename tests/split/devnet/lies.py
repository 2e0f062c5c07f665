"""What a party may send instead of what it should: each lie is signed as well as it can be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fl_node.split.channel.keys import SessionKeys
from fl_node.split.record.message import Message
from fl_node.split.record.phase import Phase
from fl_node.split.record.refusal import Refusal
from fl_node.split.record.signed import Sign, SignedRecord, body_digest
from fl_node.split.wire.frames import write_frame
from fl_node.weights import Weights

Pieces = tuple[bytes, bytes]
_STRANGER = SessionKeys.create("stranger", 1)
_SWAPPED = {
    Phase.GRADIENTS: Phase.FEATURES,
    Phase.FEATURES: Phase.OUTPUTS,
    Phase.ACTIVATIONS: Phase.EVALUATION,
    Phase.FEATURE_GRADIENTS: Phase.EVALUATION,
}


@dataclass(frozen=True)
class Said:
    """A message that was to be sent, and the one of the same phase before it.

    :ivar sign: with the sender's own key
    """

    message: Message
    before: Message
    sign: Sign

    def anew(self, body: bytes | None = None, **changed: Any) -> Pieces:
        """Sign another body, or a record that differs in some fields."""
        content = self.message.body if body is None else body
        record = replace(self.message.record, body=body_digest(content), **changed)
        return SignedRecord.sign(record, self.sign).encode(), content

    def with_tensors(self, change: Callable[[Any], Any]) -> Pieces:
        """Change the first tensor."""
        found = Weights.decode(self.message.body)
        name = min(found.tensors)
        return self.anew(write_frame({**found.tensors, name: change(found.tensors[name])}, {}))

    def flipped(self, place: int) -> bytes:
        """Give the message's bytes with one bit changed."""
        content = bytearray(b"".join(self.message.pieces()))
        content[place] ^= 1
        return bytes(content)


@dataclass(frozen=True)
class Lie:
    """Something to send, the name by which it is refused, and the step that is named."""

    tell: Callable[[Said], tuple[bytes, ...]]
    refusal: Refusal
    steps_off: int = 0


def _with_one(value: float) -> Callable[[Said], Pieces]:
    def change(tensor: Any) -> Any:
        spoilt = np.array(tensor)
        spoilt.flat[-1] = value
        return spoilt

    return lambda said: said.with_tensors(change)


def _with_another_name(said: Said) -> Pieces:
    found = dict(Weights.decode(said.message.body).tensors)
    name = min(found)
    found[name.replace("/", "-")] = found.pop(name)
    return said.anew(write_frame(found, {}))


def _told_more(said: Said) -> Pieces:
    found = Weights.decode(said.message.body)
    return said.anew(write_frame(found.tensors, {"profit": 1.0}))


def _by_stranger(said: Said) -> Pieces:
    signed = SignedRecord.sign(said.message.record, _STRANGER.sign)
    return signed.encode(), said.message.body


def _labels(said: Said) -> Pieces:
    found = Weights.decode(said.message.body)
    wrong = {**found.tensors, "targets": found.tensors["targets"] + np.int32(7)}
    return said.anew(write_frame(wrong, {}))


LIES: Mapping[str, Lie] = {
    "another shape": Lie(
        lambda said: said.with_tensors(lambda tensor: tensor.reshape(-1)), Refusal.WRONG_STRUCTURE
    ),
    "too few samples": Lie(
        lambda said: said.with_tensors(lambda tensor: tensor[:-1]), Refusal.WRONG_STRUCTURE
    ),
    "another dtype": Lie(
        lambda said: said.with_tensors(lambda tensor: tensor.astype(np.int32)),
        Refusal.WRONG_STRUCTURE,
    ),
    "another name": Lie(_with_another_name, Refusal.WRONG_STRUCTURE),
    "one more number": Lie(_told_more, Refusal.WRONG_STRUCTURE),
    "NaN": Lie(_with_one(float("nan")), Refusal.NOT_FINITE),
    "infinity": Lie(_with_one(float("-inf")), Refusal.NOT_FINITE),
    "of the next batch": Lie(
        lambda said: said.anew(step=said.message.record.step + 1), Refusal.WRONG_STEP, 1
    ),
    "of the batch before": Lie(
        lambda said: said.anew(said.before.body, step=said.before.record.step),
        Refusal.REPLAYED,
        -1,
    ),
    "the message before again": Lie(lambda said: said.before.pieces(), Refusal.REPLAYED, -1),
    "after another record": Lie(
        lambda said: said.anew(previous=said.before.record.previous), Refusal.WRONG_PREVIOUS
    ),
    "another phase": Lie(
        lambda said: said.anew(phase=_SWAPPED[said.message.record.phase]), Refusal.WRONG_PHASE
    ),
    "another epoch": Lie(lambda said: said.anew(epoch=2), Refusal.WRONG_EPOCH),
    "another session": Lie(lambda said: said.anew(session=b"s" * 32), Refusal.WRONG_SESSION),
    "signed by a stranger": Lie(_by_stranger, Refusal.WRONG_SIGNATURE),
    "a changed signature": Lie(lambda said: (said.flipped(168),), Refusal.WRONG_SIGNATURE),
    "a changed record": Lie(lambda said: (said.flipped(40),), Refusal.WRONG_SIGNATURE),
    "a changed body": Lie(lambda said: (said.flipped(-1),), Refusal.WRONG_DIGEST),
    "the body of the batch before": Lie(
        lambda said: (said.message.signed.encode(), said.before.body), Refusal.WRONG_DIGEST
    ),
    "too large": Lie(lambda said: said.anew(said.message.body + bytes(4000)), Refusal.TOO_LARGE),
    "no weights file": Lie(lambda said: said.anew(b"\xff" * 64), Refusal.NOT_CANONICAL),
    "nothing": Lie(lambda said: said.anew(b""), Refusal.NOT_CANONICAL),
}
LABELS: Mapping[str, Lie] = {"labels of no class": Lie(_labels, Refusal.OUT_OF_RANGE)}
