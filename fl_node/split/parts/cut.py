"""Cutting a Keras model in two or three parts that together are the whole, bit for bit.

A cut after a layer cuts the order of :mod:`fl_node.split.parts.layer_graph`: that layer and all
before it are below. Every tensor that is computed below and used above crosses. In the U-shaped
configuration the tail begins with a layer of its own in the same order; what it takes from the
lower part stays with the data owner.

The parts give the whole's bits where a tensor that crosses is used by at most one operation in the
lower part or the tail besides: floating-point sums of three gradients depend on their order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fl_node.errors import ModelError
from fl_node.split.parts.crossing import Crossing, check_tensor, named
from fl_node.split.parts.layer_graph import LayerGraph, repeat_calls, tensors_in
from fl_node.split.parts.part import Part

_LOW_PRECISION = frozenset({"float16", "bfloat16", "float64"})


@dataclass(frozen=True, eq=False)
class Cut:
    """A model in parts; Keras models made of the whole's own layer objects.

    :ivar lower: gives what crosses, then what goes straight to the tail
    :ivar upper: takes what crosses; gives the output, or the features for the tail
    :ivar tail: takes the features, then what comes straight from below; None in vanilla
    :ivar crossing: from the lower to the upper part
    :ivar features: from the upper part to the tail; none in vanilla
    :ivar output: shape of one sample of the whole model's output
    :ivar parts: descriptions of lower, upper and tail, from which another process builds them
    """

    lower: Any
    upper: Any
    tail: Any | None
    crossing: tuple[Crossing, ...]
    features: tuple[Crossing, ...]
    output: tuple[int | None, ...]
    parts: tuple[Part, ...]


def cut_model(model: Any, after: str, keep_from: str | None = None) -> Cut:
    """Cut a built model after a layer, and before another that begins the tail.

    :param keep_from: the tail's first layer (U-shaped configuration); None for vanilla
    :raises ModelError: for a place where the model cannot be cut, naming those where it can
    """
    graph = LayerGraph.of_model(model)
    _check_dense(graph.inputs)
    _check_precision(graph.operations)
    places = _Places.find(graph, after, keep_from)
    crossing = _shapes("cut", places.crossing)
    features = _shapes("features", places.features)
    lower, upper, tail = _build(graph, places)
    parts = tuple(Part.of_model(each, model) for each in (lower, upper, tail) if each is not None)
    output = tuple(graph.output.shape[1:])
    return Cut(lower, upper, tail, crossing, features, output, parts)


def cut_points(model: Any) -> tuple[str, ...]:
    """Name the layers after which a model can be cut in vanilla."""
    return _cut_points(LayerGraph.of_model(model))


@dataclass(frozen=True, eq=False)
class _Places:
    """Calls of each part in order, and the symbolic tensors between them."""

    lower: list[Any]
    upper: list[Any]
    tail: list[Any]
    crossing: list[Any]
    features: list[Any]
    kept: list[Any]

    @classmethod
    def find(cls, graph: LayerGraph, after: str, keep_from: str | None) -> "_Places":
        first = _known(graph, after) + 1
        last = len(graph.operations) if keep_from is None else _known(graph, keep_from)
        groups = (graph.operations[:first], graph.operations[first:last], graph.operations[last:])
        _check_groups(graph, after, keep_from, groups)
        lower, upper, tail = (graph.calls_of(group) for group in groups)
        _check_above(lower, after)
        _check_order(graph, (lower, upper, tail))
        _check_inputs(graph, upper)
        kept = [*_inputs_used(graph, tail), *_between(lower, tail)]
        return cls(lower, upper, tail, _between(lower, upper), _between(upper, tail), kept)


def _known(graph: LayerGraph, name: str) -> int:
    place = graph.place(name)
    if place is None:
        raise ModelError(f"the model has no layer {name!r} to cut at: {_advice(graph)}")
    return place


def _check_groups(
    graph: LayerGraph, after: str, keep_from: str | None, groups: Sequence[Sequence[Any]]
) -> None:
    lower, upper, tail = groups
    if keep_from is not None and not (lower and upper and tail):
        raise ModelError(
            f"the tail cannot begin with {keep_from!r} where the cut is after {after!r}: "
            "the provider needs layers between the two"
        )
    if not _trainable(lower):
        raise ModelError(f"no layer up to {after!r} has weights to train: {_advice(graph)}")
    if not upper:
        raise ModelError(f"no layer is above {after!r}: {_advice(graph)}")
    if not _trainable(upper):
        between = f" and below {keep_from!r}" if keep_from else ""
        raise ModelError(
            f"no layer above {after!r}{between} has weights to train, which leaves nothing to the "
            f"provider: {_advice(graph)}"
        )


def _check_above(lower: Sequence[Any], after: str) -> None:
    """Refuse a layer that is called before the last layer below, and on its results again."""
    results: set[int] = set()
    for call in lower:
        is_named = call.operation.name == after
        if is_named or any(id(tensor) in results for tensor in tensors_in(call)):
            results |= {id(tensor) for tensor in call.outputs}
            if not is_named:
                raise _shared(call.operation.name)


def _check_order(graph: LayerGraph, parts: Sequence[Sequence[Any]]) -> None:
    """Refuse a layer that is called on both sides, or one whose weights are on both sides."""
    known = {id(tensor) for tensor in graph.inputs}
    owners: dict[int, int] = {}
    for number, calls in enumerate(parts):
        for call in calls:
            mine = [id(each) for each in getattr(call.operation, "variables", ())]
            if any(owners.setdefault(each, number) != number for each in mine):
                raise _shared(call.operation.name)
            if not {id(tensor) for tensor in tensors_in(call)} <= known:
                raise _shared(call.operation.name)
            known |= {id(tensor) for tensor in call.outputs}


def _shared(name: str) -> ModelError:
    return ModelError(
        f"layer {name!r} is used on both sides of the cut: cut before its first or after its last "
        "use, or give each side a layer of its own"
    )


def _check_inputs(graph: LayerGraph, upper: Sequence[Any]) -> None:
    used = _inputs_used(graph, upper)
    if used:
        raise ModelError(
            f"input {used[0].name!r} is used above the cut, raw data would cross: cut after the "
            "layers that take it"
        )


def _inputs_used(graph: LayerGraph, calls: Sequence[Any]) -> list[Any]:
    used = {id(tensor) for call in calls for tensor in tensors_in(call)}
    return [tensor for tensor in graph.inputs if id(tensor) in used]


def _between(below: Sequence[Any], above: Sequence[Any]) -> list[Any]:
    used = {id(tensor) for call in above for tensor in tensors_in(call)}
    return [tensor for call in below for tensor in call.outputs if id(tensor) in used]


def _cut_points(graph: LayerGraph) -> tuple[str, ...]:
    return tuple(each.name for each in graph.operations if _can_cut(graph, each.name))


def _can_cut(graph: LayerGraph, name: str) -> bool:
    place = _known(graph, name) + 1
    lower, upper = graph.operations[:place], graph.operations[place:]
    calls = [graph.calls_of(side) for side in (lower, upper)]
    if not _trainable(lower) or not _trainable(upper):
        return False
    try:
        _check_above(calls[0], name)
        _check_order(graph, calls)
        _check_inputs(graph, calls[1])
        _shapes("cut", _between(calls[0], calls[1]))
    except ModelError:
        return False
    return True


def _advice(graph: LayerGraph) -> str:
    names = _cut_points(graph)
    return f"one may cut after {', '.join(names)}" if names else "this model cannot be cut"


def _trainable(operations: Iterable[Any]) -> bool:
    return any(getattr(each, "trainable_weights", ()) for each in operations)


def _shapes(what: str, tensors: Sequence[Any]) -> tuple[Crossing, ...]:
    return named(what, [check_tensor(tensor) for tensor in tensors])


def _check_dense(inputs: Iterable[Any]) -> None:
    for tensor in inputs:  # further up Keras calls a product with a number sparse
        if tensor.sparse or getattr(tensor, "ragged", False):
            raise ModelError(f"input {tensor.name!r} is not dense: only dense models can be cut")


def _check_precision(operations: Iterable[Any]) -> None:
    for each in operations:
        found = str(getattr(each, "compute_dtype", None))
        if found in _LOW_PRECISION:
            raise ModelError(
                f"layer {each.name!r} computes in {found}, a model is cut in float32 only"
            )
        _check_precision(getattr(each, "layers", ()))


def _build(graph: LayerGraph, places: _Places) -> tuple[Any, Any, Any | None]:
    import keras

    names = {operation.name for operation in graph.operations}
    between = [*places.crossing, *places.kept]
    lower = keras.Model(_one_or_all(graph.inputs), between, name="lower")
    if not places.tail:
        return lower, _above("upper", names, places.upper, between, [graph.output]), None
    upper = _above("upper", names, places.upper, places.crossing, places.features)
    taken = [*places.features, *places.kept]
    return lower, upper, _above("tail", names, places.tail, taken, [graph.output])


def _above(
    part: str, names: set[str], calls: Sequence[Any], takes: Sequence[Any], gives: Sequence[Any]
) -> Any:
    import keras

    label = _unused(f"{part}_input", names)
    inputs = [
        keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=f"{label}_{i}")
        for i, tensor in enumerate(takes)
    ]
    tensors = {id(old): new for old, new in zip(takes, inputs, strict=True)}
    repeat_calls(calls, tensors)
    outputs = [tensors[id(tensor)] for tensor in gives]
    return keras.Model(_one_or_all(inputs), outputs, name=part)


def _one_or_all(tensors: Sequence[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else list(tensors)


def _unused(label: str, names: set[str]) -> str:
    while any(name.startswith(label) for name in names):
        label += "_"
    return label
