"""What the contract's interface says of its events, errors and records."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import (
    collapse_if_tuple,
    event_abi_to_log_topic,
    function_abi_to_4byte_selector,
)
from eth_utils.address import to_checksum_address

from fl_node.chain.artifact import federation_artifact
from fl_node.errors import RevertedError

_SHOWN_LETTERS = 300


@cache
def event_names() -> dict[bytes, str]:
    """Give each event's name by its first topic."""
    return {bytes(event_abi_to_log_topic(entry)): entry["name"] for entry in _entries("event")}


@cache
def event_fields(name: str) -> list[str]:
    """Name an event's fields in order."""
    (entry,) = (entry for entry in _entries("event") if entry["name"] == name)
    return [field["name"] for field in entry["inputs"]]


@cache
def local_weight_fields() -> list[str]:
    """Name the fields of a node's record in order."""
    (entry,) = (entry for entry in _entries("function") if entry["name"] == "getLocalWeight")
    return [field["name"] for field in entry["outputs"][0]["components"]]


@dataclass(frozen=True)
class View:
    """A function that only reads.

    web3's contracts do the same and take three times as long, on every look at the chain.
    """

    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def calldata(self, arguments: Sequence[object]) -> bytes:
        """Encode a call.

        :raises EncodingError: when an argument is none that it takes
        """
        return self.selector + encode(self.inputs, arguments)

    def result(self, data: bytes) -> Any:
        """Decode what a call gave: one value as it is, several as a tuple; addresses as written.

        :raises DecodingError: when it is something else
        """
        values = decode(self.outputs, data)
        written = [
            to_checksum_address(value) if kind == "address" else value
            for kind, value in zip(self.outputs, values, strict=True)
        ]
        return written[0] if len(written) == 1 else tuple(written)


@cache
def view(name: str) -> View:
    """Look up a view by its name."""
    (entry,) = (entry for entry in _entries("function") if entry["name"] == name)
    return View(
        function_abi_to_4byte_selector(entry),
        tuple(collapse_if_tuple(field) for field in entry["inputs"]),
        tuple(collapse_if_tuple(field) for field in entry["outputs"]),
    )


def reverted(data: bytes) -> RevertedError:
    """Read what a refused call gave back: the error's selector and its values."""
    for entry in _entries("error"):
        if function_abi_to_4byte_selector(entry) == data[:4]:
            return _named(entry, data)
    return _unknown(data)


def _named(entry: Any, data: bytes) -> RevertedError:
    types = [collapse_if_tuple(field) for field in entry["inputs"]]
    try:
        return RevertedError(entry["name"], decode(types, data[4:]))
    except DecodingError:
        return _unknown(data)


def _unknown(data: bytes) -> RevertedError:
    return RevertedError("UnknownError", (data.hex()[:_SHOWN_LETTERS],))


def _entries(kind: str) -> list[Any]:
    return [entry for entry in federation_artifact().abi if entry["type"] == kind]
