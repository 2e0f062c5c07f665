"""Rounds in which somebody does not do their part: they end, and nobody is left out unnamed."""

import io

import pytest
from rich.console import Console

from aggregator.console import RoleWatcher, subset_line
from aggregator.resident import HeaderRole, TrainerRole
from fl_node.errors import RevertedError
from fl_node.late import Late
from fl_node.patience import Patience
from fl_node.rounds import Reason, Terms
from fl_node.status import status_of
from fl_node.training.participate import Waiting
from fl_node.upkeep import Upkeep
from tests.small_federation import SmallFederation, silent, small_federation

TERMS = Terms(quorum=2, round_seconds=1000, grace_seconds=100, max_staleness=1, rounds=2)


class Passing(Patience):
    """Lets 50 s pass on the chain's clock instead of waiting; others act meanwhile, in turn."""

    def __init__(self, small: SmallFederation, *acts) -> None:
        super().__init__(silent)
        self.small, self.acts = small, list(acts)

    def until_news(self, ledger, head):
        self.small.pass_seconds(50)
        if self.acts:
            self.acts.pop(0)()


@pytest.fixture
def lines():
    return io.StringIO()


@pytest.fixture
def small(tmp_path):
    return small_federation(tmp_path / "small", nodes=3, terms=TERMS)


@pytest.fixture
def undisturbed(tmp_path):
    """The same nodes' updates, with an honest header that is always there."""
    made = small_federation(tmp_path / "undisturbed", nodes=3, terms=TERMS)

    def globals_(*rounds):
        found = []
        for nodes in rounds:
            made.send(*nodes)
            made.pass_seconds(1000)
            found.append(made.run_round().model.weights)
        return found

    return globals_


def header(small, lines, *acts, role="header") -> HeaderRole:
    upkeep = Upkeep.of(small.view(role), 0, silent)
    watcher = RoleWatcher(Console(file=lines, width=400))
    return HeaderRole(small.closer(role), upkeep, Passing(small, *acts), watcher)


def trainer(small, node, lines, *acts) -> TrainerRole:
    role = f"node {node}"
    upkeep = Upkeep.of(small.view(role), 0, silent)
    watcher = RoleWatcher(Console(file=lines, width=400))
    return TrainerRole(
        small.participant(node), small.closer(role), upkeep, Passing(small, *acts), watcher
    )


def globals_of(small):
    timeline = small.timeline()
    return [timeline.model(number).weights for number in range(1, timeline.open_number)]


def first_round(small):
    return status_of(small.view("stranger")).rounds[0]


def test_a_trainer_that_never_comes_is_missed_until_the_deadline_only(small, lines, undisturbed):
    small.send(1, 3)
    header(small, lines).run(once=True)
    assert globals_of(small) == undisturbed((1, 3))
    (line,) = (line for line in lines.getvalue().splitlines() if "2 of 3" in line)
    assert line.endswith("  ON A SUBSET, missing: 2")
    found = first_round(small)
    assert (found.included, found.missing, found.late) == ((1, 3), (2,), ())
    assert subset_line(small.timeline()) == (
        "ON A SUBSET of the nodes: round 1; flnode status says who and why"
    )


def test_a_trainer_that_comes_after_the_deadline_is_in_the_next_round_and_named(small, lines):
    small.send(1, 3)
    small.pass_seconds(1000)
    second = small.participate(2)
    assert isinstance(second, Waiting)  # the round takes no more
    header(small, lines).run(once=True)
    small.submit(2, base=0)
    header(small, lines, lambda: small.send(1, 3)).run(once=True)
    rounds = status_of(small.view("stranger")).rounds
    assert rounds[0].late == (Late(2, "its update came in round 2"),)
    assert rounds[1].late == (Late(2, "trained from global 0"),)
    assert "  LATE: 2 (trained from global 0)" in lines.getvalue()


def test_a_base_that_is_too_old_is_refused_at_once(tmp_path):
    small = small_federation(tmp_path, nodes=3, terms=Terms(quorum=2, round_seconds=50, rounds=2))
    small.send(1, 3)
    small.pass_seconds(50)
    small.run_round()
    with pytest.raises(RevertedError) as caught:
        small.submit(2, base=0)
    assert caught.value.name == "BaseTooOld"


def test_a_trainer_rejects_and_closes_where_the_header_is_dead(small, lines, undisturbed):
    small.submit(2, content=b"no weights")
    small.send(3)
    trainer(small, 1, lines).run(once=True)
    role = trainer(small, 1, lines)
    while small.timeline().open_number == 1:
        role._step(once=False)
        role.patience.until_news(None, b"")
    assert globals_of(small) == undisturbed((1, 3))
    log = small.timeline().rounds[1]
    assert log.closing.by == log.rejections[0].by == small.ledger("node 1").account
    assert "node 2 rejected as not-canonical: " in lines.getvalue()
    assert "  ON A SUBSET, rejected: 2 (not-canonical)" in lines.getvalue()


def test_a_header_that_rejects_everybody_is_replaced_and_the_round_reopened(
    small, lines, undisturbed
):
    small.send(1, 2, 3)
    liar = small.ledger("header")
    for node, update in small.timeline().rounds[1].updates.items():
        liar.reject_local_weight(node, 1, update.weights, Reason.NOT_FINITE)
    first = trainer(small, 1, lines)
    first._step(once=False)
    assert "node 1: the update was rejected as not-finite: node 1 sits this round out" in (
        lines.getvalue()
    )
    owner = small.ledger("owner")
    owner.set_header(str(small.ledger("stranger").account))
    owner.reopen(1)
    for node in (1, 2, 3):
        trainer(small, node, lines).run(once=True)
    header(small, lines, role="stranger").run(once=True)
    assert globals_of(small) == undisturbed((1, 2, 3))
    small.send(1)
    update = small.timeline().rounds[2].updates[1]
    with pytest.raises(RevertedError, match="NotHeaderOrNode"):
        liar.reject_local_weight(1, 2, update.weights, Reason.NOT_FINITE)


def test_a_header_that_comes_back_goes_on_after_what_a_trainer_closed(small, lines, undisturbed):
    small.send(1, 2, 3)
    small.pass_seconds(101)
    trainer(small, 1, lines)._step(once=False)
    assert small.timeline().rounds[1].closing.by == small.ledger("node 1").account
    small.send(1, 2, 3)
    header(small, lines).run()
    assert small.timeline().rounds[2].closing.by == small.ledger("header").account
    assert globals_of(small) == undisturbed((1, 2, 3), (1, 2, 3))


def test_a_quorum_that_is_lost_is_waited_for_and_regained(small, lines, undisturbed):
    small.send(1, 2)
    owner = small.ledger("owner")
    owner.remove_node(2)  # takes its update with it
    role = header(small, lines, *[lambda: None] * 30, lambda: small.send(3))
    role.run(once=True)
    assert globals_of(small) == undisturbed((1, 3))
    (late,) = first_round(small).late
    assert late.node == 3
    assert late.why.endswith(" s after the deadline")
