"""Events folded into rounds say what the contract itself says."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from fl_node.chain.ledger import LedgerEvent
from fl_node.chain.timeline import read_timeline, timeline_of
from fl_node.errors import LedgerError
from fl_node.rounds import Global, Reason
from tests.chain.life import ACCOUNTS, INITIAL, NODES, TERMS, Life, address, assert_agreement, born

# Every kind of event, and what it does to an open, a closed and a complete round; "=" compares
# timeline and contract, and a step that the contract must refuse names its error.
LIVES = {
    "registration": "register 1, register 2, replace 1, remove 2, set_header, set_terms 1, extend, "
    "=, register 2, start, =",
    "updates": "begin, submit 1, =, reject 1, =, submit 1, =, replace 1, submit 1, remove 1, =, "
    "register 1, submit 1: NotYetMember",
    "a deadline": "begin, submit 2, close: NotClosable, wait, close, =",
    "finality": "begin, twice, close, attest 1, =, submit 3, override 2: WrongRound",
    "a replacement": "begin, twice, close, dispute 1, dispute 2, =, override 2, =, attest 1, "
    "submit 3, =",
    "membership in mid-round": "begin, register 4, submit 4: NotYetMember, twice, close, attest 1, "
    "=, submit 4, =",
    "terms in mid-round": "begin, set_terms 0, twice, =, close, =, submit 1, =",
    "reopened": "begin, submit 1, reject 1, submit 2, set_terms 1, reopen, =, submit 1, =",
    "reopened before it is final": "begin, set_terms 2, reopen, twice, submit 3, close, attest 1, "
    "=, reopen, =, attest 1, =",
    "the round before reopened": "begin, twice, close, dispute 1, reopen 1, =, submit 1, =",
    "extended": "begin, complete, =, register 4, set_terms 1, attest 1, extend, =, submit 4, =",
    "extended with terms pending": "begin, set_terms 2, extend, =, reopen, =",
    "a stale base": "begin, twice, close, attest 1, stale 3, submit 1, =, close, attest 2, "
    "stale 3, =",
}


def live(life: Life, steps: str) -> None:
    for step in steps.split(", "):
        act, _, refused = step.partition(": ")
        life.refused = ""
        _do(life, *act.split(" "))
        assert life.refused == refused, step


def _do(life: Life, name: str, *numbers: str) -> None:
    if name == "=":
        assert_agreement(life)
    elif name in _SHORT:
        live(life, _SHORT[name])
    elif name in _NAMED:
        _NAMED[name](life, *map(int, numbers))
    else:
        getattr(life, name)(*map(int, numbers))


_SHORT = {
    "begin": "register 1, register 2, register 3, start",
    "twice": "submit 1, submit 2",
    "round": "twice, close, attest 3",
    "complete": "round, round, twice, close",
}
_NAMED = {
    "dispute": lambda life, node: life.attest(node, agrees=False),
    "override": Life.replace_global,
    "stale": lambda life, node: life.submit(node, age=1),
}


@pytest.mark.parametrize("steps", LIVES.values(), ids=LIVES)
def test_a_timeline_agrees_with_the_contract(steps):
    live(born(), steps)


nodes = st.sampled_from(NODES)
ACTS = st.one_of(
    st.tuples(st.just("submit"), nodes, st.integers(0, 1)),
    st.tuples(st.just("submit"), nodes),
    st.tuples(st.just("reject"), nodes),
    st.tuples(st.just("close")),
    st.tuples(st.just("close")),
    st.tuples(st.just("attest"), nodes, st.booleans()),
    st.tuples(st.just("replace_global"), nodes),
    st.tuples(st.just("register"), nodes),
    st.tuples(st.just("replace"), nodes, st.sampled_from(ACCOUNTS)),
    st.tuples(st.just("remove"), nodes),
    st.tuples(st.just("set_header")),
    st.tuples(st.just("set_terms"), st.integers(0, 2)),
    st.tuples(st.just("extend")),
    st.tuples(st.just("reopen"), st.integers(0, 1)),
    st.tuples(st.just("wait")),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ACTS, min_size=10, max_size=20))
def test_whatever_happens_a_timeline_agrees_with_the_contract(acts):
    life = born(nodes=3)
    for name, *arguments in acts:
        getattr(life, name)(*arguments)
        note(f"{name} {arguments}: {life.refused or 'done'}")
    assert_agreement(life)


def closed_life() -> Life:
    """Round 1: node 1's second update and node 2's are in, node 3 is missing; round 2 is open."""
    life = born(nodes=3)
    live(life, "submit 1, reject 1, submit 1, submit 2, close, attest 3")
    return life


def test_a_round_tells_who_was_expected_in_rejected_and_missing():
    life = closed_life()
    log = read_timeline(life.as_("owner"))[1].rounds[1]
    assert log.members == {node: address(f"node {node}") for node in (1, 2, 3)}
    assert sorted(log.updates) == [1, 2]
    assert log.updates[1].attempt == 2
    assert [(each.node, each.attempt) for each in log.submitted] == [(1, 1), (1, 2), (2, 1)]
    assert [(each.update, each.reason) for each in log.rejections] == [
        (log.submitted[0], Reason.NOT_FINITE)
    ]
    assert log.rejections[0].by == address("header")
    assert log.missing == [3]


def test_a_round_tells_how_it_was_closed():
    life = closed_life()
    timeline = read_timeline(life.as_("owner"))[1]
    events = life.as_("owner").events()
    at = [event.kind for event in events].index("GlobalWeightSet", 5)
    closing = timeline.rounds[1].closing
    assert closing.model == timeline.model(1)
    assert (closing.by, closing.timestamp) == (address("header"), events[at].timestamp)
    assert closing.seen_history == events[at - 1].values["history"]
    assert [(word.node, word.agrees) for word in timeline.rounds[1].attestations] == [(3, True)]


def test_a_node_whose_only_update_was_rejected_is_not_missing():
    life = born(nodes=3)
    live(life, "submit 1, reject 1")
    assert read_timeline(life.as_("owner"))[1].open_round.missing == [2, 3]


def test_a_replaced_global_leaves_the_updates_and_both_closings():
    life = born(nodes=3)
    live(life, "submit 1, submit 2, close, dispute 1, override 2")
    log = read_timeline(life.as_("owner"))[1].rounds[1]
    assert sorted(log.updates) == [1, 2]
    assert [closing.by for closing in log.closings] == [address("header"), address("node 2")]
    assert log.closing is log.closings[1]
    assert [word.agrees for word in log.closings[0].attestations] == [False]
    assert log.attestations == ()


def test_a_round_keeps_the_terms_that_it_opened_with():
    life = born(nodes=3)
    live(life, "set_terms 0, submit 1, submit 2, close")
    rounds = read_timeline(life.as_("owner"))[1].rounds
    assert [rounds[1].terms.target, rounds[2].terms.target] == [2, 1]


def test_every_act_of_the_owner_is_kept():
    life = born(nodes=3)
    live(life, "set_header, set_terms 0, extend, reopen 0, replace 1, remove 2, submit 3")
    acts = read_timeline(life.as_("owner"))[1].owner_acts
    kinds = ["HeaderSet", "TermsSet", "Extended", "Reopened", "NodeReplaced", "NodeRemoved"]
    assert [act.kind for act in acts] == ["NodeRegistered"] * 3 + kinds


def test_global_0_is_known_before_it_is_put_and_a_later_one_is_not():
    timeline = read_timeline(born().as_("owner"))[1]
    assert timeline.model(0) == Global(0, INITIAL, None)
    assert timeline.open_round is None
    life = closed_life()
    timeline = read_timeline(life.as_("owner"))[1]
    for number in (2, 3, 9):
        with pytest.raises(LedgerError, match=f"global {number} was asked for, the latest is 1"):
            timeline.model(number)


def test_events_without_a_creation_are_no_federation():
    events = list(closed_life().as_("owner").events())
    for without in ([], events[1:]):
        with pytest.raises(LedgerError, match="no federation at this address"):
            timeline_of(without)


@pytest.mark.parametrize("kind", ["LocalWeightSet", "GlobalWeightSet", "FederationCreated"])
def test_events_that_do_not_fit_each_other_are_refused_in_one_line(kind):
    events = list(closed_life().as_("owner").events())
    at = [event.kind for event in events].index(kind)
    spoiled = [*events, events[0]] if at == 0 else events[:at] + events[at + 1 :]
    with pytest.raises(LedgerError, match="does not follow from what went before") as caught:
        timeline_of(spoiled)
    assert "\n" not in str(caught.value)


class Moving:
    """A ledger on which something happens between two reads, as often as it is told."""

    def __init__(self, life, times):
        self.life, self.times, self.ledger = life, times, life.as_("owner")

    def events(self):
        found = self.ledger.events()
        if self.times:
            self.times -= 1
            self.life.extend()
        return found

    def snapshot(self):
        return self.ledger.snapshot()


def test_state_and_events_belong_together_even_when_the_chain_moves():
    life = born(nodes=2)
    snapshot, timeline = read_timeline(Moving(life, 3))
    assert snapshot.history == timeline.history
    assert snapshot.terms.rounds == TERMS.rounds + 3


def test_a_chain_whose_events_lag_behind_its_state_is_an_error():
    life = born(nodes=2)

    class Lagging(Moving):
        def events(self):
            return self.ledger.events()[:-1]

    with pytest.raises(LedgerError, match="do not agree: is the node still syncing"):
        read_timeline(Lagging(life, 0))


def test_a_last_attestation_does_not_hide_the_history():
    life = closed_life()
    events = life.as_("owner").events()
    assert events[-1].kind == "Attested"
    word = events[-1]
    forged = LedgerEvent(word.kind, {**word.values, "history": bytes(32)}, 1, 1)
    assert timeline_of([*events, forged]).history == timeline_of(events).history
    assert replace(timeline_of(events), rounds={}) == replace(timeline_of(events[:-1]), rounds={})
