"""A node's word on a global: it recomputes it, and says on the chain what came out."""

from pathlib import Path

import pytest

from aggregator.attest import Witness
from aggregator.close import close
from fl_node.cid import Cid
from fl_node.errors import StrategyError, UnavailableError
from fl_node.rounds import Terms
from fl_node.training.participate import Submitted, Waiting
from tests.small_federation import SmallFederation, happens_before, small_federation

FINALITY = Terms(rounds=3, finality=2)


def witness(small: SmallFederation, node: int) -> Witness:
    return Witness(small.view(f"node {node}"), node)


def words(small: SmallFederation, number: int = 1) -> list[tuple[int, bool]]:
    return [(word.node, word.agrees) for word in small.timeline().rounds[number].attestations]


def closed(folder: Path, terms: Terms) -> SmallFederation:
    made = small_federation(folder, nodes=2, terms=terms)
    for node in (1, 2):
        made.participate(node)
    close(made.closer())
    return made


@pytest.fixture
def federation(tmp_path: Path) -> SmallFederation:
    """A federation that wants two attestations, with round 1 closed."""
    return closed(tmp_path, FINALITY)


@pytest.fixture
def carefree(tmp_path: Path) -> SmallFederation:
    """A federation that waits for no attestation, with round 1 closed."""
    return closed(tmp_path, Terms(rounds=3))


def lose_update(small: SmallFederation, node: int) -> tuple[Path, bytes]:
    place = small.place(small.timeline().rounds[1].updates[node].weights)
    content = place.read_bytes()
    place.unlink()
    return place, content


def test_the_next_round_takes_updates_once_enough_nodes_attested(
    federation: SmallFederation,
) -> None:
    assert isinstance(federation.participate(1), Waiting)
    assert federation.attest(1)
    assert federation.attest(2)
    assert isinstance(federation.participate(1), Submitted)


def test_a_node_says_its_word_on_a_global_once(federation: SmallFederation) -> None:
    for _ in range(2):
        assert federation.attest(1)
    assert words(federation) == [(1, True)]


def test_a_global_is_recomputed_once(
    federation: SmallFederation, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = witness(federation, 1)
    first = made.judge()
    monkeypatch.setattr("aggregator.attest.recompute_recorded", None)
    assert made.judge() is first
    made.attest()
    # The chain tells a process that was started again what this node got.
    assert witness(federation, 1).judge() == first


def test_before_the_first_close_there_is_nothing_to_judge(tmp_path: Path) -> None:
    made = witness(small_federation(tmp_path, terms=FINALITY), 1)
    assert made.judge() is None
    made.attest()


def test_nodes_say_their_word_where_nobody_waits_for_it(carefree: SmallFederation) -> None:
    assert carefree.attest(1)
    assert words(carefree) == [(1, True)]


def test_nobody_waits_for_bytes_where_nobody_waits_for_words(carefree: SmallFederation) -> None:
    place, content = lose_update(carefree, 2)
    made = witness(carefree, 1)
    assert made.judge() is None
    made.attest()
    assert words(carefree) == []
    place.write_bytes(content)
    assert carefree.attest(1)
    assert words(carefree) == [(1, True)]


def test_a_node_that_lacks_bytes_waits_where_words_are_needed(federation: SmallFederation) -> None:
    lose_update(federation, 2)
    with pytest.raises(UnavailableError, match="the update of node 2 is unavailable"):
        witness(federation, 1).judge()
    assert words(federation) == []


def test_an_update_that_no_honest_closer_had_in_is_named(tmp_path: Path) -> None:
    small = small_federation(tmp_path, nodes=2, terms=FINALITY)
    small.send(1)
    small.submit(2, content=b"no weights")
    header = small.ledger("header")
    header.set_global_weight(1, Cid(b"x" * 32), None, header.snapshot().history)
    with pytest.raises(StrategyError, match="the update of node 2 is not-canonical"):
        witness(small, 1).judge()


def test_a_wrong_global_is_disputed_and_replaced_by_a_node_after_the_grace(tmp_path: Path) -> None:
    made = small_federation(tmp_path, nodes=2, terms=FINALITY)
    for node in (1, 2):
        made.participate(node)
    header = made.ledger("header")
    header.set_global_weight(1, Cid(b"x" * 32), None, header.snapshot().history)

    said = witness(made, 1)
    judged = said.judge()
    said.attest()
    assert judged is not None
    assert words(made) == [(1, False)]
    assert isinstance(made.participate(1), Waiting)

    made.chain.set_time(int(made.chain.now()) + FINALITY.grace_seconds)
    node = made.ledger("node 1")
    node.set_global_weight(1, judged.expected, None, node.snapshot().history)
    said.attest()  # about a global that is gone
    assert words(made) == []
    again = said.judge()
    assert again is not None
    assert again.agrees
    assert made.attest(1)
    assert made.attest(2)
    assert header.snapshot().round.final


def test_a_word_over_a_history_that_moved_on_is_said_again(federation: SmallFederation) -> None:
    made = witness(federation, 1)
    made.judge()
    owner, new = federation.ledger("owner"), federation.ledger("node 2").account
    happens_before(federation.ledger("node 1"), "attest", lambda: owner.set_header(str(new)))
    made.attest()
    assert words(federation) == []
    made.attest()
    assert words(federation) == [(1, True)]


def test_a_node_that_is_none_any_more_says_nothing(carefree: SmallFederation) -> None:
    made = witness(carefree, 2)
    assert made.judge() is not None
    carefree.ledger("owner").remove_node(2)
    made.attest()
    assert words(carefree) == []
