"""The record of split learning: processor time that a step's messages cost one party.

A party sends one message and takes one in each step of the vanilla configuration: 128 rows of the
paper's network after the second pooling, 1.6 MB each way. Frames are made and read in any case, and
are not the record; their share is given beside it. So is a body's SHA-256, which takes 0.9 ms on an
idle core of the machine whose step is stated: by it other loads and machines can be compared.
"""

import argparse
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fl_node.split.record.history import History, Peer
from fl_node.split.record.journal import Journal
from fl_node.split.record.message import Message
from fl_node.split.record.phase import Party, Phase
from fl_node.split.record.schedule import Place, Schedule
from fl_node.split.wire.boundary import Wire
from fl_node.split.wire.codecs.codec import Direction
from fl_node.split.wire.codecs.float32 import Float32
from fl_node.split.wire.frames import FrameSpec, read_frame, write_frame

BAR = 0.03
ROWS, SAMPLE = 128, (7, 7, 64)
SESSION = bytes(32)

Times = dict[str, list[float]]


class Clock:
    """Processor time by what it was spent on."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.times: Times = {}

    def time(self, name: str, act: Callable[[], Any]) -> Any:
        """Do something, and note how long it took, the system's part included."""
        start = time.process_time()
        result = act()
        self.times.setdefault(name, []).append(time.process_time() - start)
        return result


def peer_of(key: Ed25519PrivateKey) -> Peer:
    """Make the provider whose key this is."""
    public = key.public_key()

    def verify(content: bytes, signature: bytes) -> bool:
        try:
            public.verify(signature, content)
        except InvalidSignature:
            return False
        return True

    return Peer(Party.PROVIDER, "the provider", verify)


def measure(steps: int, folder: Path) -> Times:
    """Play the node's side of some steps."""
    mine, theirs = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    peer, clock, chance = peer_of(theirs), Clock(), np.random.default_rng(1)
    schedule = Schedule(is_u_shaped=False, training_steps=steps, evaluation_steps=0)
    told = History(SESSION, 1, SESSION, schedule)
    wire = Wire("cut", Float32(), (SAMPLE,))
    spec = FrameSpec(wire.specs(ROWS, Direction.BACKWARD))
    with Journal(folder, SESSION, 1, print) as journal:
        for step in range(1, steps + 1):
            tensor = chance.random((ROWS, *SAMPLE), dtype=np.float32)
            arrays, _ = wire.encode([tensor], key=None)
            body = clock.time("frame written", lambda a=arrays: write_frame(a, {}))
            place = Place(step, Phase.ACTIVATIONS)
            message = clock.time(
                "hashed, signed", lambda p=place, b=body: told.write(p, b, mine.sign)
            )
            clock.time("sent one kept", lambda m=message: journal.append(m))
            told.add(message.signed)
            place = Place(step, Phase.GRADIENTS)
            content = b"".join(told.write(place, body, theirs.sign).pieces())
            answer = clock.time("frame split off", lambda c=content: Message.decode(c))
            clock.time("checked", lambda a=answer: told.check(a, peer))
            clock.time("received one kept", lambda a=answer: journal.append(a))
            told.add(answer.signed)
            clock.time("frame read", lambda a=answer: read_frame(a.body, spec))
            clock.time("one body by SHA-256", lambda b=body: hashlib.sha256(b).digest())
    clock.time("tree", lambda: told.tree().root)
    return clock.times


RECORD = ("hashed, signed", "sent one kept", "checked", "received one kept")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=235)
    parser.add_argument("--step-seconds", type=float, default=0.055)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        times = measure(chosen.steps, Path(folder))
    medians = {name: statistics.median(each) for name, each in times.items()}
    spent = sum(medians[name] for name in RECORD) + medians["tree"] / chosen.steps
    line = {
        "figure": "record / a party's step, processor time",
        "value": round(spent / chosen.step_seconds, 4),
        "unit": "ratio",
        "bar": BAR,
        "step_ms": chosen.step_seconds * 1000,
        "record_ms": round(spent * 1000, 3),
        "median_ms": {name: round(each * 1000, 3) for name, each in medians.items()},
        "steps": chosen.steps,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
