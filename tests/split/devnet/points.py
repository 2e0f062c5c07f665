"""The moments at which a party is killed, and what its next life does."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.split.devnet.wiring import at


@dataclass(frozen=True)
class Point:
    """A moment in a party's work.

    :ivar moment: when SIGKILL comes, see :mod:`tests.split.devnet.wiring`
    :ivar when: in which epoch and step, by :func:`tests.split.devnet.wiring.at`
    :ivar afterwards: what the party does when it is started again, in one sentence
    """

    moment: str
    when: int
    afterwards: str


NODE = (
    Point("before activations is kept", at(1, 2), "Computes and signs them: nobody has any yet."),
    Point("in the middle of a snapshot", at(1, 3), "Finds no such file; takes the state again."),
    Point("after activations is kept", at(1, 4), "Sends the kept bytes when it connects."),
    Point("after activations is sent", at(1, 5), "Hears the gradients that were kept there."),
    Point("after a snapshot", at(1, 6), "Goes on from there."),
    Point("after heard is kept", at(1, 7), "Takes the step with the gradients that are kept."),
    Point("after the checkpoint", at(1), "Leaves it, and evaluates."),
    Point("after evaluation is kept", at(1, 9), "Sends the kept bytes when it connects."),
    Point("before it signs", at(1), "Evaluates again from what is kept, and signs."),
    Point("before its messages are dropped", at(1), "Keeps of them what the plan says, later."),
    Point("after it has signed", at(2), "Signs the same again; the signature is the same."),
    Point("before it looks for the record", at(2), "Finds the epoch recorded, or signs again."),
)

PROVIDER = (
    Point("after the record is sent, not mined", at(1), "Finds it recorded, or sends it again."),
    Point("after the epoch", at(2), "Finds all epochs recorded, and ends."),
    Point("before gradients is kept", at(2, 2), "Computes and signs them: nobody has any yet."),
    Point("in the middle of a snapshot", at(2, 3), "Finds no such file; takes the state again."),
    Point("after gradients is kept", at(2, 4), "Sends the kept bytes when it is connected."),
    Point("after gradients is sent", at(2, 5), "Has them kept, and waits for the next."),
    Point("before heard is kept", at(2, 6), "Is sent them again."),
    Point("after heard is kept", at(2, 7), "Takes the step with the activations that are kept."),
    Point("after the checkpoint", at(2), "Leaves it, and answers the evaluation."),
    Point("after outputs is kept", at(2, 10), "Sends the kept bytes when it is connected."),
    Point("after it has signed", at(2), "Signs the same again; the signature is the same."),
    Point("before the record is sent", at(2), "Exchanges signatures again, and sends it."),
)

U_NODE = (
    Point("after heard is kept", at(1, 4), "Takes the step with the features that are kept."),
)
U_PROVIDER = (
    Point("after features is sent", at(1, 5), "Computes them again, and hears what was kept."),
)


def due(points: tuple[Point, ...]) -> Mapping[str, int]:
    return {point.moment: point.when for point in points}
