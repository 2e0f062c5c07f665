"""A part of a cut model, described so that another process builds it, and joined again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fl_node.canonical import encode_json
from fl_node.errors import CanonicalError, ModelError, WeightsError
from fl_node.training.architecture import check_architecture
from fl_node.training.models import build_architecture, keras_errors, named_variables
from fl_node.training.state import SeedPlaces, seed_variables
from fl_node.weights import Tensor, Weights


@dataclass(frozen=True)
class Part:
    """One part without its weights.

    :ivar config: Keras configuration of built-in layers
    :ivar seeds: which of the whole model's seed generators are in it
    :ivar names: the part's names of its weights to the whole model's, for :func:`join`; empty for
        a party that does not know the whole
    """

    config: Mapping[str, Any]
    seeds: SeedPlaces
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_model(cls, part: Any, whole: Any) -> "Part":
        """Describe a part that is made of the whole model's layers.

        :raises ModelError: when it has no configuration of built-in layers
        """
        names = {id(variable): name for name, variable in named_variables(whole).items()}
        return cls(
            _config_of(part),
            _places(part, whole),
            {name: names[id(variable)] for name, variable in named_variables(part).items()},
        )

    def build(self) -> Any:
        """Build the Keras model, with arbitrary weights.

        :raises ModelError: when it has anything but built-in layers in it, or other weights or
            seed generators than described
        """
        model = build_architecture(self.config)
        if len(seed_variables(model)) != len(self.seeds.places):
            raise ModelError(
                f"the part has {len(seed_variables(model))} seed generators, "
                f"{len(self.seeds.places)} places of them were given: take both from one cut"
            )
        if self.names and list(named_variables(model)) != list(self.names):
            raise ModelError("the part that was built has other weights than the one described")
        return model


def join(parts: Sequence[Part], weights: Sequence[Weights], metadata: Mapping[str, Any]) -> Weights:
    """Put the parts' weights together as the whole model's, under the whole's names.

    :raises WeightsError: when weights belong to another part, or parts to another whole
    """
    tensors: dict[str, Tensor] = {}
    for part, each in zip(parts, weights, strict=True):
        if sorted(part.names) != list(each.tensors):
            raise WeightsError("these weights are not of the part that they are joined as")
        tensors |= {part.names[name]: tensor for name, tensor in each.tensors.items()}
    if len(tensors) != sum(len(part.names) for part in parts):
        raise WeightsError("two of these parts have the same weights: give each part once")
    return Weights(tensors, metadata)


def divide(part: Part, whole: Weights) -> Weights:
    """Take a part's weights out of the whole model's, the reverse of :func:`join`.

    :raises WeightsError: when the whole has no such weights
    """
    missing = sorted(set(part.names.values()) - whole.tensors.keys())
    if missing:
        raise WeightsError(f"the whole model's weights have no {missing[0]!r}: take its own part")
    return Weights({mine: whole.tensors[name] for mine, name in part.names.items()})


def _config_of(model: Any) -> dict[str, Any]:
    with keras_errors("this part has no configuration"):
        config = json.loads(model.to_json())
    check_architecture(config)
    try:
        canonical: dict[str, Any] = json.loads(encode_json(config))
    except CanonicalError as error:
        raise ModelError(f"the part's configuration has no canonical form: {error}") from error
    return canonical


def _places(part: Any, whole: Any) -> SeedPlaces:
    seeds = {id(variable): place for place, variable in enumerate(seed_variables(whole))}
    return SeedPlaces(tuple(seeds[id(each)] for each in seed_variables(part)), len(seeds))
