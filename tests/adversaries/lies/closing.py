"""How a header closes a round falsely: each lie changes what the product's own step does."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aggregator import admission, publish
from aggregator import close as step
from aggregator.admission import Refusal
from aggregator.close import Closed, Closer, close
from fl_node.chain.ethereum import EthereumLedger
from fl_node.chain.timeline import Timeline
from fl_node.rounds import Reason
from fl_node.store.ipfs import IpfsStore
from fl_node.weights import Weights
from tests.adversaries.lies.calls import MADE_UP, tried
from tests.adversaries.lies.patience import seen
from tests.adversaries.lies.self_made import Liar
from tests.adversaries.lies.strange_files import gigabytes_of_zeros, in_small_chunks
from tests.small_federation import evaluated

_RECOMPUTE, _JUDGE, _PUT = publish.recompute, step.judge, IpfsStore.put
_SET_GLOBAL = EthereumLedger.set_global_weight
Patch = Callable[[], None]


@dataclass(frozen=True)
class HeaderLie:
    """A lie and the round that is its turn."""

    turn: int
    patch: Patch


def header_role(lie: HeaderLie) -> Callable[[Liar], None]:
    """Be honest but in one round, in which the owner makes this account the header."""

    def act(liar: Liar) -> None:
        closer = Closer(liar.federation, evaluated)
        seen(lambda: True if _is_its_turn(liar, lie.turn) else None)
        lie.patch()
        seen(lambda: True if isinstance(close(closer), Closed) else None)

    return act


def _is_its_turn(liar: Liar, turn: int) -> bool:
    timeline = liar.timeline
    return timeline.open_number == turn and timeline.header == liar.signer.address


def _averages(change: Callable[[Any, Timeline, Any, Any], Weights]) -> Patch:
    """Put another average, with a report that agrees with it."""

    def recompute(federation: Any, timeline: Timeline, log: Any, admitted: Any) -> Any:
        right = _RECOMPUTE(federation, timeline, log, admitted)
        wrong = change(federation, timeline, log, admitted)
        report = replace(right.recomputable, weights=wrong.cid())
        return replace(right, weights=wrong, recomputable=report)

    return lambda: setattr(publish, "recompute", recompute)


def _by_one_bit(*given: Any) -> Weights:
    right = _RECOMPUTE(*given).weights
    kernel = right.tensors["dense/kernel"].copy()
    kernel.view(np.uint32)[0, 0] ^= 1
    return Weights({**right.tensors, "dense/kernel": kernel}, right.metadata)


def _without_node_2(federation: Any, timeline: Any, log: Any, admitted: Any) -> Weights:
    left = {node: weights for node, weights in admitted.items() if node != 2}
    return _RECOMPUTE(federation, timeline, log, left).weights


def _with_samples(change: Callable[[int, int], int]) -> Callable[..., Weights]:
    def counted(federation: Any, timeline: Any, log: Any, admitted: Any) -> Weights:
        updates = {
            node: replace(update, samples=change(node, update.samples))
            for node, update in log.updates.items()
        }
        return _RECOMPUTE(federation, timeline, replace(log, updates=updates), admitted).weights

    return counted


def _stores(lie: Callable[[IpfsStore, bytes], Any]) -> Patch:
    """Store the global so that others get something else; the report as it should be."""

    def put(store: IpfsStore, pieces: Any) -> Any:
        content = b"".join(bytes(piece) for piece in pieces)
        is_global = b'\\"kind\\":\\"global\\"' in content
        return lie(store, content) if is_global else _PUT(store, [content])

    return lambda: setattr(IpfsStore, "put", put)


def _no_report() -> None:
    EthereumLedger.set_global_weight = lambda ledger, number, weights, _, history: _SET_GLOBAL(
        ledger, number, weights, None, history
    )


def _reports(change: Callable[[Any], Any]) -> Patch:
    def recompute(*given: Any) -> Any:
        right = _RECOMPUTE(*given)
        return replace(right, recomputable=change(right.recomputable))

    return lambda: setattr(publish, "recompute", recompute)


def _twice_the_samples(recomputable: Any) -> Any:
    first, *others = recomputable.admitted
    return replace(recomputable, admitted=(replace(first, samples=2 * first.samples), *others))


def _bloated_report() -> None:
    """Name a report of which each few bytes are a value of their own."""
    content = b'{"format":[' + b"[]," * (16 * 2**20 // 3) + b"[]]}"

    def set_global(ledger: Any, number: int, weights: Any, _report: Any, history: bytes) -> None:
        _SET_GLOBAL(ledger, number, weights, opened[0].put([content]), history)

    opened: list[IpfsStore] = []

    def put(store: IpfsStore, pieces: Any) -> Any:
        opened[:] = [store]
        return _PUT(store, pieces)

    IpfsStore.put, EthereumLedger.set_global_weight = put, set_global


def _over_older_history() -> None:
    """Close as if the newest update had not come; then as it should be."""

    def set_global(ledger: Any, number: int, weights: Any, report: Any, history: bytes) -> None:
        older = ledger.events()[-2].values["history"]
        tried(lambda: _SET_GLOBAL(ledger, number, weights, report, older))
        _SET_GLOBAL(ledger, number, weights, report, history)

    EthereumLedger.set_global_weight = set_global


def _judges(verdicts: Callable[[Any, Any], Any]) -> Patch:
    def judge(federation: Any, timeline: Any, update: Any) -> Any:
        return verdicts(update, _JUDGE(federation, timeline, update))

    return lambda: setattr(step, "judge", judge)


def _node_2_is(reason: Reason) -> Patch:
    refusal = Refusal(reason, "made up")
    return _judges(lambda update, right: refusal if update.node == 2 else right)


def _bad_is(reason: Reason) -> Patch:
    refusal = Refusal(reason, "made up")
    return _judges(lambda _, right: refusal if isinstance(right, Refusal) else right)


def _admits_all() -> None:
    """Let every update in that can be read."""
    admission._CHECKS = ()


def idle(liar: Liar) -> None:
    """Be the header, and do nothing."""
    liar.wait_for_round(1)


def _unserved(*_: object) -> Any:
    return MADE_UP


REPLACED: dict[str, HeaderLie] = {
    "one-bit": HeaderLie(1, _averages(_by_one_bit)),
    "leaves-out": HeaderLie(2, _averages(_without_node_2)),
    "counts-twice": HeaderLie(3, _averages(_with_samples(lambda n, s: 2 * s if n == 1 else s))),
    "equal-samples": HeaderLie(4, _averages(_with_samples(lambda _n, _s: 1))),
}
SERVED: dict[str, HeaderLie] = {
    "other-layout": HeaderLie(1, _stores(in_small_chunks)),
    "unserved-global": HeaderLie(2, _stores(_unserved)),
    "huge-global": HeaderLie(3, _stores(gigabytes_of_zeros)),
}
REPORTED: dict[str, HeaderLie] = {
    "no-report": HeaderLie(1, _no_report),
    "false-report": HeaderLie(2, _reports(_twice_the_samples)),
    "older-history": HeaderLie(3, _over_older_history),
    "bloated-report": HeaderLie(4, _bloated_report),
}
REJECTING: dict[str, HeaderLie] = {
    "rejects-good": HeaderLie(1, _node_2_is(Reason.NOT_FINITE)),
    "claims-unavailable": HeaderLie(2, _node_2_is(Reason.UNAVAILABLE)),
    "wrong-reason": HeaderLie(3, _bad_is(Reason.WRONG_STRUCTURE)),
    "averages-bad": HeaderLie(4, _admits_all),
}
HEADERS: dict[str, HeaderLie] = {**REPLACED, **SERVED, **REPORTED, **REJECTING}
