"""A contract of split learning on some chain, and everybody's view of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fl_node.chain.connection import Connection
from fl_node.chain.embedded import embedded_account
from fl_node.chain.epoch_signature import sign_epoch
from fl_node.chain.epochs import (
    EVERYONE,
    Announcement,
    EpochRecord,
    HandOver,
    LoneRecord,
    SplitTerms,
)
from fl_node.chain.ethereum_session import EthereumSessionLedger, deploy_session
from fl_node.chain.session_ledger import SessionLedger
from fl_node.cid import Cid
from tests.chain.scene import address

TERMS = SplitTerms(epochs=3, deadline_seconds=2)
PLAN = Cid(b"p" * 32)
# Roles that have funds on every chain of the tests.
PROVIDER, SPARE = "header", "node 5"
FAR = 2**40 - 1


def digest(letter: str) -> bytes:
    return letter.encode() * 32


def announcement(node: int, **changes: Any) -> Announcement:
    plain = Announcement(node, digest("k"), b"certificate", "127.0.0.1:7000", FAR)
    return replace(plain, **changes)


def record(node: int, epoch: int = 1, **changes: Any) -> EpochRecord:
    named = digest("r"), Cid(digest("f")), digest("n"), digest("p")
    return replace(EpochRecord(node, epoch, 469, *named), **changes)


def lone(node: int, epoch: int = 1, first_difference: int = 0) -> LoneRecord:
    named = digest("r"), Cid(digest("f")), digest("c")
    return LoneRecord(node, epoch, 469, *named, first_difference)


def handed(from_node: int, to_node: int, epoch: int = 1) -> HandOver:
    return HandOver(from_node, to_node, epoch, Cid(digest("w")))


@dataclass(frozen=True)
class SessionScene:
    """A contract on one chain, and everybody's view of it.

    :ivar wait: lets seconds pass on the chain
    """

    connection: Connection
    contract: str
    wait: Callable[[int], None]
    ledgers: dict[str | None, SessionLedger] = field(default_factory=dict)

    def ledger(self, role: str | None) -> SessionLedger:
        if role not in self.ledgers:
            self.ledgers[role] = self.own_ledger(role)
        return self.ledgers[role]

    def own_ledger(self, role: str | None) -> SessionLedger:
        signer = embedded_account(role) if role else None
        return EthereumSessionLedger(self.connection, self.contract, signer)

    def start(self) -> None:
        nodes = {node: address(f"node {node}") for node in (1, 2)}
        self.ledger("owner").register_nodes(nodes)

    def announce(self) -> None:
        """Let the provider and node 1 announce themselves."""
        self.ledger(PROVIDER).announce(announcement(0))
        self.ledger("node 1").announce(announcement(1))

    def sign(self, role: str, given: EpochRecord) -> bytes:
        chain_id = self.connection.chain_id
        return sign_epoch(embedded_account(role), given, chain_id, self.contract)

    def record(self, node: int, epoch: int = 1, by: str = PROVIDER, **changes: Any) -> None:
        given = record(node, epoch, **changes)
        signatures = self.sign(f"node {node}", given), self.sign(PROVIDER, given)
        self.ledger(by).record_epoch(given, *signatures)


def deployed(
    connection: Connection, wait: Callable[[int], None], terms: SplitTerms = TERMS
) -> SessionScene:
    provider = address(PROVIDER)
    contract = deploy_session(connection, embedded_account("owner"), PLAN, provider, terms)
    return SessionScene(connection, contract, wait)


def whole_life(started: SessionScene) -> None:
    """Let every kind of event happen."""
    owner = started.ledger("owner")
    started.announce()
    started.record(1)
    started.ledger("node 1").record_alone(lone(1, 2, first_difference=5))
    started.wait(TERMS.deadline_seconds)
    started.ledger(PROVIDER).record_alone(lone(1, 2))
    started.ledger(PROVIDER).record_alone(lone(1, 2, first_difference=5))
    started.record(1, 2, by="owner", steps=470)
    started.ledger("node 1").hand_on(handed(1, 2, 2))
    started.ledger("node 1").hand_on(handed(1, EVERYONE, 1))
    owner.set_provider(address(SPARE))
    owner.remove_node(2)


def without_history(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    fields = list(values.items())
    assert fields[-1][0] == "history"
    return fields[:-1]
