"""What a split plan means, said in a few lines before anything is trained."""

from collections.abc import Iterator

from fl_node.split.plan import SplitPlan
from fl_node.split.wire.boundaries import TARGETS, Boundaries
from fl_node.split.wire.traffic import Traffic, training_traffic
from fl_node.training.data import TRAIN_IMAGES, Dataset

_MEGABYTE = 10**6


def epoch_traffic(plan: SplitPlan, samples: int) -> Traffic:
    """Count the bytes of one epoch's training in both directions."""
    boundaries = Boundaries.of_plan(plan)
    wires = [boundaries.cut] + ([boundaries.features] if boundaries.features else [])
    target = {} if plan.is_u_shaped else {TARGETS: boundaries.target_spec()}
    return training_traffic(wires, samples, plan.training.batch_size, target)


def what_crosses(plan: SplitPlan, data: Dataset | None = None) -> Iterator[str]:
    """Say what goes over the wire, and what the federated way would move instead.

    :param data: of this node; None counts an even share of the built-in images
    """
    shapes = " and ".join(str(list(shape)) for shape in plan.crossing)
    yield f"what crosses the cut, each sample: {shapes}, as {plan.wire}"
    training = plan.training
    samples = data.samples if data else (training.images or TRAIN_IMAGES) // training.nodes
    moved = epoch_traffic(plan, samples)
    yield (
        f"an epoch of {samples:,} samples moves {moved.total / _MEGABYTE:,.0f} MB in both "
        f"directions, {moved.crossing / _MEGABYTE:,.0f} MB of it activations and gradients; a "
        "federation moves the model once a round each way instead"
    )
    if plan.in_flight > 1:
        yield (
            f"{plan.in_flight} batches are in flight: the lower part's gradients are "
            f"{plan.in_flight - 1} steps stale, and the accuracy may be another"
        )
    if plan.is_u_shaped:
        yield "labels and the last layers stay with the data owner (U-shaped)"
    else:
        yield "the labels go to the provider (vanilla): keep_from in the plan keeps them"
    if training.nodes > 1:
        yield _several(plan)
    if float(plan.nopeek):
        yield f"NoPeek weighs {plan.nopeek}: it lessens what activations show, no more"
    yield (
        "activations can show what the data look like, gradients can steer the lower part: read "
        "docs/split.md"
    )


def _several(plan: SplitPlan) -> str:
    nodes = plan.training.nodes
    if plan.is_parallel:
        return (
            f"{nodes} data owners train in parallel: after each epoch all others are given this "
            "node's lower part, sealed, and compute the average"
        )
    return (
        f"{nodes} data owners train in turns: after each epoch the next one is given this node's "
        "lower part, sealed"
    )
