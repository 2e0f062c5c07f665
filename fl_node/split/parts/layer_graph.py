"""A built Keras model as the calls that it is made of, in one order that is the same everywhere.

The order is Keras' own, which ``model.summary()`` shows: by decreasing distance from the output,
so that a call comes after all those whose results it takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fl_node.errors import ModelError


@dataclass(frozen=True, eq=False)
class LayerGraph:
    """A model's operations (layers and single operations such as an addition) and their calls.

    :ivar inputs: symbolic input tensors, in the model's order
    :ivar output: the symbolic output tensor
    :ivar operations: in order, without the inputs
    :ivar calls: Keras nodes, each after those whose results it takes
    """

    inputs: tuple[Any, ...]
    output: Any
    operations: tuple[Any, ...]
    calls: tuple[Any, ...]

    @classmethod
    def of_model(cls, model: Any) -> "LayerGraph":
        """Read a built sequential or functional model with one output.

        :raises ModelError: for another model
        """
        import keras

        if not isinstance(model, keras.Model) or not model.built or not model.inputs:
            raise ModelError("a built sequential or functional Keras model was expected")
        if len(model.outputs) != 1:
            raise ModelError(f"a model with one output was expected, found {len(model.outputs)}")
        inputs, output = tuple(model.inputs), model.outputs[0]
        view = keras.Model(list(inputs), output)  # a sequential model as a functional one
        sources = {tensor._keras_history.operation.name for tensor in inputs}
        operations = tuple(each for each in view.operations if each.name not in sources)
        return cls(inputs, output, operations, _calls(output, sources))

    def calls_of(self, operations: Sequence[Any]) -> list[Any]:
        """List the calls of these operations, each after those whose results it takes."""
        names = {operation.name for operation in operations}
        return [call for call in self.calls if call.operation.name in names]

    def place(self, name: str) -> int | None:
        """Give the position of an operation, from 0; None when there is none of this name."""
        names = [operation.name for operation in self.operations]
        return names.index(name) if name in names else None


def tensors_in(call: Any) -> list[Any]:
    """List the symbolic tensors that a call takes."""
    return list(call.input_tensors)


def repeat_calls(calls: Sequence[Any], tensors: dict[int, Any]) -> None:
    """Make the calls again on other tensors.

    :param calls: in order
    :param tensors: by the old tensors' ids; results are added
    """
    import keras

    def replaced(value: Any) -> Any:
        return tensors.get(id(value), value)

    for call in calls:
        arguments = (call.arguments.args, call.arguments.kwargs)
        args, kwargs = keras.tree.map_structure(replaced, arguments)
        results = keras.tree.flatten(call.operation(*args, **kwargs))
        for old, new in zip(call.outputs, results, strict=True):
            tensors[id(old)] = new


def _calls(output: Any, sources: set[str]) -> tuple[Any, ...]:
    """Walk from the output to the inputs, without recursion: models can be deep."""
    found: list[Any] = []
    done: set[int] = set()
    waiting = [(_call_of(output), False)]
    while waiting:
        call, parents_done = waiting.pop()
        if call.operation.name in sources or id(call) in done:
            continue
        if parents_done:
            done.add(id(call))
            found.append(call)
            continue
        waiting.append((call, True))
        waiting += [(_call_of(tensor), False) for tensor in reversed(tensors_in(call))]
    return tuple(found)


def _call_of(tensor: Any) -> Any:
    operation, place, _ = tensor._keras_history
    return operation._inbound_nodes[place]
