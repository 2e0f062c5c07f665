"""What the provider can learn from what it is sent, as far as its data owner can try by itself."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_node.split.leakage.classes import classes_of
from fl_node.split.leakage.labels import LabelLeakage, label_leakage
from fl_node.split.leakage.own import OwnParts
from fl_node.split.leakage.reconstruction import Reconstruction, reconstruct
from fl_node.split.parts.nopeek import as_rows, distance_correlation
from fl_node.split.plan import SplitPlan
from fl_node.training.dataset import Dataset
from fl_node.training.draws import key_of, permutation
from fl_node.weights import Weights

MOST_SAMPLES = 2000
STEPS = 400
_BATCH = 128


@dataclass(frozen=True)
class LeakageReport:
    """Numbers for one moment of the data owner's parts.

    :ivar distance_correlation: between inputs and activations over batches, 0 to 1; what NoPeek
        lessens
    :ivar nopeek: the plan's weight of it
    :ivar inputs: by the name of each input, what a decoder gets back
    :ivar labels: what the gradients that the tail sends tell; None in the vanilla configuration,
        where the provider is given the labels
    """

    samples: int
    wire: str
    nopeek: str
    distance_correlation: float
    inputs: dict[str, Reconstruction]
    labels: LabelLeakage | None

    def table(self) -> dict[str, Any]:
        """Give all numbers as JSON holds them."""
        values = asdict(self)
        for name, each in self.inputs.items():
            values["inputs"][name]["explained"] = each.explained
        return values

    def lines(self) -> Iterator[str]:
        """Say it for people, the provider's best chances first."""
        for name, each in self.inputs.items():
            yield f"{name}: {each.line()}"
        weight = "off" if not float(self.nopeek) else f"at {self.nopeek}"
        yield (
            f"distance correlation of inputs and activations: {self.distance_correlation:.2f} "
            f"(1: fully dependent; NoPeek is {weight} in the plan)"
        )
        yield self._labels_line()
        yield (
            "a better decoder, or one that knows this lower part from its start, may get more: "
            "these are lower bounds, not promises"
        )

    def _labels_line(self) -> str:
        if self.labels is None:
            return (
                "labels: all of them go to the provider (vanilla); keep_from in the plan keeps them"
            )
        return (
            f"labels: from the gradients that are sent, by their length {self.labels.norm:.2f}, by "
            f"their direction {self.labels.cosine:.2f} (area under the curve over "
            f"{self.labels.classes} classes; 0.5: nothing is learned, 1: every label is read off)"
        )


def leakage_report(
    plan: SplitPlan,
    weights: Sequence[Weights],
    data: Dataset,
    *,
    seed: int = 0,
    steps: int = STEPS,
    threads: int | None = None,
) -> LeakageReport:
    """Try to get inputs and labels back from what the parts send; the same for a seed.

    Nothing leaves the process, and nothing of a session is read or changed.

    :param weights: of the lower part, and of the tail if there is one, at the moment of interest
    :param data: of the owner; a few thousand samples are drawn from it
    :param steps: of each decoder and of the stand-in for the provider; they bound the time
    :raises SplitError: for too few samples, or targets that are no classes in a U-shaped plan
    :raises DataError: for data that do not fit the parts
    """
    own = OwnParts.of_weights(plan, weights, _drawn(data, seed), threads=threads)
    names = [tensor.name for tensor in own.party.models[0].inputs]
    crossing = own.crossing
    return LeakageReport(
        len(own.targets),
        plan.wire,
        plan.nopeek,
        _dependence(own.inputs, crossing),
        {
            name: reconstruct(crossing, each, seed=seed + number, steps=steps)
            for number, (name, each) in enumerate(zip(names, own.inputs, strict=True))
        },
        _labels(own, seed, steps) if plan.is_u_shaped else None,
    )


def _drawn(data: Dataset, seed: int) -> Dataset:
    rows = permutation(data.samples, key_of("leakage", seed))[:MOST_SAMPLES]
    return Dataset(tuple(each[rows] for each in data.inputs), data.targets[rows])


def _dependence(inputs: list[NDArray[Any]], crossing: list[NDArray[Any]]) -> float:
    """Give the mean over whole batches: few samples look more dependent than many."""
    samples = len(inputs[0])
    starts = range(0, max(samples - _BATCH, 0) + 1, _BATCH)
    spans = [slice(start, start + _BATCH) for start in starts]
    found = [
        distance_correlation(as_rows([x[s] for x in inputs]), as_rows([x[s] for x in crossing]))
        for s in spans
    ]
    return float(np.mean([each.numpy() for each in found]))


def _labels(own: OwnParts, seed: int, steps: int) -> LabelLeakage:
    gradients = own.feature_gradients(seed=seed, steps=steps)
    return label_leakage(gradients, classes_of(own.targets), seed=seed)
