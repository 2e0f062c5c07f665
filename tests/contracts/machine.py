"""The rules of the stateful test: what owner, header, nodes and strangers may do next."""

from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, replace
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.contracts import drawn
from tests.contracts.drawn import mostly
from tests.contracts.player import ACCOUNTS, PEOPLE, Player
from tests.contracts.reference import Terms
from tests.contracts.sandbox import (
    EMPTY,
    HEADER,
    INITIAL,
    NOBODY,
    OWNER,
    account,
    digest,
)
from tests.contracts.twin import Twin

F = TypeVar("F", bound=Callable[..., None])

# How it begins: terms that are given, and rounds that are played.
PROLOGUES: dict[str, tuple[dict[str, int], int]] = {
    "created": ({}, 0),
    "started": ({}, 0),
    "complete": ({"rounds": 2}, 2),
    "not final": ({"finality": 2, "graceSeconds": 5}, 1),
    "buffered": ({"target": 2, "quorum": 1, "maxStaleness": 2, "finality": 0}, 2),
    "slow": ({"target": 0, "quorum": 1, "finality": 0}, 0),
}


@dataclass(frozen=True)
class Step:
    """A step of the machine: when it makes sense, and what is drawn for it."""

    when: Callable[[Player], bool]
    values: st.SearchStrategy[dict[str, Any]]


STEPS: dict[str, Step] = {}


def step(when: Callable[[Player], bool], **values: st.SearchStrategy[Any]) -> Callable[[F], F]:
    """Make a method a step."""

    def register(method: F) -> F:
        STEPS[method.__name__] = Step(when, st.fixed_dictionaries(values))
        return method

    return register


