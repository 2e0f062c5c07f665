"""Deploys the federation of small tensors, as a process on its owner's host.

Called with the host's folder and the number of rounds; prints the federation's address and plan.
"""

import json
import sys
from pathlib import Path

from fl_node.rounds import Terms
from tests.devnet.story import create_small

_LONG_SECONDS = 3600


def main(home: Path, rounds: int) -> None:
    terms = Terms(rounds=rounds, round_seconds=_LONG_SECONDS, grace_seconds=_LONG_SECONDS)
    ledger = create_small(home, terms)
    said = {"federation": ledger.federation, "plan": str(ledger.plan())}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
