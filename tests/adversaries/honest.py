"""An honest role in a process of its own: the product's code as it is, and what it took at the end.

Called with a host's folder, the federation's address, a node's number or 0 for the header, for how
many seconds the first global is measured, and how much longer than usual the first training takes.
"""

import sys
import time
from pathlib import Path

from fl_node.errors import FlnodeError
from fl_node.training.participate import Submitted
from tests.devnet import small_role
from tests.small_federation import evaluated

_PEAK = "VmHWM:"


class LateTrainer(small_role.SlowTrainer):
    """Takes its time in the first round."""

    late_seconds = 0.0

    def train(self, base, **asked):
        late, LateTrainer.late_seconds = LateTrainer.late_seconds, 0.0
        time.sleep(late)
        return super().train(base, **asked)


class Told(small_role.Told):
    """Says what the command line would of a twin, too."""

    def participated(self, node, outcome):
        super().participated(node, outcome)
        if isinstance(outcome, Submitted) and outcome.twin:
            small_role.say(f"node {node}: another process signs for it; its update is taken over")


def main(home: Path, address: str, node: int, evaluation_seconds: float, late: float) -> int:
    """Run a role to its end; a named error is one line, as on the command line."""

    slow = [evaluation_seconds]

    def slowly(weights):
        time.sleep(slow.pop() if slow else 0)
        return evaluated(weights)

    LateTrainer.late_seconds, small_role.TRAINING_SECONDS = late, 0.05
    small_role.Told, small_role.evaluated, small_role.SlowTrainer = Told, slowly, LateTrainer
    try:
        small_role.main(home, address, node)
    except FlnodeError as error:
        small_role.say(f"error: {error}")
        return 1
    finally:
        small_role.say(f"peak {peak_kibibytes()} KiB")
    return 0


def peak_kibibytes() -> int:
    """Give the most memory that this process ever held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (found,) = (line.split()[1] for line in lines if line.startswith(_PEAK))
    return int(found)


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(Path(given[0]), given[1], int(given[2]), *map(float, given[3:])))