class FederationMachine(Player, RuleBasedStateMachine):
    """Whatever owner, header, nodes and strangers do, in any order, at telling moments."""

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
        self.twin.watchful = False
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

    # One rule for all steps: Hypothesis leaves half of the rules out of each run, and then hardly
    # any run gets as far as a replaced global.
    @rule(data=st.data())
    def move(self, data: st.DataObject) -> None:
        names = [name for name, step in STEPS.items() if step.when(self)]
        name = data.draw(st.sampled_from(names), label="step")
        getattr(self, name)(**data.draw(STEPS[name].values, label="with"))

    @invariant()
    def both_hold_the_same(self) -> None:
        self.twin.compare()

    # Nodes and header.

    @step(
        drawn.always,
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

    @step(drawn.started, places=drawn.several)
    def several_submit(self, places: list[int]) -> None:
        for node in map(self.node_at, places):
            by, base = self.speaker(node), max(0, self.model.number - 1)
            values = (node, self.model.number, base, digest("several"), node)
            self.act(by, "setLocalWeight", *values)

    @step(
        drawn.has_updates,
        place=drawn.places,
        closer=drawn.closers,
        ahead=mostly(0, -1, 1),
        weights=st.sampled_from([None, None, None, digest("x")]),
        reason=st.integers(0, 9),
    )
    def reject(
        self, place: int, closer: int, ahead: int, weights: bytes | None, reason: int
    ) -> None:
        node = self.sender_at(place)
        number = max(0, self.model.number + ahead)
        named = weights or self.model.node(node).latest.weights
        self.act(self.closer_at(closer), "rejectLocalWeight", node, number, named, reason)

    @step(drawn.started, place=drawn.places)
    def submit_from_the_oldest_base(self, place: int) -> None:
        node, number = self.node_at(place), self.model.number
        allowed = number - 1 - self.model.terms.maxStaleness
        base = max(0, allowed, self.model.next_base(node))
        self.act(self.speaker(node), "setLocalWeight", node, number, base, digest("old"), 1)

    @step(drawn.started, place=drawn.places)
    def try_until_tired(self, place: int) -> None:
        node = self.node_at(place)
        for attempt in range(4):
            named = (node, self.model.number)
            values = (max(0, self.model.number - 1), digest(f"attempt {attempt}"), attempt)
            self.act(self.speaker(node), "setLocalWeight", *named, *values)
            if not self.model.stands(node):
                break
            self.act(self.model.header, "rejectLocalWeight", *named, values[1], attempt)

    @step(
        drawn.always,
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

    @step(drawn.has_updates, place=drawn.places, closer=drawn.closers, moment=drawn.moments)
    def wait_and_reject(self, place: int, closer: int, moment: int) -> None:
        self.wait(moment)
        self.reject(place, closer, 0, None, 8)

    @step(drawn.has_more_than_the_quorum, place=st.integers(0, 13))
    def reject_one_of_more_than_the_quorum(self, place: int) -> None:
        self.wait_until(self.model.deadline())
        self.reject(place, -1, 0, None, 6)

    @step(drawn.started, places=drawn.several)
    def play_round(self, places: list[int]) -> None:
        self.several_submit(places)
        self.close(-1, 0, digest(f"global {self.model.number}"), EMPTY, False)

    @step(
        drawn.not_started,
        sender=mostly(OWNER, HEADER),
        good=mostly(True, False),
        report=mostly(EMPTY, b"r" * 32),
    )
    def start(self, sender: str, good: bool, report: bytes) -> None:
        named = INITIAL if good else digest("another")
        self.act(sender, "setGlobalWeight", 0, named, report, self.model.history)

    @step(
        drawn.has_closed,
        place=drawn.places,
        sender=mostly(None, *PEOPLE),
        ahead=mostly(0, -1, 1),
        weights=st.sampled_from([None, None, digest("x")]),
        stale=mostly(False, True),
    )
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

    @step(drawn.has_closed, places=drawn.several)
    def several_attest(self, places: list[int]) -> None:
        for place in places:
            self.attest(place, None, 0, None, False)

    @step(
        drawn.not_final,
        place=drawn.places,
        weights=st.one_of(st.none(), drawn.weights),
        moment=drawn.moments,
    )
    def wait_and_replace_global(self, place: int, weights: bytes | None, moment: int) -> None:
        self.wait(moment)
        latest = self.model.globals[self.model.number - 1].weights
        self.close(place, -1, weights or latest, digest("another report"), False)

    # The owner.

    @step(
        drawn.has_updates,
        function=st.sampled_from(["replaceNode", "removeNode"]),
        place=st.integers(0, 3),
    )
    def withdraw(self, function: str, place: int) -> None:
        node = self.sender_at(place)
        values = (node,) if function == "removeNode" else (node, self.free_account())
        self.act(OWNER, function, *values)

    @step(
        drawn.always,
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

    @step(drawn.always, sender=drawn.owners, account=mostly(HEADER, NOBODY, *ACCOUNTS))
    def set_header(self, sender: str, account: str) -> None:
        self.act(sender, "setHeader", account)

    @step(
        drawn.always,
        sender=drawn.owners,
        terms=drawn.terms,
        fit=mostly(True, False),
        keep=mostly(True, False),
    )
    def set_terms(self, sender: str, terms: Terms, fit: bool, keep: bool) -> None:
        given = _fitted(terms, max(1, len(self.model.registered()))) if fit else terms
        rounds = self.model.terms.rounds if keep else terms.rounds
        self.act(sender, "setTerms", (*astuple(given)[:-1], rounds))

    @step(drawn.ends_soon, sender=drawn.owners, more=mostly(1, -1, 0, 2))
    def extend(self, sender: str, more: int) -> None:
        self.act(sender, "extend", self.model.terms.rounds + more)

    @step(drawn.is_complete, more=st.integers(0, 2), milder=st.booleans())
    def go_on(self, more: int, milder: bool) -> None:
        self.act(OWNER, "registerNode", self.free_id_at(0), self.free_account())
        if milder:
            finality = len(self.model.agreeing)
            self.act(OWNER, "setTerms", astuple(replace(self.model.terms, finality=finality)))
        self.act(OWNER, "extend", self.model.terms.rounds + more)

    @step(drawn.not_final, sender=drawn.owners)
    def reopen_the_round_before(self, sender: str) -> None:
        self.act(sender, "reopen", self.model.number - 1)

    @step(drawn.always, sender=drawn.owners, ahead=mostly(0, -1, 1, -2))
    def reopen(self, sender: str, ahead: int) -> None:
        self.act(sender, "reopen", max(0, self.model.number + ahead))

    # Time.

    @step(drawn.always, place=drawn.moments)
    def wait(self, place: int) -> None:
        self.wait_until(self.moment_at(place))

    @step(drawn.has_updates, place=drawn.moments, closer=drawn.closers, weights=drawn.weights)
    def wait_and_close(self, place: int, closer: int, weights: bytes) -> None:
        self.wait(place)
        self.close(closer, 0, weights, digest("report"), False)


def _fitted(terms: Terms, nodes: int) -> Terms:
    target, finality = min(terms.target, nodes), min(terms.finality, nodes)
    quorum = min(terms.quorum, target or nodes)
    return replace(terms, target=target, quorum=quorum, finality=finality)
