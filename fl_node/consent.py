"""What a node's owner agrees to: the plan, by its CID, before it trains on private data."""

import math

from fl_node.config import Settings
from fl_node.errors import PlanError
from fl_node.federation import Federation

_MEBIBYTE = 2**20


def require_consent(federation: Federation, settings: Settings) -> None:
    """Refuse to train a plan that the node's owner has not accepted in the settings.

    :raises PlanError: naming both
    """
    offered = federation.ledger.plan()
    if settings.plan != str(offered):
        raise PlanError(
            f"this node accepts {settings.plan or 'no plan yet'}, the federation's plan is "
            f"{offered}: see flnode join {federation.ledger.federation}, which accepts it"
        )


def what_is_trained(federation: Federation, settings: Settings) -> list[str]:
    """Say in a few lines what is trained, what it costs, and what leaves the house."""
    plan, terms = federation.plan, federation.ledger.snapshot().terms
    values = sum(math.prod(spec.shape) for spec in federation.initial.specs.values())
    size = sum(tensor.nbytes for tensor in federation.initial.tensors.values()) / _MEBIBYTE
    passes = plan.epochs * terms.rounds
    return [
        f"plan {plan.cid}: {plan.name}, {plan.model['class_name']} model with {values:,} values, "
        f"{plan.strategy} over {plan.nodes} nodes",
        f"cost: {terms.rounds} x {plan.epochs} epochs, so {passes} times through your data "
        f"({settings.data}); {size:.1f} MiB out and {size * plan.nodes:.1f} MiB in per round",
        "what leaves this house each round: the trained weights, the number of samples, and the "
        f"training's {', '.join(['loss', *plan.metrics])}; never the data. Every member keeps "
        "the weights, and weights can leak facts about the data",
    ]
