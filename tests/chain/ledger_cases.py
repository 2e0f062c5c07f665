"""Calls of a ledger that must be refused, by whom and with which words."""

from collections.abc import Callable
from dataclasses import astuple, dataclass, replace

from fl_node.chain.ledger import Ledger
from fl_node.rounds import Reason, Terms
from tests.chain.scene import TERMS, Scene, address, cid, update_of


@dataclass(frozen=True)
class Refusal:
    """A call that the contract refuses in round 1, in which update "a" of node 1 stands."""

    name: str
    act: Callable[[Scene], None]
    values: Callable[[Scene], tuple[object, ...]]


def set_local_weight(ledger: Ledger) -> None:
    ledger.set_local_weight(update_of(1))


def reject_local_weight(ledger: Ledger) -> None:
    ledger.reject_local_weight(1, 1, cid("a"), Reason.NOT_FINITE)


def set_global_weight(ledger: Ledger) -> None:
    ledger.set_global_weight(1, cid("g"), None, bytes(32))


def attest(ledger: Ledger) -> None:
    ledger.attest(1, 1, cid("g"), bytes(32))


def register_node(ledger: Ledger) -> None:
    ledger.register_node(3, address("node 3"))


def replace_node(ledger: Ledger) -> None:
    ledger.replace_node(2, address("node 3"))


def remove_node(ledger: Ledger) -> None:
    ledger.remove_node(2)


def set_header(ledger: Ledger) -> None:
    ledger.set_header(address("node 1"))


def set_terms(ledger: Ledger) -> None:
    ledger.set_terms(replace(TERMS, target=1))


def extend(ledger: Ledger) -> None:
    ledger.extend(9)


def reopen(ledger: Ledger) -> None:
    ledger.reopen(1)


WRITES = (
    set_local_weight,
    reject_local_weight,
    set_global_weight,
    attest,
    register_node,
    replace_node,
    remove_node,
    set_header,
    set_terms,
    extend,
    reopen,
)


def plan(ledger: Ledger) -> object:
    return ledger.plan()


def owner(ledger: Ledger) -> object:
    return ledger.owner()


def snapshot(ledger: Ledger) -> object:
    return ledger.snapshot()


def member(ledger: Ledger) -> object:
    return ledger.member(1)


def local_weight(ledger: Ledger) -> object:
    return ledger.local_weight(1)


READS = (plan, owner, snapshot, member, local_weight)


def node_too_large(ledger: Ledger) -> None:
    ledger.member(2**32)


def node_below_zero(ledger: Ledger) -> None:
    ledger.local_weight(-1)


def samples_too_large(ledger: Ledger) -> None:
    ledger.set_local_weight(update_of(1, samples=2**64))


def rounds_too_large(ledger: Ledger) -> None:
    ledger.extend(2**32)


def terms_below_zero(ledger: Ledger) -> None:
    ledger.set_terms(replace(TERMS, grace_seconds=-1))


OUT_OF_RANGE = (
    node_too_large,
    node_below_zero,
    samples_too_large,
    rounds_too_large,
    terms_below_zero,
)


def _deadline(scene: Scene) -> int:
    return scene.ledger(None).events()[3].timestamp + TERMS.round_seconds


def _as_owner(act: Callable[[Ledger], None]) -> Callable[[Scene], None]:
    return lambda scene: act(scene.ledger("owner"))


_STRANGE = Terms(**{**vars(TERMS), "target": 9})
_NO_HISTORY = bytes(32)
REFUSED = (
    Refusal(
        "WrongRound",
        lambda scene: scene.submit(1, round=2),
        lambda _: (2, 1),
    ),
    Refusal(
        "NotAccountOfNode",
        lambda scene: scene.ledger("node 2").set_local_weight(update_of(1)),
        lambda _: (1, address("node 2").lower()),
    ),
    Refusal("BaseTooNew", lambda scene: scene.submit(2, base=1), lambda _: (1, 1)),
    Refusal(
        "AlreadySubmitted", lambda scene: scene.submit(1, "b"), lambda _: (1, 1, cid("a").digest)
    ),
    Refusal(
        "NotStanding",
        lambda scene: scene.ledger("header").reject_local_weight(
            2, 1, cid("a"), Reason.NOT_CANONICAL
        ),
        lambda _: (2, 1),
    ),
    Refusal(
        "OtherWeights",
        lambda scene: scene.ledger("header").reject_local_weight(
            1, 1, cid("b"), Reason.NOT_CANONICAL
        ),
        lambda _: (cid("b").digest, cid("a").digest),
    ),
    Refusal(
        "StaleHistory",
        lambda scene: scene.ledger("header").set_global_weight(1, cid("g"), None, _NO_HISTORY),
        lambda scene: (_NO_HISTORY, scene.ledger(None).snapshot().history),
    ),
    Refusal("NotClosable", lambda scene: scene.close(), lambda scene: (1, 2, 1, _deadline(scene))),
    Refusal(
        "NotHeaderOrNode",
        lambda scene: scene.close(role="owner"),
        lambda _: (address("owner").lower(),),
    ),
    Refusal(
        "NotOwner",
        lambda scene: scene.ledger("node 1").extend(9),
        lambda _: (address("node 1").lower(), address("owner").lower()),
    ),
    Refusal("NotLonger", _as_owner(lambda owner: owner.extend(3)), lambda _: (3, 3)),
    Refusal(
        "TermsDoNotFit",
        _as_owner(lambda owner: owner.set_terms(_STRANGE)),
        lambda _: (astuple(_STRANGE), 2),
    ),
    Refusal(
        "RoundsDiffer",
        _as_owner(lambda owner: owner.set_terms(replace(TERMS, rounds=4))),
        lambda _: (4, 3),
    ),
    Refusal("ZeroNodeId", _as_owner(lambda o: o.register_node(0, address("node 3"))), lambda _: ()),
    Refusal(
        "AccountTaken",
        _as_owner(lambda owner: owner.register_node(3, address("node 1"))),
        lambda _: (address("node 1").lower(), 1),
    ),
    Refusal(
        "NodeTaken",
        _as_owner(lambda owner: owner.register_node(1, address("node 3"))),
        lambda _: (1, address("node 1").lower()),
    ),
    Refusal("UnknownNode", _as_owner(lambda owner: owner.remove_node(7)), lambda _: (7,)),
    Refusal(
        "WrongRound",
        lambda scene: scene.ledger("node 1").attest(1, 1, cid("g"), _NO_HISTORY),
        lambda _: (1, 1),
    ),
)
