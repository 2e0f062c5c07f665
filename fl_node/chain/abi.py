"""What the contract's interface says of its events, errors and records."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.abi import (
    collapse_if_tuple,
    event_abi_to_log_topic,
    function_abi_to_4byte_selector,
)
from eth_utils.address import to_checksum_address

from fl_node.chain.artifact import federation_artifact
from fl_node.errors import LedgerError, RevertedError

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


def decode_event(topics: Sequence[bytes], data: bytes) -> tuple[str, dict[str, Any]]:
    """Read a log of the contract: the event's name, and its fields in the contract's order.

    :raises LedgerError: when it is none of the contract's events, byte for byte
    """
    try:
        name = event_names()[topics[0]]
        (entry,) = (each for each in _entries("event") if each["name"] == name)
        values = _event_values(entry["inputs"], list(topics[1:]), data)
    except (IndexError, KeyError, ValueError, DecodingError, OverflowError) as error:
        raise LedgerError("an event of a federation was expected, found another log") from error
    return name, {field["name"]: values[field["name"]] for field in entry["inputs"]}


def _event_values(inputs: Sequence[Any], topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
    indexed = [field for field in inputs if field["indexed"]]
    plain = [field for field in inputs if not field["indexed"]]
    values = {
        **_exactly(indexed, b"".join(topics)),  # none of the contract's is longer than a topic
        **_exactly(plain, data),
    }
    return {name: _written(value) for name, value in values.items()}


def _exactly(fields: Sequence[Any], data: bytes) -> dict[str, Any]:
    """Decode values that are of fixed length, one after the other, and nothing after them."""
    types = [collapse_if_tuple(field) for field in fields]
    values = decode(types, data)
    if encode(types, values) != data:
        raise ValueError("other bytes than those of its values")
    return {field["name"]: value for field, value in zip(fields, values, strict=True)}


def _written(value: Any) -> Any:
    return to_checksum_address(value) if isinstance(value, str) else value


def decode_call(data: bytes) -> tuple[str, dict[str, Any]] | None:
    """Read what was asked of the contract: the function's name and its arguments by name.

    :returns: None when it is no function that changes anything, or with other arguments
    """
    for entry in _entries("function"):
        changes = entry["stateMutability"] == "nonpayable"
        if changes and function_abi_to_4byte_selector(entry) == data[:4]:
            try:
                values = _exactly(entry["inputs"], data[4:])
            except (ValueError, DecodingError, OverflowError):
                return None
            return entry["name"], {name: _written(value) for name, value in values.items()}
    return None


def creation_code(plan: bytes, initial: bytes, header: str, terms: tuple[int, ...]) -> bytes:
    """Give the data of the transaction that creates a contract with these terms.

    :raises LedgerError: when one of them is out of its range
    """
    (constructor,) = _entries("constructor")
    types = [collapse_if_tuple(field) for field in constructor["inputs"]]
    code = bytes.fromhex(federation_artifact().bytecode.removeprefix("0x"))
    try:
        return code + encode(types, (plan, initial, header, terms))
    except EncodingError as error:
        raise LedgerError(f"no federation has the terms {terms}: {error}") from error


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
