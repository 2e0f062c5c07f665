"""The header's step when things happen meanwhile: it reads again, and nothing is half done."""

from dataclasses import dataclass, replace

import pytest

from aggregator.close import AllClosed, Closed, Closer, NotDue, close
from fl_node.chain.embedded import embedded_account
from fl_node.chain.ethereum import EthereumLedger
from fl_node.errors import LedgerError, RevertedError, StoreError
from fl_node.federation import open_federation
from fl_node.rounds import Reason
from fl_node.training.participate import Submitted
from tests.aggregator.by_hand import TERMS
from tests.small_federation import (
    evaluated,
    happens_before,
    small_federation,
)


@pytest.fixture
def federation(tmp_path):
    return small_federation(tmp_path, nodes=3, terms=TERMS)


def closed_with_news(federation, method, *acts):
    """Close while things happen between reading and writing."""
    ledger = federation.own_ledger("header")
    happens_before(ledger, method, *acts)
    return close(Closer(open_federation(ledger, federation.store), evaluated))


def test_what_happens_before_the_write_is_in_the_history_that_is_closed_over(federation):
    federation.send(1, 2)
    federation.pass_seconds(1000)
    owner = federation.ledger("owner")
    outcome = closed_with_news(
        federation,
        "set_global_weight",
        lambda: owner.register_node(4, embedded_account("node 4").address),
        lambda: owner.extend(7),
    )
    assert isinstance(outcome, Closed)
    events = owner.events()
    assert [event.kind for event in events[-3:]] == [
        "NodeRegistered",
        "Extended",
        "GlobalWeightSet",
    ]
    closing = federation.timeline().rounds[1].closing
    assert closing.seen_history == events[-2].values["history"]


def test_an_update_withdrawn_before_the_write_is_not_in_the_global(federation):
    federation.send(1, 2, 3)
    federation.pass_seconds(1000)
    owner = federation.ledger("owner")
    outcome = closed_with_news(
        federation,
        "set_global_weight",
        lambda: owner.replace_node(2, embedded_account("node 5").address),
    )
    assert [each.node for each in outcome.report.recomputable.admitted] == [1, 3]
    assert outcome.report.recomputable.missing == (2,)


def test_a_round_reopened_before_the_write_is_not_due_any_more(federation):
    federation.send(1, 2, 3)
    owner = federation.ledger("owner")
    outcome = closed_with_news(federation, "set_global_weight", lambda: owner.reopen(1))
    assert isinstance(outcome, NotDue)
    assert outcome.missing == (1, 2, 3)


def test_a_round_that_another_closed_is_closed_once(federation):
    federation.send(1, 2, 3)
    outcome = closed_with_news(federation, "set_global_weight", lambda: close(federation.closer()))
    assert isinstance(outcome, NotDue)
    assert outcome.round == 2
    assert len(federation.timeline().rounds[1].closings) == 1


def test_the_last_round_that_another_closed_ends_all(tmp_path):
    federation = small_federation(tmp_path, terms=replace(TERMS, rounds=1))
    federation.send(1, 2)
    outcome = closed_with_news(federation, "set_global_weight", lambda: close(federation.closer()))
    assert outcome == AllClosed(1)


def test_a_bad_update_that_another_took_out_before_is_not_rejected_twice(federation):
    federation.submit(2, samples=0)
    federation.submit(3, samples=0)
    owner = federation.ledger("owner")
    outcome = closed_with_news(
        federation,
        "reject_local_weight",
        lambda: None,
        lambda: owner.replace_node(3, embedded_account("node 5").address),
    )
    assert isinstance(outcome, NotDue)
    assert [each.update.node for each in outcome.rejected] == [2]
    assert len(federation.timeline().rounds[1].rejections) == 1


def test_a_bad_update_that_was_replaced_meanwhile_leaves_the_new_one_to_be_judged(federation):
    junk = federation.submit(2, content=b"junk")
    header = federation.ledger("header")

    def replaced() -> None:
        header.reject_local_weight(2, 1, junk.weights, Reason.NOT_CANONICAL)
        federation.submit(2)

    outcome = closed_with_news(federation, "reject_local_weight", replaced)
    assert outcome.rejected == ()
    assert federation.timeline().rounds[1].updates[2].attempt == 2


