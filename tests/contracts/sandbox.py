"""One federation on a bare EVM, spoken to in the contract's own words."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils import keccak
from eth_utils.abi import collapse_if_tuple

from fl_node.chain.artifact import federation_artifact
from tests.contracts.evm import Evm

OWNER, HEADER, STRANGER = (f"0x{number:040x}" for number in (0xA1, 0xA2, 0xA3))
NOBODY = "0x" + "00" * 20
START = 1_700_000_000
PLAN, INITIAL, EMPTY = b"P" * 32, b"0" * 32, bytes(32)
TERMS = {
    "target": 0,
    "quorum": 1,
    "roundSeconds": 100,
    "graceSeconds": 10,
    "maxStaleness": 0,
    "finality": 0,
    "rounds": 3,
}


@dataclass(frozen=True)
class Event:
    """An event that a call emitted, with the values of its fields in order."""

    name: str
    values: tuple[Any, ...]

    def __getitem__(self, field: str) -> Any:
        names = [found["name"] for found in _entry("event", self.name)["inputs"]]
        return self.values[names.index(field)]


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


def account(number: int) -> str:
    """Give the account that node `number` has in these tests until it is replaced."""
    return f"0x{0xB000 + number:040x}"


def digest(text: str) -> bytes:
    """Give a digest that can be told from others in a failure's output."""
    return text.encode().ljust(32, b".")


class Sandbox:
    """A federation and a clock; each call happens `self.now` seconds after 1970."""

    def __init__(self, evm: Evm | None = None, now: int = START, **terms: int) -> None:
        self.evm = evm or Evm()
        self.now = now
        values = [PLAN, INITIAL, HEADER, tuple((TERMS | terms).values())]
        self.created = self.create(values)

    def create(self, values: list[Any]) -> Event:
        """Run the constructor; this sandbox is about that federation from now on."""
        code = bytes.fromhex(federation_artifact().bytecode[2:])
        code += encode(_types(_entry("constructor", None)["inputs"]), values)
        address, outcome = self.evm.create(OWNER, code, self.now)
        created = _event(_checked(outcome))
        self.address = address
        return created

    def act(self, sender: str, function: str, *values: Any) -> Event:
        """Send a call, and give the event that it emits.

        :raises RefusedError: when the contract reverts
        """
        return _event(_checked(self._call(sender, function, values)))

    def look(self, view: str, *values: Any) -> Any:
        """Call a view; a struct comes as a dictionary, a single value as itself."""
        outcome = _checked(self._call(OWNER, view, values))
        outputs = _entry("function", view)["outputs"]
        found = decode(_types(outputs), outcome.output)
        if len(outputs) > 1:
            return found
        if outputs[0]["type"] != "tuple":
            return found[0]
        names = [field["name"] for field in outputs[0]["components"]]
        return dict(zip(names, found[0], strict=True))

    def _call(self, sender: str, function: str, values: tuple[Any, ...]) -> Any:
        entry = _entry("function", function)
        data = _selector(entry) + encode(_types(entry["inputs"]), values)
        return self.evm.call(sender, self.address, data, self.now)

    # What most tests need, by the parties that do it.

    def start(self, nodes: int = 2) -> "Sandbox":
        """Register nodes 1, 2, … and put global 0."""
        for number in range(1, nodes + 1):
            self.act(OWNER, "registerNode", number, account(number))
        self.act(OWNER, "setGlobalWeight", 0, INITIAL, EMPTY, self.look("history"))
        return self

    def submit(self, node: int, base: int | None = None, weights: bytes | None = None) -> Event:
        """Send an update of a node for the open round, from the latest global if none is named."""
        number = self.look("state")["number"]
        values = (base if base is not None else number - 1, weights or digest(f"update {node}"), 7)
        return self.act(self.look("node", node)["account"], "setLocalWeight", node, number, *values)

    def reject(self, node: int, by: str = HEADER, reason: int = 7) -> Event:
        """Take a node's update out of the open round."""
        weights = self.look("getLocalWeight", node)["weights"]
        number = self.look("state")["number"]
        return self.act(by, "rejectLocalWeight", node, number, weights, reason)

    def close(self, by: str = HEADER, weights: bytes | None = None) -> Event:
        """Close the open round."""
        number = self.look("state")["number"]
        found = weights or digest(f"global {number}")
        return self.act(
            by, "setGlobalWeight", number, found, digest("report"), self.look("history")
        )

    def replace_global(self, by: str, weights: bytes) -> Event:
        """Put another global over the updates of the round before."""
        number = self.look("state")["number"] - 1
        return self.act(
            by, "setGlobalWeight", number, weights, digest("report"), self.look("history")
        )

    def attest(self, node: int, weights: bytes | None = None) -> Event:
        """Attest the latest global, as the contract has it if no other weights are named."""
        number, found, _ = self.look("getGlobalWeight")
        by = self.look("node", node)["account"]
        return self.act(by, "attest", node, number, weights or found, self.look("history"))

    def play_round(self, *nodes: int) -> Event:
        """Have nodes submit, and the header close."""
        for node in nodes:
            self.submit(node)
        return self.close()


def error_names() -> set[str]:
    """Name the custom errors of the interface."""
    return {entry["name"] for entry in federation_artifact().abi if entry["type"] == "error"}


def _checked(outcome: Any) -> Any:
    if not outcome.reverted:
        return outcome
    for entry in federation_artifact().abi:
        if entry["type"] == "error" and _selector(entry) == outcome.output[:4]:
            raise RefusedError(entry["name"], *decode(_types(entry["inputs"]), outcome.output[4:]))
    raise RefusedError("no custom error", outcome.output)


def _event(outcome: Any) -> Event:
    ((topics, data),) = outcome.logs  # each call emits one
    for entry in federation_artifact().abi:
        if entry["type"] == "event" and _topic(entry) == topics[0]:
            return _decoded(entry, list(topics[1:]), data)
    raise AssertionError(f"no event of the interface has the topic {topics[0]:064x}")


def _decoded(entry: dict[str, Any], topics: list[int], data: bytes) -> Event:
    plain = [field for field in entry["inputs"] if not field["indexed"]]
    rest = list(decode(_types(plain), data))
    ordered = [(topics if field["indexed"] else rest).pop(0) for field in entry["inputs"]]
    return Event(entry["name"], tuple(ordered))


def _types(fields: list[dict[str, Any]]) -> list[str]:
    return [collapse_if_tuple(field) for field in fields]


def _topic(entry: dict[str, Any]) -> int:
    return int.from_bytes(_signature_digest(entry["name"], *_types(entry["inputs"])), "big")


def _selector(entry: dict[str, Any]) -> bytes:
    return _signature_digest(entry["name"], *_types(entry["inputs"]))[:4]


@cache
def _signature_digest(name: str, *types: str) -> bytes:
    return keccak(text=f"{name}({','.join(types)})")


@cache
def _entry(kind: str, name: str | None) -> dict[str, Any]:
    (entry,) = (
        entry
        for entry in federation_artifact().abi
        if entry["type"] == kind and entry.get("name") == name
    )
    return entry
