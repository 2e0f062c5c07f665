"""Two parties whose keys are secrets of SHA-512: signatures as long as Ed25519's, at once there."""

import hashlib

from fl_node.split.record.history import History, Peer
from fl_node.split.record.message import Message
from fl_node.split.record.phase import Party, Phase
from fl_node.split.record.schedule import Place, Schedule

SESSION = hashlib.sha256(b"a session").digest()
SEED = SESSION
VANILLA = Schedule(is_u_shaped=False, training_steps=3, evaluation_steps=2)
U_SHAPED = Schedule(is_u_shaped=True, training_steps=3, evaluation_steps=2)


def signer(party: Party):
    secret = party.value.encode()
    return lambda content: hashlib.sha512(secret + content).digest()


def peer(party: Party) -> Peer:
    sign = signer(party)
    return Peer(party, f"the {party.value}", lambda content, found: sign(content) == found)


PEERS = {party: peer(party) for party in Party}


def history(schedule: Schedule = VANILLA, epoch: int = 1, seed: bytes = SEED) -> History:
    return History(SESSION, epoch, seed, schedule)


def body_of(place: Place) -> bytes:
    return f"body of {place}".encode() * 3


def message_for(told: History, place: Place) -> Message:
    return told.write(place, body_of(place), signer(place.phase.sender))


def play(told: History, until: Place | None = None) -> list[Message]:
    """Have both parties send what comes next, in the order of the leaves."""
    sent = []
    for place in told.schedule.places():
        if place == until:
            break
        sent.append(message_for(told, place))
        told.add(sent[-1].signed)
    return sent


def first(phase: Phase) -> Place:
    return Place(1, phase)
