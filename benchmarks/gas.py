"""Gas of every call of the contracts, measured on py-evm: the same figures on every machine.

Prints one line of JSON; with --write it also renews contracts/gas.json, which a test compares.

    python benchmarks/gas.py --write
"""

import json
import sys
from dataclasses import astuple
from pathlib import Path
from typing import Any

from eth_utils import keccak

from fl_node.chain.artifact import Artifact, federation_artifact, split_session_artifact
from fl_node.chain.embedded import EmbeddedChain, embedded_account
from fl_node.chain.epoch_signature import record_values, sign_epoch
from fl_node.chain.epochs import EpochRecord
from fl_node.chain.ethereum import DEPLOY_GAS_LIMIT, EthereumLedger
from fl_node.chain.transact import transact
from fl_node.cid import Cid
from fl_node.files import write_atomically
from fl_node.rounds import Reason, Terms

FIGURES = Path(__file__).parents[1] / "contracts" / "gas.json"
START_SECONDS = 1_700_000_000
SAMPLES = 30_000
EARLY_ROUND, LATE_ROUND = 3, 300
FEW_NODES, MANY_NODES = 2, 100
EARLY_EPOCH, LATE_EPOCH = 3, 100
FEW_STEPS, MANY_STEPS = 235, 2_000_000_000
CERTIFICATE_BYTES = 400
FINALITY = Terms(finality=1, rounds=10, grace_seconds=0)


def digest(*parts: object) -> bytes:
    """Give 32 bytes, none of them zero, since a zero byte in a call is cheaper."""
    return bytes(byte or 1 for byte in keccak(text="/".join(map(str, parts))))


class Calls:
    """A contract on a chain of its own, whose creation and calls tell what they cost."""

    def __init__(self, roles: list[str]) -> None:
        """Start the chain, with funds for these roles."""
        self.roles = roles
        accounts = [embedded_account(role).address for role in roles]
        self.chain = EmbeddedChain(accounts, START_SECONDS, clock=lambda: START_SECONDS)

    def create(self, artifact: Artifact, *values: Any) -> int:
        """Create the contract; calls go to it from now on."""
        factory = self.chain.web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        receipt = self.mined("owner", factory.constructor(*values))
        self.address = str(receipt["contractAddress"])
        self.contract = self.chain.web3.eth.contract(self.address, abi=artifact.abi)
        return int(receipt["gasUsed"])

    def call(self, role: str, function: str, *values: Any) -> int:
        """Send a call and give its gas."""
        return int(self.mined(role, self.contract.functions[function](*values))["gasUsed"])

    def mined(self, role: str, call: Any) -> Any:
        """Send a call or a creation, and give its receipt."""
        (sent,) = transact(self.chain, embedded_account(role), [call], DEPLOY_GAS_LIMIT)
        return self.chain.web3.eth.get_transaction_receipt(sent.hash)


class Measured(Calls):
    """A federation whose calls tell what they cost."""

    def __init__(self, nodes: int, terms: Terms) -> None:
        """Create the contract, register the nodes, and start."""
        super().__init__(["owner", "header", *(f"node {node}" for node in range(1, nodes + 2))])
        self.nodes = nodes
        header = embedded_account("header").address
        values = (digest("plan"), digest("initial"), header, astuple(terms))
        self.created = self.create(federation_artifact(), *values)
        self.ledger = EthereumLedger(self.chain, self.address)
        self.registered = [self.register(node) for node in range(1, nodes + 1)]
        self.started = self.act("owner", "setGlobalWeight", 0, digest("initial"), bytes(32))

    def act(self, role: str, function: str, *values: Any) -> int:
        """Send a call and give its gas; a call that names the history gets the newest."""
        if function in ("setGlobalWeight", "attest"):
            values = (*values, self.contract.functions.history().call())
        return self.call(role, function, *values)

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


class MeasuredSplit(Calls):
    """Split learning with two nodes, whose calls tell what they cost."""

    def __init__(self) -> None:
        """Create the contract, register the nodes, and announce everybody."""
        super().__init__(["owner", "provider", "node 1", "node 2"])
        provider, terms = embedded_account("provider").address, (2 * LATE_EPOCH, 1)
        self.created = self.create(split_session_artifact(), digest("plan"), provider, terms)
        self.registered = [self.register(node) for node in (1, 2)]
        self.announced = self.announce(0, "provider"), self.announce(1, "node 1")

    def register(self, node: int) -> int:
        """Register a node."""
        return self.call("owner", "registerNode", node, embedded_account(f"node {node}").address)

    def announce(self, node: int, role: str) -> int:
        """Announce a party."""
        certificate = (digest("certificate") * CERTIFICATE_BYTES)[:CERTIFICATE_BYTES]
        values = (digest("key"), certificate, b"provider.example:7000", 2 * START_SECONDS)
        return self.call(role, "announce", node, *values)

    def record(self, epoch: int, steps: int = FEW_STEPS) -> int:
        """Record an epoch of node 1 with both signatures."""
        named = digest("root", epoch), Cid(digest("records", epoch))
        record = EpochRecord(1, epoch, steps, *named, digest("n", epoch), digest("p", epoch))
        signatures = [
            sign_epoch(embedded_account(role), record, self.chain.chain_id, self.address)
            for role in ("node 1", "provider")
        ]
        return self.call("provider", "recordEpoch", record_values(record), *signatures)

    def record_alone(self, role: str, epoch: int, difference: int) -> int:
        """Record an epoch of node 1 without the other side."""
        named = digest("root"), digest("records"), digest("checkpoint")
        return self.call(role, "recordAlone", 1, epoch, FEW_STEPS, *named, difference)


def split_figures() -> dict[str, int]:
    """Measure every call of split learning."""
    split = MeasuredSplit()
    epochs = {epoch: split.record(epoch) for epoch in range(1, LATE_EPOCH + 1)}
    nearly = LATE_EPOCH + 1
    return {
        "constructor": split.created,
        "registerNode": split.registered[0],
        "announce": max(split.announced),
        "announce, again": split.announce(1, "node 1"),
        **{f"recordEpoch, epoch {epoch}": epochs[epoch] for epoch in (1, EARLY_EPOCH, LATE_EPOCH)},
        "recordEpoch, many steps": split.record(nearly, MANY_STEPS),
        "recordAlone": split.record_alone("node 1", nearly + 1, 0),
        "recordAlone, a dispute": split.record_alone("provider", nearly + 1, 7),
        "recordAlone, a dispute after silence": split.record_alone("node 1", nearly + 1, 7),
        "recordEpoch, healing": split.record(nearly + 1),
        "handOn": split.call("node 1", "handOn", 1, 2, nearly, digest("weights")),
        "handOn, to every other node": split.call(
            "node 1", "handOn", 1, 0, nearly, digest("weights")
        ),
        "setProvider": split.call("owner", "setProvider", embedded_account("spare").address),
        "removeNode": split.call("owner", "removeNode", 1),
    }


def measure() -> dict[str, Any]:
    """Measure everything."""
    few = rounds_figures(FEW_NODES, LATE_ROUND)
    many = rounds_figures(MANY_NODES, EARLY_ROUND)
    rounds = {call: few[call] | many[call] for call in few}
    return rounds | other_figures() | {"SplitSession": split_figures()}


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
