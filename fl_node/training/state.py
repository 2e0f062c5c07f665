"""What a training changes, as tensors that can be kept and put back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fl_node.training.draws import draw
from fl_node.weights import Tensor, TensorSpec


@dataclass(frozen=True)
class SeedPlaces:
    """Which seed generators of a whole model a part of it has, in the part's order.

    :ivar places: from 0, in the whole model's order
    :ivar total: number of the whole model's
    """

    places: tuple[int, ...]
    total: int

    @classmethod
    def of_whole(cls, count: int) -> "SeedPlaces":
        """All of them."""
        return cls(tuple(range(count)), count)


class TrainingState:
    """A compiled model's variables that outlive an epoch: all but its metrics.

    A party of split learning has a part of a model, or two with one optimizer.
    """

    def __init__(
        self, *models: Any, optimizer: Any = None, seed_places: SeedPlaces | None = None
    ) -> None:
        """Remember the optimizer as it is before the first step.

        :param optimizer: None takes the first model's
        :param seed_places: None for a whole model
        """
        optimizer = models[0].optimizer if optimizer is None else optimizer
        others = [variable for model in models for variable in _others(model)]
        self._seeds = [variable for variable in others if _is_seed(variable)]
        self._places = seed_places or SeedPlaces.of_whole(len(self._seeds))
        kept = [v for v in others if not _is_seed(v)] + optimizer.variables
        self._fresh = [(variable, variable.numpy()) for variable in kept]
        self._named = (
            _numbered("optimizer", optimizer.variables)
            | _numbered("other", others)
            | _numbered("weights", [variable for model in models for variable in model.weights])
        )

    def begin(self, key: int) -> None:
        """Make everything but the weights as it is before the first step.

        :param key: which seeds are drawn
        """
        for variable, value in self._fresh:
            variable.assign(value)
        words = draw(2 * self._places.total, key).astype(np.uint32)  # as far as all dtypes reach
        chosen = words.reshape(-1, 2)[list(self._places.places)]
        for variable, state in zip(self._seeds, chosen, strict=True):
            variable.assign(state.astype(variable.dtype))

    @property
    def specs(self) -> dict[str, TensorSpec]:
        """Give dtypes and shapes in ascending order of the names, the same in every process.

        :raises WeightsError: when a weights file cannot hold one of them
        """
        return {
            name: TensorSpec(np.dtype(variable.dtype), tuple(variable.shape))
            for name, variable in self._named.items()
        }

    def tensors(self) -> Iterator[Tensor]:
        """Copy the variables in the order of `specs`, one at a time."""
        for variable in self._named.values():
            yield np.asarray(variable.numpy())

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what has these `specs`."""
        for name, variable in self._named.items():
            variable.assign(tensors[name])


def _numbered(kind: str, variables: list[Any]) -> dict[str, Any]:
    """Name by position: Keras' own names count the models of a process."""
    return {f"{kind}/{i:06d}": variable for i, variable in enumerate(variables)}


def seed_variables(model: Any) -> list[Any]:
    """List the states of a model's seed generators, in the order in which seeds are drawn."""
    return [variable for variable in _others(model) if _is_seed(variable)]


def _others(model: Any) -> list[Any]:
    known = {id(variable) for variable in (*model.weights, *model.metrics_variables)}
    return [variable for variable in model.variables if id(variable) not in known]


def _is_seed(variable: Any) -> bool:
    return bool(variable.name == "seed_generator_state")
