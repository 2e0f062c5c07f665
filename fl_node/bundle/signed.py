"""Whether each event of a federation was asked for by one who may, in a transaction of its own.

The contract demands the same. On a chain that nobody seals this is what an outsider can see: its
maker can write any receipt, but signs for nobody else.
"""

from collections.abc import Mapping
from typing import Any

from fl_node.chain.abi import creation_code, decode_call
from fl_node.chain.ledger import LedgerEvent
from fl_node.chain.proof import SignedTransaction, contract_address
from fl_node.errors import ProofError

_CREATION = "FederationCreated"
_CALLS = {
    "Attested": "attest",
    "Extended": "extend",
    "GlobalWeightSet": "setGlobalWeight",
    "HeaderSet": "setHeader",
    "LocalWeightRejected": "rejectLocalWeight",
    "LocalWeightSet": "setLocalWeight",
    "NodeRegistered": "registerNode",
    "NodeRemoved": "removeNode",
    "NodeReplaced": "replaceNode",
    "Reopened": "reopen",
    "TermsSet": "setTerms",
}
# Arguments that their event calls otherwise.
_CALLED = {
    "Extended": {"toRound": "rounds"},
    "HeaderSet": {"account": "header"},
    "TermsSet": {"changed": "terms"},
}
_BY_A_NODE = ("Attested", "LocalWeightSet")
_BY_ANYONE_OF_THEM = ("GlobalWeightSet", "LocalWeightRejected")


class Signatures:
    """Owner, header and nodes, event by event."""

    def __init__(self, federation: str, chain_id: int) -> None:
        """Begin before the creation."""
        self._federation, self._chain_id = federation, chain_id
        self._owner = self._header = ""
        self._history = b""
        self._nodes: dict[int, str] = {}

    def follow(self, event: LedgerEvent, transaction: SignedTransaction) -> None:
        """Check who signed for the next event, and for what.

        :raises ProofError: when it was somebody else, or for something else
        """
        wrong = self._wrong_creation if event.kind == _CREATION else self._wrong_call
        if transaction.chain_id != self._chain_id:
            raise _unsigned(event, f"is signed for chain {transaction.chain_id}")
        if (found := wrong(event, transaction)) is not None:
            raise _unsigned(event, found)
        self._go_on(event.kind, event.values)

    def _wrong_creation(self, event: LedgerEvent, transaction: SignedTransaction) -> str | None:
        said = [event.values[name] for name in ("plan", "initial", "header", "terms")]
        if transaction.receiver is not None or self._owner:
            return "creates no contract"
        if contract_address(transaction.sender, transaction.nonce) != self._federation:
            return f"creates another contract than {self._federation}"
        if transaction.data != creation_code(*said):
            return "creates a contract of other code, or with other terms than it says"
        return None if event.values["owner"] == transaction.sender else "names another owner"

    def _wrong_call(self, event: LedgerEvent, transaction: SignedTransaction) -> str | None:
        if transaction.receiver != self._federation:
            return f"is sent to {transaction.receiver}"
        called = decode_call(transaction.data)
        if called is None or called[0] != _CALLS[event.kind]:
            return "calls another function"
        if (wrong := self._other_argument(event, called[1])) is not None:
            return f"calls it with another {wrong}"
        may = self._who_may(event.kind, event.values)
        return None if transaction.sender in may else f"is signed by {transaction.sender}"

    def _other_argument(self, event: LedgerEvent, arguments: Mapping[str, Any]) -> str | None:
        seen = event.values["history"] if event.kind == "Attested" else self._history
        said = {**event.values, "seen": seen}
        called = _CALLED.get(event.kind, {})
        different = (
            name for name, value in arguments.items() if said[called.get(name, name)] != value
        )
        return next(different, None)

    def _who_may(self, kind: str, values: Mapping[str, Any]) -> set[str]:
        if kind in _BY_A_NODE:
            return {self._nodes.get(values["nodeId"], "")}
        if kind in _BY_ANYONE_OF_THEM:
            first = kind == "GlobalWeightSet" and values["round"] == 0
            all_of_them = {self._owner} if first else {self._header, *self._nodes.values()}
            return all_of_them & {values["by"]}
        return {self._owner}

    def _go_on(self, kind: str, values: Mapping[str, Any]) -> None:
        if kind == _CREATION:
            self._owner, self._header = values["owner"], values["header"]
        elif kind == "HeaderSet":
            self._header = values["header"]
        elif kind == "NodeRemoved":
            self._nodes.pop(values["nodeId"], None)
        elif kind in ("NodeRegistered", "NodeReplaced"):
            self._nodes[values["nodeId"]] = values["account"]
        if kind != "Attested":
            self._history = values["history"]


def _unsigned(event: LedgerEvent, what: str) -> ProofError:
    return ProofError(f"{event.kind} in block {event.block}: its transaction {what}")
