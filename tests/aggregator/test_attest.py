"""Attestation: a node recomputes a global, and its word counts only if it got the same bits."""

from pathlib import Path

import pytest

from aggregator.attest import attest
from aggregator.close import close
from fl_node.cid import Cid
from fl_node.errors import FlnodeError
from fl_node.rounds import Terms
from fl_node.training.participate import Submitted, Waiting
from tests.small_federation import SmallFederation, small_federation

FINALITY = Terms(rounds=3, finality=2)


@pytest.fixture
def federation(tmp_path: Path) -> SmallFederation:
    """A federation that wants two attestations, with round 1 closed."""
    made = small_federation(tmp_path, nodes=2, terms=FINALITY)
    for node in (1, 2):
        made.participate(node)
    close(made.closer())
    return made


def test_the_next_round_takes_updates_once_enough_nodes_attested(
    federation: SmallFederation,
) -> None:
    assert isinstance(federation.participate(1), Waiting)
    for node in (1, 2):
        said = attest(federation.view(f"node {node}"), node)
        assert said is not None
        assert said.agrees
    assert isinstance(federation.participate(1), Submitted)


def test_a_node_attests_a_global_once(federation: SmallFederation) -> None:
    assert attest(federation.view("node 1"), 1) is not None
    assert attest(federation.view("node 1"), 1) is None
    assert [word.node for word in federation.timeline().rounds[1].attestations] == [1]


def test_before_the_first_close_there_is_nothing_to_attest(tmp_path: Path) -> None:
    made = small_federation(tmp_path, terms=FINALITY)
    assert attest(made.view("node 1"), 1) is None


def test_a_wrong_global_is_disputed_and_replaced_by_a_node_after_the_grace(tmp_path: Path) -> None:
    made = small_federation(tmp_path, nodes=2, terms=FINALITY)
    for node in (1, 2):
        made.participate(node)
    header = made.ledger("header")
    header.set_global_weight(1, Cid(b"x" * 32), None, header.snapshot().history)

    said = attest(made.view("node 1"), 1)
    assert said is not None
    assert not said.agrees
    assert isinstance(made.participate(1), Waiting)

    made.chain.set_time(int(made.chain.now()) + FINALITY.grace_seconds)
    node = made.ledger("node 1")
    node.set_global_weight(1, said.expected, None, node.snapshot().history)
    assert made.timeline().rounds[1].attestations == ()
    for number in (1, 2):
        again = attest(made.view(f"node {number}"), number)
        assert again is not None
        assert again.agrees
    assert header.snapshot().round.final


def test_a_node_that_cannot_recompute_says_nothing_on_the_chain(
    federation: SmallFederation,
) -> None:
    update = federation.timeline().rounds[1].updates[2]
    place = federation.store.fetch(update.weights, max_bytes=10**6, timeout_seconds=1)
    place.unlink()
    with pytest.raises(FlnodeError, match="the update of node 2 is unavailable"):
        attest(federation.view("node 1"), 1)
    assert federation.timeline().rounds[1].attestations == ()


def test_an_attestation_over_a_history_that_moved_on_is_made_again(
    federation: SmallFederation, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = federation.view("node 1")
    owner, plain = federation.ledger("owner"), view.ledger.attest
    acts = iter([lambda: owner.set_header(federation.ledger("node 2").account)])

    def after_news(*arguments: object) -> None:
        for act in acts:
            act()
        plain(*arguments)

    monkeypatch.setattr(view.ledger, "attest", after_news)
    said = attest(view, 1)
    assert said is not None
    assert said.agrees
