"""Whoever joins: opens federations by their addresses, and begins to make ready for training.

Called with a host's folder and addresses. TensorFlow is imported once for all of them.
"""

import sys
from dataclasses import replace
from pathlib import Path

from fl_node.config import load_settings
from fl_node.connect import open_ledger, open_store
from fl_node.errors import FlnodeError
from fl_node.federation import open_federation
from fl_node.training.local import Trainer


def main(home: Path, addresses: list[str]) -> None:
    for address in addresses:
        settings = replace(load_settings(home, environment={}), federation=address)
        federation = open_federation(open_ledger(home, settings), open_store(home, settings))
        try:
            Trainer(federation.plan, threads=1)
            found = "ready to train"
        except FlnodeError as error:
            found = f"error: {error}"
        sys.stdout.write(f"{address} {found}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
