"""The rules of the stateful test: what owner, header, nodes and strangers may do next."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, astuple, replace
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.contracts import drawn
from tests.contracts.drawn import mostly
from tests.contracts.reference import Terms
from tests.contracts.sandbox import (
    EMPTY,
    HEADER,
    INITIAL,
    NOBODY,
    OWNER,
    STRANGER,
    RefusedError,
    account,
    digest,
)
from tests.contracts.situations import Before, situations
from tests.contracts.twin import Twin

NODES = range(1, 5)
ACCOUNTS = [account(number) for number in range(1, 8)]
PEOPLE = [*ACCOUNTS, HEADER, OWNER, STRANGER]
# How it begins: terms that are given, and rounds that are played.
PROLOGUES: dict[str, tuple[dict[str, int], int]] = {
    "created": ({}, 0),
    "started": ({}, 0),
    "complete": ({"rounds": 2}, 2),
    "not final": ({"finality": 2, "graceSeconds": 5}, 1),
    "buffered": ({"target": 2, "quorum": 1, "maxStaleness": 2, "finality": 0}, 2),
    "slow": ({"target": 0, "quorum": 1, "finality": 0}, 0),
}


class FederationMachine(RuleBasedStateMachine):
    """Whatever owner, header, nodes and strangers do, in any order, at telling moments."""

    reached: ClassVar[Counter[str]] = Counter()

    @initialize(
        terms=drawn.terms.filter(Terms.has_shape),
        nodes=st.sampled_from([3, 2, 4, 1, 3, 2]),
        prologue=st.sampled_from([*PROLOGUES]),
    )
    def create(self, terms: Terms, nodes: int, prologue: str) -> None:
        overrides, rounds = PROLOGUES[prologue]
        given = replace(terms, **overrides)
        given = given if prologue == "created" else _fitted(given, nodes)
        self.twin = Twin(**asdict(given))
        self.model = self.twin.reference
        self.seen = [self.model.history]
        if prologue != "created":
            self.begin(nodes, rounds)

    def begin(self, nodes: int, rounds: int) -> None:
        """Start, and play some rounds without the last node; the last global stays unattested."""
        for number in range(1, nodes + 1):
            self.act(OWNER, "registerNode", number, account(number))
        self.act(OWNER, "setGlobalWeight", 0, INITIAL, EMPTY, self.model.history)
        for _ in range(rounds):
            self.several_attest([*range(nodes)])
            self.several_submit([*range(max(1, nodes - 1))])
            self.wait_until(self.model.deadline())
            self.close(-1, 0, digest(f"global {self.model.number}"), EMPTY, False)

    def act(self, sender: str, function: str, *values: Any) -> None:
        """Do it, whether it is refused or not, and count what happened."""
        before = Before(self.model)
        try:
            event = self.twin.act(sender, function, *values)
        except RefusedError as refused:
            self.reached[refused.name] += 1
        else:
            self.seen.append(self.model.history)
            self.reached.update(situations(event, before, self.model))

    def node_at(self, place: int) -> int:
        """Give a registered node for most places, and ids that are none for the last two."""
        known = sorted(self.model.registered())
        return known[place % len(known)] if known and place < 14 else {14: 0, 15: 4}.get(place, 1)

    def sender_at(self, place: int) -> int:
        """Give a node that has an update in the round, for most places and if there is one."""
        standing = [node for node in self.model.registered() if self.model.stands(node)]
        return standing[place % len(standing)] if standing and place < 14 else self.node_at(place)

    def free_id_at(self, place: int) -> int:
        """Give an id without account for most places, else one that is taken or cannot be."""
        free = [number for number in NODES if number not in self.model.registered()]
        return free[place % len(free)] if free and place < 13 else place % 4

    def closer_at(self, place: int) -> str:
        """Give the header for negative places, else a node's account, or a stranger's."""
        return self.model.header if place < 0 else self.speaker(self.node_at(place))

    def speaker(self, node: int) -> str:
        """Give the node's account; the zero address itself never sends anything."""
        account = self.model.node(node).account
        return STRANGER if account == NOBODY else account

    # Nodes and header.

    @rule(
        place=drawn.places,
        sender=mostly(None, *PEOPLE),
        ahead=mostly(0, -1, 1),
        back=st.sampled_from([1, 2, 1, 3, 1, 2, 0]),
        weights=drawn.weights,
        samples=st.integers(0, 2**64 - 1),
    )
    def submit(
        self, place: int, sender: str | None, ahead: int, back: int, weights: bytes, samples: int
    ) -> None:
        node = self.node_at(place)
        number = max(0, self.model.number + ahead)
        base = max(0, number - back)
        by = sender or self.speaker(node)
        self.act(by, "setLocalWeight", node, number, base, weights, samples)

    @rule(places=drawn.several)
    @precondition(drawn.started)
    def several_submit(self, places: list[int]) -> None:
        for node in map(self.node_at, places):
            by, base = self.speaker(node), max(0, self.model.number - 1)
            values = (node, self.model.number, base, digest("several"), node)
            self.act(by, "setLocalWeight", *values)

    @rule(
        place=drawn.places,
        closer=drawn.closers,
        ahead=mostly(0, -1, 1),
        weights=st.sampled_from([None, None, None, digest("x")]),
        reason=st.integers(0, 9),
    )
    @precondition(drawn.has_updates)
    def reject(
        self, place: int, closer: int, ahead: int, weights: bytes | None, reason: int
    ) -> None:
        node = self.sender_at(place)
        number = max(0, self.model.number + ahead)
        named = weights or self.model.node(node).latest.weights
        self.act(self.closer_at(closer), "rejectLocalWeight", node, number, named, reason)

    @rule(place=drawn.places)
    @precondition(drawn.started)
    def try_until_tired(self, place: int) -> None:
        node = self.node_at(place)
        for attempt in range(4):
            named = (node, self.model.number)
            values = (max(0, self.model.number - 1), digest(f"attempt {attempt}"), attempt)
            self.act(self.speaker(node), "setLocalWeight", *named, *values)
            if not self.model.stands(node):
                break
            self.act(self.model.header, "rejectLocalWeight", *named, values[1], attempt)

    @rule(
        closer=drawn.closers,
        ahead=mostly(0, -1, 1),
        weights=drawn.weights,
        report=mostly(digest("report"), EMPTY),
        stale=mostly(False, True),
    )
    def close(self, closer: int, ahead: int, weights: bytes, report: bytes, stale: bool) -> None:
        number = max(0, self.model.number + ahead)
        history = self.seen[-2] if stale and len(self.seen) > 1 else self.model.history
        by = self.closer_at(closer)
        self.act(by, "setGlobalWeight", number, weights, report, history)

    @rule(place=drawn.places, closer=drawn.closers, moment=drawn.moments)
    @precondition(drawn.has_updates)
    def wait_and_reject(self, place: int, closer: int, moment: int) -> None:
        self.wait(moment)
        self.reject(place, closer, 0, None, 8)

    @rule(place=st.integers(0, 13))
    @precondition(drawn.has_more_than_the_quorum)
    def reject_one_of_more_than_the_quorum(self, place: int) -> None:
        self.wait_until(self.model.deadline())
        self.reject(place, -1, 0, None, 6)

    @rule(places=drawn.several)
    @precondition(drawn.started)
    def play_round(self, places: list[int]) -> None:
        self.several_submit(places)
        self.close(-1, 0, digest(f"global {self.model.number}"), EMPTY, False)

    @rule(sender=mostly(OWNER, HEADER), good=mostly(True, False), report=mostly(EMPTY, b"r" * 32))
    @precondition(drawn.not_started)
    def start(self, sender: str, good: bool, report: bytes) -> None:
        named = INITIAL if good else digest("another")
        self.act(sender, "setGlobalWeight", 0, named, report, self.model.history)

    @rule(
        place=drawn.places,
        sender=mostly(None, *PEOPLE),
        ahead=mostly(0, -1, 1),
        weights=st.sampled_from([None, None, digest("x")]),
        stale=mostly(False, True),
    )
    @precondition(drawn.has_closed)
    def attest(
        self, place: int, sender: str | None, ahead: int, weights: bytes | None, stale: bool
    ) -> None:
        node = self.node_at(place)
        number = max(0, self.model.number - 1 + ahead)
        known = self.model.globals.get(number)
        named = weights or (known.weights if known else digest("none"))
        history = self.seen[-2] if stale and len(self.seen) > 1 else self.model.history
        by = sender or self.speaker(node)
        self.act(by, "attest", node, number, named, history)

    @rule(places=drawn.several)
    @precondition(drawn.has_closed)
    def several_attest(self, places: list[int]) -> None:
        for place in places:
            self.attest(place, None, 0, None, False)

    @rule(place=drawn.places, weights=st.one_of(st.none(), drawn.weights), moment=drawn.moments)
    @precondition(drawn.not_final)
    def wait_and_replace_global(self, place: int, weights: bytes | None, moment: int) -> None:
        self.wait(moment)
        latest = self.model.globals[self.model.number - 1].weights
        self.close(place, -1, weights or latest, digest("another report"), False)

    # The owner.

    @rule(
        sender=drawn.owners,
        function=st.sampled_from(
            ["registerNode", "replaceNode", "registerNode", "replaceNode", "removeNode"]
        ),
        place=drawn.places,
        account=st.sampled_from([*ACCOUNTS[3:], *ACCOUNTS[3:], ACCOUNTS[0], NOBODY, HEADER]),
    )
    def change_membership(self, sender: str, function: str, place: int, account: str) -> None:
        node = self.free_id_at(place) if function == "registerNode" else self.sender_at(place)
        values = (node,) if function == "removeNode" else (node, account)
        self.act(sender, function, *values)

    @rule(sender=drawn.owners, account=mostly(HEADER, NOBODY, *ACCOUNTS))
    def set_header(self, sender: str, account: str) -> None:
        self.act(sender, "setHeader", account)

    @rule(sender=drawn.owners, terms=drawn.terms, fit=mostly(True, False), keep=mostly(True, False))
    def set_terms(self, sender: str, terms: Terms, fit: bool, keep: bool) -> None:
        given = _fitted(terms, max(1, len(self.model.registered()))) if fit else terms
        rounds = self.model.terms.rounds if keep else terms.rounds
        self.act(sender, "setTerms", (*astuple(given)[:-1], rounds))

    @rule(sender=drawn.owners, more=mostly(1, -1, 0, 2))
    @precondition(drawn.ends_soon)
    def extend(self, sender: str, more: int) -> None:
        self.act(sender, "extend", self.model.terms.rounds + more)

    @rule(account=st.sampled_from(ACCOUNTS[3:]), more=st.integers(0, 2))
    @precondition(drawn.is_complete)
    def go_on(self, account: str, more: int) -> None:
        self.act(OWNER, "registerNode", self.free_id_at(0), account)
        self.act(OWNER, "extend", self.model.terms.rounds + more)

    @rule(sender=drawn.owners)
    @precondition(drawn.not_final)
    def reopen_the_round_before(self, sender: str) -> None:
        self.act(sender, "reopen", self.model.number - 1)

    @rule(sender=drawn.owners, ahead=mostly(0, -1, 1, -2))
    def reopen(self, sender: str, ahead: int) -> None:
        self.act(sender, "reopen", max(0, self.model.number + ahead))

    # Time.

    @rule(place=drawn.moments)
    def wait(self, place: int) -> None:
        self.wait_until(self.moment_at(place))

    @rule(place=drawn.moments, closer=drawn.closers, weights=drawn.weights)
    @precondition(drawn.has_updates)
    def wait_and_close(self, place: int, closer: int, weights: bytes) -> None:
        self.wait(place)
        self.close(closer, 0, weights, digest("report"), False)

    def wait_until(self, moment: int) -> None:
        """Let time pass, never back; no view depends on it."""
        self.twin.now = self.model.now = max(self.twin.now, moment)
        self.twin.compare()

    def moment_at(self, place: int) -> int:
        """Give a second from now, one of the moments that lie ahead, or mostly the last of them."""
        later = sorted({moment for moment in self.telling_moments() if moment > self.model.now})
        return [self.model.now + 1, *later][min(place, len(later))]

    def telling_moments(self) -> Iterable[int]:
        """Give the last second before and the first at which a clock allows something."""
        grace = self.model.terms.graceSeconds
        since = self.model.closable_at or self.model.deadline()
        for moment in (self.model.deadline(), since + grace, self.model.opened_at + grace):
            yield from (moment - 1, moment)


def _fitted(terms: Terms, nodes: int) -> Terms:
    target, finality = min(terms.target, nodes), min(terms.finality, nodes)
    quorum = min(terms.quorum, target or nodes)
    return replace(terms, target=target, quorum=quorum, finality=finality)
