"""Folding a contract's events: one after the other, refusing what does not follow."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from fl_node.chain.ledger import LedgerEvent
from fl_node.errors import LedgerError

_Timeline = TypeVar("_Timeline")
Folds = Mapping[str, Callable[[_Timeline, LedgerEvent], _Timeline]]


def folded(folds: Folds[_Timeline], timeline: _Timeline, event: LedgerEvent) -> _Timeline:
    """Take an event into a timeline, as the fold of its kind does.

    :raises LedgerError: when it is about what no event has brought, or of an unknown value
    """
    try:
        return folds[event.kind](timeline, event)
    except (KeyError, ValueError) as error:
        raise LedgerError(
            f"the chain's {event.kind} at block {event.block} does not follow from what went "
            "before: ask another node"
        ) from error
