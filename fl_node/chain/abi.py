"""What the interface of a federation says of its events, calls and records."""

from collections.abc import Sequence
from typing import Any

from fl_node.chain.interface import View, federation, split_session
from fl_node.errors import RevertedError

_SHOWN_LETTERS = 300


def event_names() -> dict[bytes, str]:
    """Give each event's name by its first topic."""
    return federation().event_names


def event_fields(name: str) -> list[str]:
    """Name an event's fields in order."""
    return federation().event_fields(name)


def view(name: str) -> View:
    """Look up a view by its name."""
    return federation().view(name)


def decode_event(topics: Sequence[bytes], data: bytes) -> tuple[str, dict[str, Any]]:
    """Read a log of the contract: the event's name, and its fields in the contract's order.

    :raises LedgerError: when it is none of the contract's events, byte for byte
    """
    return federation().decode_event(topics, data)


def decode_call(data: bytes) -> tuple[str, dict[str, Any]] | None:
    """Read what was asked of the contract: the function's name and its arguments by name.

    :returns: None when it is no function that changes anything, or with other arguments
    """
    return federation().decode_call(data)


def creation_code(plan: bytes, initial: bytes, header: str, terms: tuple[int, ...]) -> bytes:
    """Give the data of the transaction that creates a contract with these terms.

    :raises LedgerError: when one of them is out of its range
    """
    return federation().creation_code(plan, initial, header, terms)


def reverted(data: bytes) -> RevertedError:
    """Read what a refused call of any contract here gave back: the error and its values.

    An error of the same name and types is the same in every contract.
    """
    for interface in (federation(), split_session()):
        found = interface.refusal(data)
        if found is not None:
            return found
    return RevertedError("UnknownError", (data.hex()[:_SHOWN_LETTERS],))
