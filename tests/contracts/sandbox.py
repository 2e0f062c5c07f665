"""One federation on a bare EVM, spoken to in the contract's own words."""

from fl_node.chain.interface import federation
from tests.contracts import spoken
from tests.contracts.evm import Evm
from tests.contracts.spoken import START, Event, Spoken

OWNER, HEADER, STRANGER = (f"0x{number:040x}" for number in (0xA1, 0xA2, 0xA3))
NOBODY = "0x" + "00" * 20
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


def account(number: int) -> str:
    """Give the account that node `number` has in these tests until it is replaced."""
    return f"0x{0xB000 + number:040x}"


def digest(text: str) -> bytes:
    """Give a digest that can be told from others in a failure's output."""
    return text.encode().ljust(32, b".")


class Sandbox(Spoken):
    """A federation and a clock; each call happens `self.now` seconds after 1970."""

    def __init__(self, evm: Evm | None = None, now: int = START, **terms: int) -> None:
        super().__init__(federation(), evm, now)
        values = [PLAN, INITIAL, HEADER, tuple((TERMS | terms).values())]
        self.created = self.create(OWNER, values)

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
    return spoken.error_names(federation())
