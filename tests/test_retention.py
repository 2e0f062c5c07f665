"""A store forgets what no round needs that is kept, and nothing else."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.chain.timeline import Closing, RoundLog, Timeline
from fl_node.cid import Cid
from fl_node.errors import StoreUnreachableError
from fl_node.report import Observed, Recomputable, Report
from fl_node.retention import Retention, superseded
from fl_node.rounds import Global, Terms, Update
from fl_node.store.directory import DirectoryStore


def cid(label: str) -> Cid:
    return Cid.of_bytes(label.encode())


def update(node: int, number: int, base: int | None = None, attempt: int = 1) -> Update:
    name = f"update {node} of {number}" if attempt == 1 else f"update {node} of {number}, {attempt}"
    return Update(node, number, number - 1 if base is None else base, cid(name), 10, attempt)


def closing(number: int, label: str = "global", report: Cid | None = None) -> Closing:
    model = Global(number, cid(f"{label} {number}"), report or cid(f"report {number}"))
    return Closing(model, "header", 0, b"")


def closed(number: int, *updates: Update, **known) -> RoundLog:
    sent = updates or (update(1, number), update(2, number))
    known.setdefault("closings", (closing(number),))
    return RoundLog(number, Terms(), {}, 0, submitted=sent, **known)


def history(*logs: RoundLog, staleness: int = 0, rounds: int = 100) -> Timeline:
    """Rounds from 1 on, and the next one open."""
    terms = Terms(max_staleness=staleness, rounds=rounds)
    number = len(logs) + 1
    opened = RoundLog(number, terms, {}, 0, submitted=(update(1, number),))
    return Timeline(
        plan=cid("plan"),
        initial=cid("initial"),
        owner="",
        header="",
        terms=terms,
        pending_terms=terms,
        history=b"",
        rounds={log.number: log for log in (*logs, opened)},
        open_number=number,
    )


def names(*labels: str) -> frozenset[Cid]:
    return frozenset(map(cid, labels))


OF_ROUND_1 = ("update 1 of 1", "update 2 of 1", "global 1")
OF_ROUND_2 = ("update 1 of 2", "update 2 of 2", "global 2")


@given(st.integers(0, 6), st.integers(0, 3))
def test_keeping_no_number_of_rounds_keeps_all(rounds, staleness):
    logs = [closed(number) for number in range(1, rounds + 1)]
    assert superseded(history(*logs, staleness=staleness), 0) == frozenset()


def test_updates_go_with_their_round_and_globals_one_round_later():
    four = history(closed(1), closed(2), closed(3), closed(4))
    assert superseded(four, 4) == frozenset()
    assert superseded(four, 3) == names("update 1 of 1", "update 2 of 1")
    assert superseded(four, 2) == names(*OF_ROUND_1, "update 1 of 2", "update 2 of 2")
    assert superseded(four, 1) == names(*OF_ROUND_1, *OF_ROUND_2, "update 1 of 3", "update 2 of 3")


def test_nothing_goes_before_a_round_is_closed():
    assert superseded(history(), 1) == frozenset()
    assert superseded(history(closed(1)), 1) == frozenset()


def test_rejected_withdrawn_and_replaced_bytes_go_too():
    first = closed(
        1,
        update(1, 1),
        update(1, 1, attempt=2),
        closings=(closing(1, "wrong"), closing(1)),
    )
    assert superseded(history(first, closed(2), closed(3)), 1) == names(
        "update 1 of 1", "update 1 of 1, 2", "wrong 1", "global 1", "update 1 of 2", "update 2 of 2"
    )


def test_a_base_of_a_kept_round_stays():
    stale = closed(4, update(1, 4, base=1), update(2, 4))
    gone = superseded(history(closed(1), closed(2), closed(3), stale), 1)
    assert cid("global 1") not in gone
    assert cid("global 2") in gone


def test_a_base_that_the_open_round_may_have_stays():
    logs = [closed(number) for number in range(1, 6)]
    gone = superseded(history(*logs, staleness=2), 1)
    assert {n for n in range(6) if cid(f"global {n}") in gone} == {1, 2}
    later = history(*logs)
    later = replace(later, pending_terms=replace(later.terms, max_staleness=3))
    assert {n for n in range(6) if cid(f"global {n}") in superseded(later, 1)} == {1}


def test_bytes_that_a_kept_round_has_too_stay():
    same = replace(update(1, 3), weights=cid("update 1 of 1"))
    back_to_the_start = closed(2, closings=(Closing(Global(2, cid("initial"), None), "", 0, b""),))
    gone = superseded(history(closed(1), back_to_the_start, closed(3, same), closed(4)), 2)
    assert gone == names("update 2 of 1", "global 1", "update 1 of 2", "update 2 of 2")


def test_a_strategys_state_goes_with_the_globals():
    states = {number: cid(f"state {number}") for number in range(1, 5)}
    four = history(closed(1), closed(2), closed(3), closed(4))
    gone = superseded(four, 2, states)
    assert {n for n, state in states.items() if state in gone} == {1}
    assert superseded(four, 2, {1: cid("plan"), 4: cid("update 1 of 1")}) == superseded(
        four, 2
    ) - names("update 1 of 1")


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 3))
def test_keeping_more_forgets_less_and_plan_initial_reports_and_newest_stay(
    rounds, keep, staleness
):
    timeline = history(*(closed(n) for n in range(1, rounds + 1)), staleness=staleness)
    gone = superseded(timeline, keep)
    assert superseded(timeline, keep + 1) <= gone
    reports = {cid(f"report {number}") for number in range(1, rounds + 1)}
    newest = {cid(f"global {rounds}"), cid(f"update 1 of {rounds + 1}")}
    assert not gone & (names("plan", "initial") | reports | newest)


def stored(store: DirectoryStore, *labels: str) -> None:
    for label in labels:
        store.put([label.encode()])


def test_a_store_is_kept_to_the_rounds_and_says_so_once(tmp_path):
    store, said = DirectoryStore(tmp_path), []
    stored(store, "plan", "initial", *OF_ROUND_1, *OF_ROUND_2)
    retention = Retention(store, 1, said.append)
    assert retention.apply(history(closed(1))) == []
    assert said == []
    assert set(retention.apply(history(closed(1), closed(2)))) == names(*OF_ROUND_1[:2])
    assert set(retention.apply(history(closed(1), closed(2), closed(3)))) == names(
        "global 1", *OF_ROUND_2[:2]
    )
    held = ["plan", "initial", *OF_ROUND_1, *OF_ROUND_2]
    assert [label for label in held if store.holds(cid(label))] == ["plan", "initial", "global 2"]
    assert said == [
        "this node keeps the bytes of the last 1 closed rounds (keep_rounds): an audit of earlier "
        "ones needs the store of a member that keeps all"
    ]


def test_a_store_without_the_setting_drops_nothing(tmp_path):
    store, said = DirectoryStore(tmp_path), []
    stored(store, *OF_ROUND_1)
    assert Retention(store, 0, said.append).apply(history(*map(closed, range(1, 5)))) == []
    assert all(store.holds(cid(label)) for label in OF_ROUND_1)
    assert said == []


def reported(store: DirectoryStore, number: int, state: Cid | None) -> RoundLog:
    """Close a round with a report that names a state."""
    base, weights = cid(f"global {number - 1}"), cid(f"global {number}")
    recomputable = Recomputable(number, number - 1, base, "fedadam", (), (), (), (), state, weights)
    report = Report(recomputable, Observed("header", {}, {}, {}, {}))
    name = store.put([report.encode()])
    return closed(number, closings=(closing(number, report=name),))


def test_states_are_found_in_the_reports_that_are_here(tmp_path):
    store = DirectoryStore(tmp_path)
    stored(store, "state 1", "state 2", "state 3", "no report")
    logs = [reported(store, number, cid(f"state {number}")) for number in (1, 2, 3)]
    absent = closed(4)
    no_report = closed(5, closings=(closing(5, report=cid("no report")),))
    retention = Retention(store, 1, lambda _: None)
    assert cid("state 1") in retention.apply(history(*logs))
    assert not store.holds(cid("state 1"))
    assert store.holds(cid("state 2"))
    dropped = retention.apply(history(*logs, absent, no_report))
    assert {cid("state 2"), cid("state 3")} <= set(dropped)
    assert store.holds(logs[0].closings[0].model.report)


def test_a_round_that_is_closed_again_has_the_state_of_its_last_report(tmp_path):
    store = DirectoryStore(tmp_path)
    stored(store, "wrong state", "state 1")
    retention = Retention(store, 1, lambda _: None)
    wrong = reported(store, 1, cid("wrong state"))
    second = replace(reported(store, 1, cid("state 1")), number=1)
    assert retention.apply(history(wrong)) == []
    assert cid("state 1") in retention.apply(history(second, closed(2), closed(3)))


class Flickering(DirectoryStore):
    """A store whose daemon goes away after so many drops."""

    def drop(self, cid: Cid) -> None:
        if not patience:
            raise StoreUnreachableError("away")
        patience.pop()
        super().drop(cid)


patience: list[None] = []


def test_what_a_daemon_that_went_away_left_is_dropped_by_the_next_call(tmp_path):
    store, timeline = Flickering(tmp_path), history(closed(1), closed(2), closed(3))
    retention = Retention(store, 1, lambda _: None)
    patience[:] = [None]
    with pytest.raises(StoreUnreachableError):
        retention.apply(timeline)
    patience[:] = [None] * 9
    assert len(retention.apply(timeline)) == len(superseded(timeline, 1)) - 1
