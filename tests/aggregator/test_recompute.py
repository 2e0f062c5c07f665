"""One function says what a round's global must be; a strategy's state goes from round to round."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from aggregator.admission import Refusal
from aggregator.audit import audit
from aggregator.close import Closed, close
from aggregator.recompute import judge, recompute
from aggregator.strategies import registry
from aggregator.strategies.fedavg import FedAvg
from aggregator.strategies.strategy import Aggregate, Strategy
from fl_node.cid import Cid
from fl_node.errors import StrategyError, UnavailableError, WeightsError
from fl_node.report import Report
from fl_node.rounds import Reason, Terms, global_metadata
from fl_node.weights import Weights
from tests.aggregator.falsify import Forgery, close_falsely, other_bytes, reported, truth
from tests.small_federation import INITIAL, silent, small_federation

TERMS = Terms(quorum=2, round_seconds=1000, grace_seconds=100, rounds=4)


@dataclass(frozen=True)
class Counting(Strategy):
    """FedAvg moved by how many rounds there were before; that number is its state."""

    def aggregate(self, base, state, updates):
        rounds = state.tensors["rounds"] + 1 if state else np.array([1])
        average = FedAvg().aggregate(base, None, updates).weights.tensors
        moved = {"dense/bias": average["dense/bias"] + np.float32(rounds[0])}
        return Aggregate(Weights(average | moved), Weights({"rounds": rounds}))


@pytest.fixture
def stateful(tmp_path, monkeypatch):
    """A federation whose strategy keeps a state."""
    known = registry.STRATEGIES | {"counting": lambda _: Counting()}
    monkeypatch.setattr(registry, "STRATEGIES", known)
    return small_federation(tmp_path, nodes=2, terms=TERMS, strategy="counting")


@pytest.fixture
def federation(tmp_path):
    return small_federation(tmp_path, nodes=2, terms=TERMS)


def admitted(federation, number):
    view, timeline = federation.view("owner"), federation.timeline()
    updates = timeline.rounds[number].updates
    return {node: judge(view, timeline, update) for node, update in updates.items()}


def recomputed(federation, number):
    view, timeline = federation.view("owner"), federation.timeline()
    return recompute(view, timeline, timeline.rounds[number], admitted(federation, number))


def state_of(federation, number):
    cid = federation.timeline().model(number).report
    state = Report.decode(federation.view("owner").small(cid)).recomputable.state
    return int(federation.view("owner").weights(state).tensors["rounds"][0])


def test_a_closed_round_recomputes_to_what_was_put(federation):
    closed = federation.run_round(1, 2)
    found = recomputed(federation, 1)
    assert found.recomputable == closed.report.recomputable
    assert found.weights.cid() == closed.model.weights
    assert found.state is None


def test_the_order_in_which_updates_came_does_not_matter(federation):
    federation.send(2, 1)
    found = admitted(federation, 1)
    view, timeline = federation.view("owner"), federation.timeline()
    log = timeline.rounds[1]
    outcomes = [
        recompute(view, timeline, log, dict(order)).recomputable
        for order in (sorted(found.items()), sorted(found.items(), reverse=True))
    ]
    assert outcomes[0] == outcomes[1]


def test_no_updates_make_no_global(federation):
    with pytest.raises(StrategyError):
        recomputed(federation, 1)


def test_a_strategy_that_this_version_does_not_know_is_named(tmp_path):
    federation = small_federation(tmp_path, strategy="fedsomething")
    federation.send(1, 2)
    with pytest.raises(StrategyError, match="strategy 'fedsomething' is unknown"):
        close(federation.closer())


def test_an_update_is_judged_as_admission_does(federation):
    good, bad = federation.submit(1), federation.submit(2, samples=0)
    view, timeline = federation.view("owner"), federation.timeline()
    assert isinstance(judge(view, timeline, good), Weights)
    assert judge(view, timeline, bad).reason == Reason.BAD_SAMPLES
    gone = replace(good, weights=Cid(b"g" * 32))
    assert isinstance(judge(view, timeline, gone), Refusal)


def test_a_base_with_other_tensors_than_global_0_is_refused_by_its_number(federation):
    federation.send(1, 2)
    narrow = Weights({"dense/bias": INITIAL["dense/bias"]}, global_metadata())
    close_falsely(federation, other_bytes(narrow.encode()))
    update = federation.submit(1, tensors=INITIAL)
    for act in (
        lambda: judge(federation.view("owner"), federation.timeline(), update),
        lambda: recompute(
            federation.view("owner"),
            federation.timeline(),
            federation.timeline().rounds[2],
            {1: Weights(INITIAL)},
        ),
    ):
        with pytest.raises(WeightsError, match="global 1 has not the tensors of global 0"):
            act()


# What a strategy keeps.


def test_a_state_goes_from_round_to_round_and_stands_in_the_reports(stateful):
    for number in (1, 2, 3):
        stateful.run_round(1, 2)
        assert state_of(stateful, number) == number
    assert audit(stateful.view("stranger"), silent).ok


def test_a_state_is_a_file_that_says_it_is_one(stateful):
    closed = stateful.run_round(1, 2)
    stored = stateful.view("owner").weights(closed.report.recomputable.state)
    assert dict(stored.metadata) == {"format": 1, "kind": "strategy-state"}


def test_another_closer_goes_on_with_the_state(stateful):
    stateful.run_round(1, 2)
    stateful.send(1, 2)
    stateful.pass_seconds(100)
    assert isinstance(close(stateful.closer("node 2")), Closed)
    assert state_of(stateful, 2) == 2


def without_report(outcome, _updates):
    return Forgery(outcome.weights.encode(), None)


def with_garbage(outcome, _updates):
    return Forgery(outcome.weights.encode(), b"no report")


def with_a_state_that_is_none(outcome, _updates):
    return reported(outcome, outcome.weights, state=Cid.of_bytes(b"no report"))


def with_a_state_that_nobody_has(outcome, _updates):
    return reported(outcome, outcome.weights, state=Cid(b"n" * 32))


FALSE_REPORTS = [
    without_report,
    with_garbage,
    with_a_state_that_is_none,
    with_a_state_that_nobody_has,
]


@pytest.mark.parametrize("lie", FALSE_REPORTS)
def test_a_false_report_loses_no_state_and_does_not_stop_the_rounds_after_it(stateful, lie):
    stateful.run_round(1, 2)
    stateful.send(1, 2)
    stateful.store.put([b"no report"])
    close_falsely(stateful, lie)
    stateful.run_round(1, 2)
    assert state_of(stateful, 3) == 3
    result = audit(stateful.view("stranger"), silent)
    assert [(each.round, each.reason) for each in result.findings] == [(2, "wrong-report")]


def test_a_lost_report_and_a_lost_state_are_recomputed(stateful):
    first = stateful.run_round(1, 2).report
    second = stateful.run_round(1, 2).report
    stateful.place(first.cid).unlink()
    stateful.place(second.recomputable.state).unlink()
    stateful.run_round(1, 2)
    assert state_of(stateful, 3) == 3


def test_a_state_that_cannot_be_recomputed_either_is_an_error_that_names_the_update(stateful):
    closed = stateful.run_round(1, 2)
    stateful.place(closed.report.cid).unlink()
    stateful.place(closed.report.recomputable.admitted[1].weights).unlink()
    stateful.send(1, 2)
    with pytest.raises(UnavailableError, match="the update of node 2 is unavail"):
        close(stateful.closer())
    result = audit(stateful.view("stranger"), silent)
    assert [(each.round, each.reason) for each in result.findings] == [(1, "bytes-erased")]


def test_an_audit_says_so_when_a_round_cannot_be_recomputed_for_its_state(stateful):
    closed = stateful.run_round(1, 2)
    stateful.run_round(1, 2)
    stateful.place(closed.report.cid).unlink()
    stateful.place(closed.report.recomputable.admitted[0].weights).unlink()
    result = audit(stateful.view("stranger"), silent)
    assert [(each.round, each.node, each.reason) for each in result.findings] == [
        (1, 1, "bytes-erased"),
        (2, None, "not-recomputable"),
    ]


@pytest.mark.parametrize("lie", [*FALSE_REPORTS, truth])
def test_without_a_state_no_report_is_asked_for(federation, lie):
    federation.send(1, 2)
    federation.store.put([b"no report"])
    close_falsely(federation, lie)
    closed = federation.run_round(1, 2)
    assert closed.report.recomputable.state is None
    wrong = [] if lie is truth else [(1, "wrong-report")]
    result = audit(federation.view("stranger"), silent)
    assert [(each.round, each.reason) for each in result.findings] == wrong


def test_a_state_that_a_report_invents_for_fedavg_changes_nothing(federation):
    federation.send(1, 2)
    invented = federation.store.put(Weights({"rounds": np.array([7])}).pieces())

    def lie(outcome, _updates):
        return reported(outcome, outcome.weights, state=invented)

    close_falsely(federation, lie)
    assert federation.run_round(1, 2).report.recomputable.state is None
