"""What an epoch's draws are keyed by: as in the federation's training that gives the same bits.

In turns that is one long training: round 1 of node 1, from global 0, whose epochs the nodes take.
In parallel an epoch is a node's round from the last average, one local epoch long.
"""

from fl_node.split.plan import SplitPlan
from fl_node.training.draws import key_of

_FIRST_NODE = 1


def step_key(plan: SplitPlan, node: int, epoch: int) -> int:
    """Key the seed generators of a training that begins with this epoch: dropout and the like."""
    return key_of("step", *_training(plan, node if plan.is_parallel else _FIRST_NODE, epoch))


def shuffle_key(plan: SplitPlan, node: int, epoch: int) -> int:
    """Key the order of a node's samples in an epoch."""
    local_epoch = 1 if plan.is_parallel else epoch
    return key_of("shuffle", *_training(plan, node, epoch), local_epoch)


def _training(plan: SplitPlan, node: int, epoch: int) -> tuple[int, int, int, int]:
    """Give seed, node, round and the number of the global that it starts from."""
    round_ = epoch if plan.is_parallel else 1
    return plan.training.seed, node, round_, round_ - 1
