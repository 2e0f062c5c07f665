"""What the stateful test must have lived through for its silence to mean something."""

from collections.abc import Iterator

from tests.contracts.reference import NO_TERMS, Reference
from tests.contracts.spoken import Event

SITUATIONS = frozenset(
    {
        "registered before the start",
        "registered in mid-round",
        "registered when complete",
        "started",
        "an update in time",
        "an update after the deadline",
        "an update from an older base",
        "a second attempt",
        "the last attempt",
        "a rejection by the header",
        "a rejection by a node",
        "a rejection that releases a frozen round",
        "a rejection that leaves the round closable",
        "closed by the header with the target",
        "closed by the header at the deadline",
        "closed by a node with the target",
        "closed by a node at the deadline",
        "the last round closed",
        "a global replaced",
        "an attestation",
        "a dispute",
        "finality reached",
        "terms changed before the start",
        "terms changed in mid-round",
        "pending terms come into force",
        "a key rotated",
        "a key rotated with an update in the round",
        "a node removed",
        "a node removed with an update in the round",
        "header changed",
        "extended",
        "extended when complete",
        "the open round reopened",
        "the round before reopened",
    }
)


class Before:
    """What situations need to know of the federation as it was."""

    def __init__(self, model: Reference) -> None:
        self.number, self.final = model.number, model.final
        self.complete, self.closable = model.complete(), model.closable()
        self.full = model.received() >= model.target()
        self.deadline = model.deadline()
        self.terms_pending = model.pending != NO_TERMS
        self.rounds = model.terms.rounds


def situations(event: Event, before: Before, now: Reference) -> Iterator[str]:
    """Name what has just happened."""
    if before.terms_pending and now.pending == NO_TERMS:
        yield "pending terms come into force"
    yield from _NAMES[event.name](event, before, now)


def _update(event: Event, before: Before, now: Reference) -> Iterator[str]:
    yield "an update " + ("after the deadline" if now.now >= before.deadline else "in time")
    if event["base"] < event["round"] - 1:
        yield "an update from an older base"
    if event["attempt"] > 1:
        yield "a second attempt" if event["attempt"] == 2 else "the last attempt"


def _rejection(event: Event, before: Before, now: Reference) -> Iterator[str]:
    yield "a rejection by " + ("the header" if event["by"] == now.header else "a node")
    if before.closable:
        left = "leaves the round closable" if now.closable() else "releases a frozen round"
        yield f"a rejection that {left}"


def _global(event: Event, before: Before, now: Reference) -> Iterator[str]:
    if event["round"] == 0:
        yield "started"
    elif event["round"] < before.number:
        yield "a global replaced"
    else:
        who = "the header" if event["by"] == now.header else "a node"
        yield f"closed by {who} " + ("with the target" if before.full else "at the deadline")
        if event["round"] == before.rounds:
            yield "the last round closed"


def _attestation(event: Event, before: Before, now: Reference) -> Iterator[str]:
    yield "an attestation" if event["agrees"] else "a dispute"
    if now.final and not before.final:
        yield "finality reached"


def _registration(event: Event, before: Before, now: Reference) -> Iterator[str]:
    when = "in mid-round" if before.number else "before the start"
    yield "registered " + ("when complete" if before.complete else when)


def _rotation(event: Event, before: Before, now: Reference) -> Iterator[str]:
    yield "a key rotated" + (" with an update in the round" if event["withdrew"] else "")


def _removal(event: Event, before: Before, now: Reference) -> Iterator[str]:
    yield "a node removed" + (" with an update in the round" if event["withdrew"] else "")


def _header(event: Event, before: Before, now: Reference) -> Iterator[str]:
    yield "header changed"


def _terms(event: Event, before: Before, now: Reference) -> Iterator[str]:
    yield "terms changed " + ("in mid-round" if before.number else "before the start")


def _extension(event: Event, before: Before, now: Reference) -> Iterator[str]:
    yield "extended" + (" when complete" if before.complete else "")


def _reopening(event: Event, before: Before, now: Reference) -> Iterator[str]:
    yield f"the {'open round' if event['round'] == before.number else 'round before'} reopened"


_NAMES = {
    "LocalWeightSet": _update,
    "LocalWeightRejected": _rejection,
    "GlobalWeightSet": _global,
    "Attested": _attestation,
    "NodeRegistered": _registration,
    "NodeReplaced": _rotation,
    "NodeRemoved": _removal,
    "HeaderSet": _header,
    "TermsSet": _terms,
    "Extended": _extension,
    "Reopened": _reopening,
}
