"""A contract on some chain, and everybody's view of it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from fl_node.chain.connection import Connection
from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import EthereumLedger, deploy_contract
from fl_node.chain.ledger import Ledger
from fl_node.cid import Cid
from fl_node.rounds import Terms, Update

TERMS = Terms(target=2, quorum=1, round_seconds=1000, grace_seconds=100, rounds=3)
PLAN, INITIAL = Cid(b"p" * 32), Cid(b"0" * 32)
ROLES = ("owner", "header", *(f"node {number}" for number in range(1, 6)))


def cid(letter: str) -> Cid:
    return Cid(letter.encode() * 32)


def address(role: str) -> str:
    return embedded_account(role).address


def update_of(node: int, letter: str = "w", **changes: int) -> Update:
    return replace(Update(node, 1, 0, cid(letter), 10 * node), **changes)


@dataclass(frozen=True)
class Scene:
    """A contract with two nodes on one chain, and everybody's view of it.

    :ivar wait: lets seconds pass on the chain
    """

    connection: Connection
    federation: str
    wait: Callable[[int], None]
    ledgers: dict[str | None, Ledger] = field(default_factory=dict)

    def ledger(self, role: str | None) -> Ledger:
        if role not in self.ledgers:
            self.ledgers[role] = self.own_ledger(role)
        return self.ledgers[role]

    def own_ledger(self, role: str | None) -> Ledger:
        signer = embedded_account(role) if role else None
        return EthereumLedger(self.connection, self.federation, signer)

    def start(self) -> None:
        owner = self.ledger("owner")
        for node in (1, 2):
            owner.register_node(node, address(f"node {node}"))
        owner.set_global_weight(0, INITIAL, None, owner.snapshot().history)

    def submit(self, node: int, letter: str = "w", **changes: int) -> None:
        self.ledger(f"node {node}").set_local_weight(update_of(node, letter, **changes))

    def close(self, number: int = 1, letter: str = "g", role: str = "header") -> None:
        ledger = self.ledger(role)
        ledger.set_global_weight(number, cid(letter), cid("r"), ledger.snapshot().history)


def deployed(connection: Connection, wait: Callable[[int], None], terms: Terms = TERMS) -> Scene:
    owner = embedded_account("owner")
    federation = deploy_contract(connection, owner, PLAN, INITIAL, address("header"), terms)
    return Scene(connection, federation, wait)
