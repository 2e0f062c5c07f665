"""The federation of the page about audits: its header counts one hospital's update too much."""

from pathlib import Path

from fl_node.config import Settings, save_settings
from fl_node.rounds import Terms
from tests.aggregator.falsify import averaged, close_falsely, honest_about
from tests.small_federation import SAMPLES, SmallFederation, small_federation

HEADER_SAYS = {1: 200, 2: 300}
DAY_SECONDS = 86_400


def falsified(folder: Path) -> SmallFederation:
    """Two nodes and two rounds; in the second the header gives node 1 twice its weight."""
    terms = Terms(rounds=2, round_seconds=DAY_SECONDS, grace_seconds=3600)
    made = small_federation(folder, nodes=2, terms=terms)
    made.run_round(1, 2)
    assert made.attest(1)
    assert made.attest(2)
    made.send(1, 2)
    assert {node: SAMPLES[node] for node in (1, 2)} != HEADER_SAYS
    close_falsely(
        made, lambda outcome, updates: honest_about(outcome, averaged(updates, HEADER_SAYS))
    )
    assert not made.attest(1)
    settings = Settings("embedded:chain.jsonl", "directory:store", made.address)
    save_settings(folder, settings)
    return made