def test_a_header_that_was_replaced_meanwhile_stops(federation):
    federation.submit(2, samples=0)
    owner, stranger = federation.ledger("owner"), embedded_account("stranger").address
    outcome = closed_with_news(
        federation, "reject_local_weight", lambda: owner.set_header(stranger)
    )
    assert isinstance(outcome, NotDue)
    assert federation.timeline().rounds[1].rejections == ()


def test_a_node_that_is_no_header_any_more_leaves_the_round_to_the_new_one(federation):
    owner = federation.ledger("owner")
    owner.set_header(embedded_account("node 1").address)
    federation.send(1, 2, 3)
    ledger = federation.own_ledger("node 1")
    stranger = embedded_account("stranger").address
    happens_before(ledger, "set_global_weight", lambda: owner.set_header(stranger))
    outcome = close(Closer(open_federation(ledger, federation.store), evaluated))
    assert isinstance(outcome, NotDue)
    assert isinstance(close(federation.closer("stranger")), Closed)


def test_another_refusal_of_the_contract_is_not_swallowed(federation):
    federation.send(1, 2, 3)
    ledger = federation.own_ledger("header")

    def refused(*_: object) -> None:
        raise RevertedError("Unheard")

    ledger.set_global_weight = refused
    with pytest.raises(RevertedError, match="Unheard"):
        close(Closer(open_federation(ledger, federation.store), evaluated))


def raising(error):
    def raise_it(*_: object) -> None:
        raise error

    return raise_it


@pytest.mark.parametrize("puts", [0, 1])
def test_after_a_full_disk_nothing_is_half_done_and_the_next_call_closes(federation, puts):
    federation.send(1, 2, 3)
    closer, left = federation.closer(), iter(range(puts))

    @dataclass(frozen=True)
    class Filling:
        store: object

        def put(self, pieces):
            if next(left, None) is None:
                raise StoreError("cannot write: No space left on device")
            return self.store.put(pieces)

        def __getattr__(self, name):
            return getattr(self.store, name)

    before = federation.ledger("owner").snapshot()
    with pytest.raises(StoreError):
        close(
            replace(
                closer,
                federation=replace(closer.federation, store=Filling(closer.federation.store)),
            )
        )
    assert federation.ledger("owner").snapshot() == before
    assert isinstance(close(closer), Closed)


class InterruptError(BaseException):
    """Stands for Ctrl-C."""


@pytest.mark.parametrize("error", [ValueError("the test data are gone"), InterruptError()])
def test_after_an_evaluation_that_failed_the_next_call_closes(federation, error):
    federation.send(1, 2, 3)
    closer = federation.closer()
    with pytest.raises(type(error)):
        close(replace(closer, evaluate=raising(error)))
    assert federation.ledger("owner").snapshot().round.number == 1
    assert close(closer).model == federation.timeline().model(1)


def test_a_closer_killed_after_the_write_finds_the_round_closed(federation):
    federation.send(1, 2, 3)
    ledger = federation.own_ledger("header")
    plain = ledger.set_global_weight
    ledger.set_global_weight = lambda *arguments: (plain(*arguments), raising(InterruptError())())
    with pytest.raises(InterruptError):
        close(Closer(open_federation(ledger, federation.store), evaluated))
    outcome = close(federation.closer())
    assert (outcome.round, outcome.received) == (2, 0)
    assert isinstance(federation.participate(1), Submitted)


def test_a_base_that_cannot_be_had_stops_the_closer_with_one_line(federation):
    federation.run_round(1, 2, 3)
    federation.send(1, 2, 3)
    federation.place(federation.timeline().model(1).weights).unlink()
    with pytest.raises(StoreError) as caught:
        close(federation.closer())
    assert "\n" not in str(caught.value)
    assert federation.timeline().rounds[2].rejections == ()  # no node is blamed for it


def test_a_chain_that_cannot_be_read_is_an_error(federation):
    nowhere = EthereumLedger(
        federation.chain, embedded_account("stranger").address, embedded_account("header")
    )
    closer = federation.closer()
    with pytest.raises(LedgerError):
        close(replace(closer, federation=replace(closer.federation, ledger=nowhere)))
