"""An audit as a stranger makes it, and what it found in short."""

from aggregator.audit import audit
from aggregator.close import close
from fl_node.rounds import Terms
from tests.small_federation import silent, small_federation

TERMS = Terms(quorum=2, round_seconds=1000, grace_seconds=100, rounds=3)


def audited(federation, role="stranger"):
    return audit(federation.view(role), silent)


def found(result):
    return [(each.round, each.node, each.reason) for each in result.findings]


def finished_federation(folder):
    """Two rounds with a report each, and a rejection in the first; tests leave it as it is."""
    federation = small_federation(folder, nodes=3, terms=TERMS)
    federation.submit(2, content=b"junk")
    federation.send(1, 3)
    federation.pass_seconds(1000)
    close(federation.closer())
    federation.run_round(1, 2, 3)
    federation.view("stranger")
    return federation
