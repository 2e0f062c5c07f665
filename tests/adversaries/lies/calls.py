"""Calls that the contract refuses; a liar sends them all the same."""

from collections.abc import Callable
from dataclasses import replace

from fl_node.chain.timeline import RoundLog
from fl_node.cid import Cid
from fl_node.errors import RevertedError
from fl_node.rounds import Reason, Terms, Update
from tests.adversaries.lies.patience import seen
from tests.adversaries.lies.self_made import Liar, never_asks_before

_GOOD = {1, 2, 3, 4}  # whose updates are not taken out again
MADE_UP = Cid(b"\x52" * 32)


def tried(call: Callable[[], object], until: str = "") -> str:
    """Make a call that is refused, again while the refusal is another; give the last one."""
    never_asks_before()
    for _ in range(20):
        try:
            call()
        except RevertedError as error:
            if not until or error.name == until:
                return error.name
        else:
            return "accepted"
    return f"never {until}"


def open_round(liar: Liar, number: int = 1) -> RoundLog:
    liar.wait_for_round(number)
    return liar.timeline.rounds[number]


def update_of(liar: Liar, **fields: object) -> Update:
    return replace(Update(liar.node, 1, 0, MADE_UP, 100), **fields)


def standing(liar: Liar) -> Update:
    """Wait for an update of node 1."""
    return seen(lambda: open_round(liar).updates.get(1))


def sends_for_node_1(liar: Liar) -> None:
    tried(lambda: liar.ledger.set_local_weight(update_of(liar, node=1)))


def sends_and_attests_for_node_1(liar: Liar) -> None:
    sends_for_node_1(liar)
    history = liar.timeline.history
    tried(lambda: liar.ledger._send("attest", 1, 0, MADE_UP.digest, history))


def attests_for_node_1(liar: Liar) -> None:
    liar.wait_for_round(2)
    history = liar.timeline.history
    tried(lambda: liar.ledger._send("attest", 1, 1, MADE_UP.digest, history))


def rejects_node_1(liar: Liar) -> None:
    found = standing(liar)
    tried(lambda: liar.ledger.reject_local_weight(1, 1, found.weights, Reason.NOT_FINITE))


def closes_round_1(liar: Liar) -> None:
    standing(liar)
    tried(lambda: _closes(liar), "NotHeaderOrNode")


def closes_before_the_grace(liar: Liar) -> None:
    log = seen(lambda: _full(liar))
    assert log.number == 1
    tried(lambda: _closes(liar), "GraceRunning")


def _full(liar: Liar) -> RoundLog | None:
    log = liar.timeline.open_round
    return log if log and len(_GOOD & log.updates.keys()) == log.terms.target else None


def _closes(liar: Liar) -> None:
    history = liar.timeline.history
    liar.ledger.set_global_weight(liar.timeline.open_number, MADE_UP, MADE_UP, history)


def plays_the_owner(liar: Liar) -> None:
    ledger, own = liar.ledger, liar.signer.address
    acts = [
        lambda: ledger.register_node(99, own),
        lambda: ledger.replace_node(1, own),
        lambda: ledger.remove_node(1),
        lambda: ledger.set_header(own),
        lambda: ledger.set_terms(Terms()),
        lambda: ledger.extend(99),
        lambda: ledger.reopen(1),
    ]
    for act in acts:
        tried(act)


def sends_from_a_later_base(liar: Liar) -> None:
    tried(lambda: liar.ledger.set_local_weight(update_of(liar, base=5)))


def sends_to_a_later_round(liar: Liar) -> None:
    tried(lambda: liar.ledger.set_local_weight(update_of(liar, round=9)))


def sends_from_a_stale_base(liar: Liar) -> None:
    liar.wait_for_round(3)
    tried(lambda: liar.ledger.set_local_weight(update_of(liar, round=3)), "BaseTooOld")


def sends_when_all_are_in(liar: Liar) -> None:
    """Try to move the round on, in the instants between the last update and the close."""
    seen(lambda: _full(liar))
    tried(lambda: liar.ledger.set_local_weight(update_of(liar)))


def resubmits_for_ever(liar: Liar) -> None:
    """Send what must be rejected, as often as it can; each is another file."""
    for attempt in range(4):
        content = b"no weights %d" % attempt
        update = update_of(liar, weights=liar.store.put([content]))
        tried(lambda sent=update: liar.ledger.set_local_weight(sent), "TooManyAttempts")
        seen(lambda n=attempt: True if _rejected(liar) > min(n, 2) else None)


def _rejected(liar: Liar) -> int:
    log = open_round(liar)
    return sum(each.update.node == liar.node for each in log.rejections)


CALLS: dict[str, Callable[[Liar], None]] = {
    "stranger-sends": sends_and_attests_for_node_1,
    "stranger-rejects": rejects_node_1,
    "stranger-closes": closes_round_1,
    "stranger-plays-owner": plays_the_owner,
    "sends-for-another": sends_for_node_1,
    "attests-for-another": attests_for_node_1,
    "node-rejects": rejects_node_1,
    "node-closes": closes_before_the_grace,
    "node-plays-owner": plays_the_owner,
    "later-base": sends_from_a_later_base,
    "later-round": sends_to_a_later_round,
    "stale-base": sends_from_a_stale_base,
    "late": sends_when_all_are_in,
    "resubmits": resubmits_for_ever,
}
