"""Gas of every call of the contract, measured on py-evm: the same figures on every machine.

Prints one line of JSON; with --write it also renews contracts/gas.json, which a test compares.

    python benchmarks/gas.py --write
"""

import json
import sys
from dataclasses import astuple
from pathlib import Path
from typing import Any

from eth_utils import keccak

from fl_node.chain.artifact import federation_artifact
from fl_node.chain.embedded import EmbeddedChain, embedded_account
from fl_node.chain.ethereum import DEPLOY_GAS_LIMIT, EthereumLedger
from fl_node.chain.transact import transact
from fl_node.files import write_atomically
from fl_node.rounds import Reason, Terms

FIGURES = Path(__file__).parents[1] / "contracts" / "gas.json"
START_SECONDS = 1_700_000_000
SAMPLES = 30_000
EARLY_ROUND, LATE_ROUND = 3, 300
FEW_NODES, MANY_NODES = 2, 100
FINALITY = Terms(finality=1, rounds=10, grace_seconds=0)


def digest(*parts: object) -> bytes:
    """Give 32 bytes, none of them zero, since a zero byte in a call is cheaper."""
    return bytes(byte or 1 for byte in keccak(text="/".join(map(str, parts))))


class Measured:
    """A federation whose calls tell what they cost."""

    def __init__(self, nodes: int, terms: Terms) -> None:
        """Create the contract, register the nodes, and start."""
        self.nodes = nodes
        self.roles = ["owner", "header", *(f"node {node}" for node in range(1, nodes + 2))]
        accounts = [embedded_account(role).address for role in self.roles]
        self.chain = EmbeddedChain(accounts, START_SECONDS, clock=lambda: START_SECONDS)
        self.created = self._create(terms)
        self.registered = [self.register(node) for node in range(1, nodes + 1)]
        self.started = self.act("owner", "setGlobalWeight", 0, digest("initial"), bytes(32))

    def _create(self, terms: Terms) -> int:
        artifact = federation_artifact()
        factory = self.chain.web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        header = embedded_account("header").address
        values = (digest("plan"), digest("initial"), header, astuple(terms))
        creation = factory.constructor(*values)
        receipt = self._mined("owner", creation)
        self.address = str(receipt["contractAddress"])
        self.contract = self.chain.web3.eth.contract(self.address, abi=artifact.abi)
        self.ledger = EthereumLedger(self.chain, self.address)
        return receipt["gasUsed"]

    def act(self, role: str, function: str, *values: Any) -> int:
        """Send a call and give its gas; a call that names the history gets the newest."""
        if function in ("setGlobalWeight", "attest"):
            values = (*values, self.contract.functions.history().call())
        call = self.contract.functions[function](*values)
        return self._mined(role, call)["gasUsed"]

    def _mined(self, role: str, call: Any) -> Any:
        (sent,) = transact(self.chain, embedded_account(role), [call], DEPLOY_GAS_LIMIT)
        return self.chain.web3.eth.get_transaction_receipt(sent.hash)

    def register(self, node: int) -> int:
        """Register a node."""
        return self.act("owner", "registerNode", node, embedded_account(f"node {node}").address)

    def submit(self, node: int, number: int) -> int:
        """Send an update."""
        values = (node, number, number - 1, digest("update", node, number), SAMPLES)
        return self.act(f"node {node}", "setLocalWeight", *values)

    def reject(self, node: int, number: int) -> int:
        """Reject an update."""
        values = (node, number, digest("update", node, number), int(Reason.NOT_FINITE))
        return self.act("header", "rejectLocalWeight", *values)

    def close(self, number: int, by: str = "header", text: str = "global") -> int:
        """Put a global."""
        return self.act(by, "setGlobalWeight", number, digest(text, number), digest("r", number))

    def attest(self, node: int, number: int, text: str = "global") -> int:
        """Attest a global."""
        return self.act(f"node {node}", "attest", node, number, digest(text, number))

    def play(self, number: int) -> tuple[int, int]:
        """Play a round; gives the dearest update's gas and the close's."""
        updates = [self.submit(node, number) for node in range(1, self.nodes + 1)]
        return max(updates), self.close(number)


def rounds_figures(nodes: int, last: int) -> dict[str, dict[str, int]]:
    """Measure the two calls of every round, in round 1, in an early one and in the last."""
    federation = Measured(nodes, Terms(rounds=last))
    played = {number: federation.play(number) for number in range(1, last + 1)}
    shown = sorted({1, EARLY_ROUND, last})
    return {
        "setLocalWeight": {f"round {r}, {nodes} nodes": played[r][0] for r in shown},
        "setGlobalWeight": {f"round {r}, {nodes} nodes": played[r][1] for r in shown},
    }


def other_figures() -> dict[str, int]:
    """Measure every other call, once things have settled."""
    federation = Measured(FEW_NODES, FINALITY)
    figures = {
        "constructor": federation.created,
        "registerNode": federation.registered[0],
        "setGlobalWeight, round 0": federation.started,
    }
    for number in range(1, 4):
        federation.play(number)
        figures["attest"] = federation.attest(1, number)
    federation.submit(1, 4)
    figures["rejectLocalWeight"] = federation.reject(1, 4)
    figures["setLocalWeight, again after a rejection"] = federation.submit(1, 4)
    federation.submit(2, 4)
    figures["setGlobalWeight, by a node"] = federation.close(4, by="node 1")
    figures["setGlobalWeight, a replacement"] = federation.close(4, by="node 2", text="other")
    figures["attest, a dispute"] = federation.attest(2, 4)
    federation.attest(1, 4, text="other")
    return figures | owner_figures(federation)


def owner_figures(federation: Measured) -> dict[str, int]:
    """Measure what the owner does."""
    spare = embedded_account("node 3").address
    federation.submit(1, 5)
    return {
        "replaceNode, withdrawing": federation.act("owner", "replaceNode", 1, spare),
        "setHeader": federation.act("owner", "setHeader", embedded_account("header").address),
        "setTerms": federation.act("owner", "setTerms", astuple(FINALITY)),
        "extend": federation.act("owner", "extend", FINALITY.rounds + 1),
        "reopen": federation.act("owner", "reopen", 5),
        "removeNode": federation.act("owner", "removeNode", 1),
    }


def measure() -> dict[str, Any]:
    """Measure everything."""
    few = rounds_figures(FEW_NODES, LATE_ROUND)
    many = rounds_figures(MANY_NODES, EARLY_ROUND)
    return {call: few[call] | many[call] for call in few} | other_figures()


def encoded(figures: dict[str, Any]) -> bytes:
    """Give the figures as they are committed."""
    return json.dumps(figures, indent=2, sort_keys=True).encode() + b"\n"


def main() -> None:
    """Print the figures, and renew the file if asked to."""
    figures = measure()
    print(json.dumps({"benchmark": "gas"} | figures))
    if "--write" in sys.argv:
        write_atomically(FIGURES, [encoded(figures)])


if __name__ == "__main__":
    main()
