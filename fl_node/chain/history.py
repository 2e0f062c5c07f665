"""The running digest over a federation's events, computed again from the events themselves.

The contract seeds it with ``keccak256(abi.encode(chainid, contract, plan, initial, terms, header,
owner))`` and folds each event with ``keccak256(abi.encode(history, topic0, fields…))``, where the
fields are all of the event's but the last, which is the new digest. Attestations are not folded:
they carry the digest that their node saw.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import encode
from eth_utils import keccak

from fl_node.chain.artifact import federation_artifact
from fl_node.chain.ledger import LedgerEvent

_CREATION = "FederationCreated"
_ATTESTATION = "Attested"


@dataclass(frozen=True)
class HistoryBreak:
    """The first event whose digest does not follow from what went before.

    :ivar index: the event's place in the list
    """

    index: int
    kind: str
    expected: bytes
    found: bytes


def first_break(
    events: Iterable[LedgerEvent], chain_id: int, federation: str
) -> HistoryBreak | None:
    """Find where a list of events stops being the contract's own, whole and in order.

    What is missing at the end does not show here, but in the contract's own digest.
    """
    current = b""
    for index, event in enumerate(events):
        expected = _next_digest(current, event, chain_id, federation)
        found = event.values["history"]
        if found != expected:
            return HistoryBreak(index, event.kind, expected, found)
        current = expected
    return None


def _next_digest(current: bytes, event: LedgerEvent, chain_id: int, federation: str) -> bytes:
    if event.kind == _ATTESTATION:
        return current
    shape = _shapes()[event.kind]
    fields = [event.values[name] for name in shape.names]
    if event.kind == _CREATION and not current:  # a second one follows from nothing
        plan, initial, terms, header, owner = fields
        seed = [chain_id, federation, plan, initial, terms, header, owner]
        types = ["uint256", "address", "bytes32", "bytes32", shape.types[2], "address", "address"]
        return keccak(encode(types, seed))
    return keccak(encode(["bytes32", "bytes32", *shape.types], [current, shape.topic, *fields]))


@dataclass(frozen=True)
class _Shape:
    names: list[str]
    types: list[str]
    topic: bytes


@cache
def _shapes() -> dict[str, _Shape]:
    entries = [entry for entry in federation_artifact().abi if entry["type"] == "event"]
    return {entry["name"]: _shape(entry) for entry in entries}


def _shape(entry: dict[str, Any]) -> _Shape:
    types = [_abi_type(field) for field in entry["inputs"]]
    signature = f"{entry['name']}({','.join(types)})"
    names = [field["name"] for field in entry["inputs"]]
    return _Shape(names[:-1], types[:-1], keccak(text=signature))


def _abi_type(field: dict[str, Any]) -> str:
    if field["type"] != "tuple":
        return str(field["type"])
    return f"({','.join(_abi_type(inner) for inner in field['components'])})"
