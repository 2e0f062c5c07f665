"""A life in which every kind of event happens, and what its events tell."""

from collections.abc import Mapping
from dataclasses import astuple, replace
from typing import Any

from fl_node.rounds import Reason
from tests.chain.scene import INITIAL, PLAN, TERMS, Scene, address, cid


def whole_life(started: Scene) -> None:
    """Let every kind of event happen."""
    owner, header, node = (started.ledger(role) for role in ("owner", "header", "node 1"))
    started.submit(1, "a")
    header.reject_local_weight(1, 1, cid("a"), Reason.NOT_FINITE)
    started.submit(1, "b")
    started.submit(2, "c")
    started.close()
    node.attest(1, 1, cid("x"), node.snapshot().history)
    owner.set_header(address("node 5"))
    owner.set_terms(replace(TERMS, target=1))
    owner.extend(4)
    owner.reopen(2)
    owner.register_node(3, address("node 3"))
    owner.replace_node(2, address("node 4"))
    owner.remove_node(3)


def without_history(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    fields = list(values.items())
    assert fields[-1][0] == "history"
    return fields[:-1]


def _sent(node: int, letter: str, attempt: int) -> tuple[str, list[tuple[str, Any]]]:
    return "LocalWeightSet", [
        ("round", 1),
        ("nodeId", node),
        ("base", 0),
        ("weights", cid(letter).digest),
        ("samples", 10 * node),
        ("attempt", attempt),
    ]


def _global(number: int, letter: str, report: bytes, role: str) -> tuple[str, list[Any]]:
    fields = [("round", number), ("weights", cid(letter).digest), ("report", report)]
    return "GlobalWeightSet", [*fields, ("by", address(role))]


# In the contract's order of fields.
WHOLE_LIFE = [
    (
        "FederationCreated",
        [
            ("plan", PLAN.digest),
            ("initial", INITIAL.digest),
            ("terms", astuple(TERMS)),
            ("header", address("header")),
            ("owner", address("owner")),
        ],
    ),
    ("NodeRegistered", [("nodeId", 1), ("account", address("node 1"))]),
    ("NodeRegistered", [("nodeId", 2), ("account", address("node 2"))]),
    _global(0, "0", bytes(32), "owner"),
    _sent(1, "a", 1),
    (
        "LocalWeightRejected",
        [
            ("round", 1),
            ("nodeId", 1),
            ("weights", cid("a").digest),
            ("reason", Reason.NOT_FINITE),
            ("by", address("header")),
        ],
    ),
    _sent(1, "b", 2),
    _sent(2, "c", 1),
    _global(1, "g", cid("r").digest, "header"),
    ("Attested", [("round", 1), ("nodeId", 1), ("weights", cid("x").digest), ("agrees", False)]),
    ("HeaderSet", [("header", address("node 5")), ("previous", address("header"))]),
    ("TermsSet", [("terms", astuple(replace(TERMS, target=1)))]),
    ("Extended", [("rounds", 4)]),
    ("Reopened", [("round", 2)]),
    ("NodeRegistered", [("nodeId", 3), ("account", address("node 3"))]),
    (
        "NodeReplaced",
        [
            ("nodeId", 2),
            ("account", address("node 4")),
            ("previous", address("node 2")),
            ("withdrew", False),
        ],
    ),
    ("NodeRemoved", [("nodeId", 3), ("account", address("node 3")), ("withdrew", False)]),
]
