"""The running digest over a contract's events, computed again from the events themselves.

A contract seeds it with ``keccak256(abi.encode(chainid, contract, fields…))`` and folds each event
with ``keccak256(abi.encode(history, topic0, fields…))``, where the fields are all of the event's,
of its creation's at first, but the last, which is the new digest. A federation's attestations are
not folded: they carry the digest that their node saw.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_utils import keccak

from fl_node.chain.interface import Interface, federation, split_session
from fl_node.chain.ledger import LedgerEvent

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


def first_break(events: Iterable[LedgerEvent], chain_id: int, contract: str) -> HistoryBreak | None:
    """Find where a list of events stops being a federation's own, whole and in order.

    What is missing at the end does not show here, but in the contract's own digest.
    """
    return _first_break(events, _Seed("FederationCreated", chain_id, contract), federation())


def first_session_break(
    events: Iterable[LedgerEvent], chain_id: int, contract: str
) -> HistoryBreak | None:
    """Find where a list of events stops being one split learning's own, whole and in order."""
    return _first_break(events, _Seed("SplitSessionCreated", chain_id, contract), split_session())


@dataclass(frozen=True)
class _Seed:
    """What a history begins with.

    :ivar creation: the kind of event that a contract begins with
    """

    creation: str
    chain_id: int
    contract: str


def _first_break(
    events: Iterable[LedgerEvent], seed: _Seed, interface: Interface
) -> HistoryBreak | None:
    current = b""
    for index, event in enumerate(events):
        expected = _next_digest(current, event, seed, interface)
        found = event.values["history"]
        if found != expected:
            return HistoryBreak(index, event.kind, expected, found)
        current = expected
    return None


def _next_digest(current: bytes, event: LedgerEvent, seed: _Seed, interface: Interface) -> bytes:
    if event.kind == _ATTESTATION:
        return current
    types = interface.event_types(event.kind)[:-1]
    fields = [event.values[name] for name in interface.event_fields(event.kind)[:-1]]
    if event.kind == seed.creation and not current:  # a second one follows from nothing
        return keccak(
            encode(["uint256", "address", *types], [seed.chain_id, seed.contract, *fields])
        )
    topic = interface.topic(event.kind)
    return keccak(encode(["bytes32", "bytes32", *types], [current, topic, *fields]))
