"""A small federation on a chain that somebody else serves, and three rounds of its life."""

from collections.abc import Callable
from pathlib import Path

from aggregator.close import AllClosed, Closed, NotDue, close
from fl_node.chain.connection import Connection
from fl_node.chain.deploy import create_federation
from fl_node.chain.embedded import embedded_account
from fl_node.cid import Cid
from fl_node.rounds import Terms
from fl_node.store.directory import DirectoryStore
from fl_node.training.participate import Complete, Submitted, Waiting
from tests.chain.scene import address
from tests.small_federation import (
    Clock,
    SmallFederation,
    SmallTrainer,
    initial_weights,
    small_plan,
)

NODES = (1, 2, 3)


def small_federation_on(connection: Connection, folder: Path, terms: Terms) -> SmallFederation:
    """Deploy a federation of three nodes and open round 1; the store is a folder."""
    store = DirectoryStore(folder / "store")
    store.put(initial_weights().pieces())
    ledger = create_federation(
        connection,
        embedded_account("owner"),
        plan=store.put([small_plan().encode()]),
        initial=initial_weights().cid(),
        header=address("header"),
        nodes={node: address(f"node {node}") for node in NODES},
        terms=terms,
    )
    return SmallFederation(folder, Clock(), connection, store, ledger.federation, SmallTrainer())


def story_terms(round_seconds: int) -> Terms:
    return Terms(quorum=2, round_seconds=round_seconds, grace_seconds=2, finality=1, rounds=3)


def live_through(federation: SmallFederation, wait: Callable[[int], None]) -> list[Cid]:
    """A round as it should be, one with junk in it, one whose header and node 3 are away."""
    terms = federation.ledger("owner").snapshot().terms
    _take_part(federation, *NODES)
    globals_ = [_closed(federation, "header").model.weights]
    assert isinstance(federation.participate(1), Waiting)  # until round 1's global is final
    assert federation.attest(2)

    federation.submit(2, content=b"junk")
    outcome = close(federation.closer())
    assert isinstance(outcome, NotDue)
    assert [each.update.node for each in outcome.rejected] == [2]
    _take_part(federation, 1, 3)
    federation.send(2)
    globals_.append(_closed(federation, "header").model.weights)
    assert federation.attest(1)

    _take_part(federation, 1, 2)
    assert isinstance(close(federation.closer("node 1")), NotDue)
    wait(terms.round_seconds + terms.grace_seconds)
    globals_.append(_closed(federation, "node 1").model.weights)
    assert isinstance(federation.participate(3), Complete)
    assert isinstance(close(federation.closer()), AllClosed)
    return globals_


def _take_part(federation: SmallFederation, *nodes: int) -> None:
    for node in nodes:
        assert isinstance(federation.participate(node), Submitted)


def _closed(federation: SmallFederation, role: str) -> Closed:
    outcome = close(federation.closer(role))
    assert isinstance(outcome, Closed)
    return outcome
