"""A contract on a bare EVM, spoken to in its own words."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils import keccak
from eth_utils.abi import collapse_if_tuple

from fl_node.chain.interface import Interface, federation
from tests.contracts.evm import Evm

START = 1_700_000_000
READER = f"0x{0xA1:040x}"


@dataclass(frozen=True)
class Event:
    """An event that a call emitted, with the values of its fields in order."""

    name: str
    values: tuple[Any, ...]
    interface: Interface = field(default_factory=federation, compare=False, repr=False)

    def __getitem__(self, field: str) -> Any:
        return self.values[self.interface.event_fields(self.name).index(field)]


class RefusedError(Exception):
    """A call that the contract reverted: the custom error's name, and its values in order."""

    def __init__(self, name: str, *values: Any) -> None:
        super().__init__(name, *values)
        self.name = name
        self.values = values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RefusedError) and self.args == other.args

    def __hash__(self) -> int:
        return hash(self.args)


class Spoken:
    """A contract of some kind and a clock; each call happens `now` seconds after 1970."""

    def __init__(self, interface: Interface, evm: Evm | None, now: int) -> None:
        self.interface = interface
        self.evm = evm or Evm()
        self.now = now

    def create(self, owner: str, values: list[Any]) -> Event:
        """Run the constructor; this is about that contract from now on."""
        code = self.interface.creation_code(*values)
        address, outcome = self.evm.create(owner, code, self.now)
        created = self._event(self._checked(outcome))
        self.address = address
        return created

    def act(self, sender: str, function: str, *values: Any) -> Event:
        """Send a call, and give the event that it emits.

        :raises RefusedError: when the contract reverts
        """
        return self._event(self._checked(self._call(sender, function, values)))

    def look(self, view: str, *values: Any) -> Any:
        """Call a view; a struct comes as a dictionary, a single value as itself."""
        outcome = self._checked(self._call(READER, view, values))
        outputs = self._function(view)["outputs"]
        found = decode(_types(outputs), outcome.output)
        if len(outputs) > 1:
            return found
        if outputs[0]["type"] != "tuple":
            return found[0]
        names = [field["name"] for field in outputs[0]["components"]]
        return dict(zip(names, found[0], strict=True))

    def send(self, sender: str, data: bytes) -> Event:
        """Send bytes that need not be a call's.

        :raises RefusedError: when the contract reverts
        """
        return self._event(self._checked(self.evm.call(sender, self.address, data, self.now)))

    def _call(self, sender: str, function: str, values: tuple[Any, ...]) -> Any:
        entry = self._function(function)
        data = _selector(entry) + encode(_types(entry["inputs"]), values)
        return self.evm.call(sender, self.address, data, self.now)

    def _checked(self, outcome: Any) -> Any:
        if not outcome.reverted:
            return outcome
        for entry in self._entries("error"):
            if _selector(entry) == outcome.output[:4]:
                values = decode(_types(entry["inputs"]), outcome.output[4:])
                raise RefusedError(entry["name"], *values)
        raise RefusedError("no custom error", outcome.output)

    def _event(self, outcome: Any) -> Event:
        ((topics, data),) = outcome.logs  # each call emits one
        for entry in self._entries("event"):
            if _topic(entry) == topics[0]:
                return Event(entry["name"], _values(entry, list(topics[1:]), data), self.interface)
        raise AssertionError(f"no event of the interface has the topic {topics[0]:064x}")

    def _function(self, name: str) -> dict[str, Any]:
        (entry,) = (entry for entry in self._entries("function") if entry["name"] == name)
        return entry

    def _entries(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in self.interface.artifact.abi if entry["type"] == kind]


def error_names(interface: Interface) -> set[str]:
    """Name the custom errors of a contract."""
    return {entry["name"] for entry in interface.artifact.abi if entry["type"] == "error"}


def _values(entry: dict[str, Any], topics: list[int], data: bytes) -> tuple[Any, ...]:
    plain = [field for field in entry["inputs"] if not field["indexed"]]
    rest = list(decode(_types(plain), data))
    return tuple((topics if field["indexed"] else rest).pop(0) for field in entry["inputs"])


def _types(fields: list[dict[str, Any]]) -> list[str]:
    return [collapse_if_tuple(field) for field in fields]


def _topic(entry: dict[str, Any]) -> int:
    return int.from_bytes(_signature_digest(entry["name"], *_types(entry["inputs"])), "big")


def _selector(entry: dict[str, Any]) -> bytes:
    return _signature_digest(entry["name"], *_types(entry["inputs"]))[:4]


@cache
def _signature_digest(name: str, *types: str) -> bytes:
    return keccak(text=f"{name}({','.join(types)})")
