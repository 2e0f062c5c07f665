"""What a contract's interface says of its events, errors and calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.abi import (
    collapse_if_tuple,
    event_abi_to_log_topic,
    function_abi_to_4byte_selector,
)
from eth_utils.address import to_checksum_address

from fl_node.chain.artifact import Artifact, federation_artifact, split_session_artifact
from fl_node.errors import LedgerError, RevertedError


@cache
def federation() -> "Interface":
    """Give the interface of ``Federation.sol``."""
    return Interface("federation", federation_artifact())


@cache
def split_session() -> "Interface":
    """Give the interface of ``SplitSession.sol``."""
    return Interface("split session", split_session_artifact())


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


class Interface:
    """A kind of contract: how it is called, and how what it says is read.

    :ivar kind: what such a contract is called in messages
    """

    def __init__(self, kind: str, artifact: Artifact) -> None:
        self.kind = kind
        self.artifact = artifact
        self._views: dict[str, View] = {}

    @cached_property
    def event_names(self) -> dict[bytes, str]:
        """Give each event's name by its first topic."""
        entries = self._entries("event")
        return {bytes(event_abi_to_log_topic(entry)): entry["name"] for entry in entries}

    @cached_property
    def _event_inputs(self) -> dict[str, list[Any]]:
        return {entry["name"]: entry["inputs"] for entry in self._entries("event")}

    @cached_property
    def _topics(self) -> dict[str, bytes]:
        return {name: topic for topic, name in self.event_names.items()}

    def topic(self, name: str) -> bytes:
        """Give an event's first topic."""
        return self._topics[name]

    def event_fields(self, name: str) -> list[str]:
        """Name an event's fields in order."""
        return [field["name"] for field in self._event_inputs[name]]

    @cached_property
    def _event_types(self) -> dict[str, list[str]]:
        inputs = self._event_inputs.items()
        return {name: [collapse_if_tuple(field) for field in fields] for name, fields in inputs}

    def event_types(self, name: str) -> list[str]:
        """Give the types of an event's fields in order."""
        return self._event_types[name]

    def record_fields(self, view: str) -> list[str]:
        """Name the fields of the struct that a view gives, in order."""
        (entry,) = (each for each in self._entries("function") if each["name"] == view)
        return [field["name"] for field in entry["outputs"][0]["components"]]

    def view(self, name: str) -> View:
        """Look up a view by its name."""
        if name not in self._views:
            (entry,) = (each for each in self._entries("function") if each["name"] == name)
            self._views[name] = View(
                function_abi_to_4byte_selector(entry),
                tuple(collapse_if_tuple(field) for field in entry["inputs"]),
                tuple(collapse_if_tuple(field) for field in entry["outputs"]),
            )
        return self._views[name]

    def decode_event(self, topics: Sequence[bytes], data: bytes) -> tuple[str, dict[str, Any]]:
        """Read a log of the contract: the event's name, and its fields in the contract's order.

        :raises LedgerError: when it is none of the contract's events, byte for byte
        """
        try:
            name = self.event_names[topics[0]]
            inputs = self._event_inputs[name]
            values = _event_values(inputs, list(topics[1:]), data)
        except (IndexError, KeyError, ValueError, DecodingError, OverflowError) as error:
            raise LedgerError(
                f"an event of a {self.kind} was expected, found another log"
            ) from error
        return name, {field["name"]: values[field["name"]] for field in inputs}

    def decode_call(self, data: bytes) -> tuple[str, dict[str, Any]] | None:
        """Read what was asked of the contract: the function's name and its arguments by name.

        :returns: None when it is no function that changes anything, or with other arguments
        """
        for entry in self._entries("function"):
            changes = entry["stateMutability"] == "nonpayable"
            if changes and function_abi_to_4byte_selector(entry) == data[:4]:
                try:
                    values = _exactly(entry["inputs"], data[4:])
                except (ValueError, DecodingError, OverflowError):
                    return None
                return entry["name"], {name: _written(value) for name, value in values.items()}
        return None

    def creation_code(self, *arguments: object) -> bytes:
        """Give the data of the transaction that creates a contract with these arguments.

        :raises LedgerError: when one of them is out of its range
        """
        (constructor,) = self._entries("constructor")
        types = [collapse_if_tuple(field) for field in constructor["inputs"]]
        code = bytes.fromhex(self.artifact.bytecode.removeprefix("0x"))
        try:
            return code + encode(types, arguments)
        except EncodingError as error:
            raise LedgerError(f"no {self.kind} has the terms {arguments[-1]}: {error}") from error

    def refusal(self, data: bytes) -> RevertedError | None:
        """Read what a refused call gave back: the error's selector and its values.

        :returns: None when it is none of the contract's errors
        """
        for entry in self._entries("error"):
            if function_abi_to_4byte_selector(entry) == data[:4]:
                types = [collapse_if_tuple(field) for field in entry["inputs"]]
                try:
                    return RevertedError(entry["name"], decode(types, data[4:]))
                except DecodingError:
                    return None
        return None

    def _entries(self, kind: str) -> list[Any]:
        return [entry for entry in self.artifact.abi if entry["type"] == kind]


def _event_values(inputs: Sequence[Any], topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
    indexed = [field for field in inputs if field["indexed"]]
    plain = [field for field in inputs if not field["indexed"]]
    values = {
        **_exactly(indexed, b"".join(topics)),  # none of a contract's is longer than a topic
        **_exactly(plain, data),
    }
    return {name: _written(value) for name, value in values.items()}


def _exactly(fields: Sequence[Any], data: bytes) -> dict[str, Any]:
    """Decode values, one after the other as the contract writes them, and nothing after them."""
    types = [collapse_if_tuple(field) for field in fields]
    values = decode(types, data)
    if encode(types, values) != data:
        raise ValueError("other bytes than those of its values")
    return {field["name"]: value for field, value in zip(fields, values, strict=True)}


def _written(value: Any) -> Any:
    return to_checksum_address(value) if isinstance(value, str) else value
