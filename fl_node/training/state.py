"""What a training changes, as tensors that can be kept and put back."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from fl_node.training.draws import draw
from fl_node.weights import Tensor, TensorSpec


class TrainingState:
    """A compiled model's variables that outlive an epoch: all but its metrics."""

    def __init__(self, model: Any) -> None:
        """Remember the optimizer as it is before the first step."""
        weights = {id(variable) for variable in model.weights}
        metrics = {id(variable) for variable in model.metrics_variables}
        others = [v for v in model.variables if id(v) not in weights | metrics]
        self._seeds = [v for v in others if v.name == "seed_generator_state"]
        kept = [v for v in others if v.name != "seed_generator_state"]
        kept += model.optimizer.variables
        self._fresh = [(variable, variable.numpy()) for variable in kept]
        self._named = (
            _numbered("optimizer", model.optimizer.variables)
            | _numbered("other", others)
            | _numbered("weights", model.weights)
        )

    def begin(self, key: int) -> None:
        """Make everything but the weights as it is before the first step.

        :param key: which seeds are drawn
        """
        for variable, value in self._fresh:
            variable.assign(value)
        words = draw(2 * len(self._seeds), key).astype(np.uint32)  # as far as all dtypes reach
        for variable, state in zip(self._seeds, words.reshape(-1, 2), strict=True):
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
