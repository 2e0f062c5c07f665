"""Events of the right types in any order with any values: whoever owns all keys can sign them."""

import io
from collections.abc import Callable
from typing import Any

from fl_node.bundle.evidence import UNSEALED, Evidence
from fl_node.bundle.ledger import BundleLedger
from fl_node.chain.abi import event_fields, event_names
from fl_node.chain.artifact import federation_artifact
from fl_node.chain.history import first_break
from fl_node.chain.ledger import LedgerEvent
from fl_node.chain.timeline import read_timeline

_KINDS = sorted(event_names().values())
_CREATION = "FederationCreated"
_ADDRESSES = tuple(f"0x{place:040x}" for place in range(4))
_LARGE = (2**32 - 1, 2**31, 255, 2**16)


def read_made_up(content: bytes) -> None:
    """Follow events: a byte for each kind, and one for each of its values."""
    stream = io.BytesIO(content)
    events = [_event(_CREATION, stream)]
    while kind := stream.read(1):
        events.append(_event(_KINDS[kind[0] % len(_KINDS)], stream))
    first_break(events, 1, _ADDRESSES[0])
    head = (len(events), bytes(32))
    evidence = Evidence(UNSEALED, tuple(events), bytes(32), head, (), None, None)
    ledger = BundleLedger(_ADDRESSES[0], 1, evidence)
    ledger.snapshot()
    for node in range(3):
        ledger.local_weight(node)
    read_timeline(ledger)


def _event(kind: str, stream: io.BytesIO) -> LedgerEvent:
    (entry,) = (
        each
        for each in federation_artifact().abi
        if each["type"] == "event" and each["name"] == kind
    )
    types = {field["name"]: field["type"] for field in entry["inputs"]}
    values = {name: _VALUES[types[name]](stream) for name in event_fields(kind)}
    return LedgerEvent(kind, values, 1, 1_700_000_000)


def _byte(stream: io.BytesIO) -> int:
    return (stream.read(1) or b"\0")[0]


def _whole(stream: io.BytesIO) -> int:
    """Give a small number mostly: events are about the same rounds and nodes then."""
    found = _byte(stream)
    return _LARGE[found % len(_LARGE)] if found > 250 else found % 5


_VALUES: dict[str, Callable[[io.BytesIO], Any]] = {
    "uint32": _whole,
    "uint64": _whole,
    "uint8": _byte,
    "bool": lambda stream: bool(_byte(stream) & 1),
    "address": lambda stream: _ADDRESSES[_byte(stream) % len(_ADDRESSES)],
    "bytes32": lambda stream: bytes([_byte(stream)]) * 32,
    "tuple": lambda stream: tuple(_whole(stream) for _ in range(7)),
}
