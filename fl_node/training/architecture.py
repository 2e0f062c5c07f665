"""Which models a plan may describe: built-in Keras classes, and nothing that carries code.

A plan comes from others. Its model is a JSON tree in which Keras looks up every ``class_name``, so
the tree is walked first, and everything that is not known to be harmless is refused.
"""

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from fl_node.errors import ModelError
from fl_node.training.backend import start_backend

MAX_DEPTH = 64
_CARRIES_CODE = frozenset({"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})
_PLAIN_VALUES = frozenset(
    {"__tuple__", "__keras_tensor__", "__ellipsis__", "__slice__", "__numpy__", "__tensor__"}
)
_MODELS = frozenset({"Functional", "Sequential"})
_OPERATIONS = "keras.src.ops."
_FILE_KEYS = frozenset({"vocabulary", "weights", "filepath"})


def check_architecture(config: object) -> None:
    """Refuse a Keras configuration with anything but built-in classes in it.

    Keras' own operations (such as an addition in a functional model) are built in too.

    :param config: the plan's model, or its optimizer
    :raises ModelError: naming the offending class and its place
    """
    if not isinstance(config, Mapping) or "class_name" not in config:
        raise ModelError(
            "a Keras configuration was expected, found no class_name: take model.to_json()"
        )
    for place, node in _tables(config):
        _check_table(place, node)


def _tables(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    waiting: list[tuple[str, Any, int]] = [("model", config, 0)]
    while waiting:
        place, value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ModelError(f"{place} lies deeper than {MAX_DEPTH} levels: use a simpler model")
        if isinstance(value, Mapping):
            yield place, value
            waiting += [(f"{place}.{key}", each, depth + 1) for key, each in value.items()]
        elif isinstance(value, (list, tuple)):
            waiting += [(f"{place}[{i}]", each, depth + 1) for i, each in enumerate(value)]


def _check_table(place: str, table: Mapping[str, Any]) -> None:
    if table.get("compile_config"):
        raise ModelError(f"{place} is a compiled model: the plan's own keys say how to train")
    for key in _FILE_KEYS & table.keys():
        if isinstance(table[key], str):
            raise ModelError(f"{place}.{key} names a file: put the values into the configuration")
    named = {"class_name", "module", "registered_name"} & table.keys()
    if "class_name" in table and str(table["class_name"]) not in _PLAIN_VALUES:
        _check_class(place, table)
    elif named - {"class_name"}:
        raise _refused(place, table)


def _check_class(place: str, table: Mapping[str, Any]) -> None:
    name, module = str(table["class_name"]), table.get("module")
    known = _built_in().get(module) if isinstance(module, str) else None
    registered = table.get("registered_name")
    allowed = name in known if known is not None else _is_operation(module, name)
    if not allowed or name in _CARRIES_CODE or registered not in (None, name):
        raise _refused(place, table)


def _refused(place: str, table: Mapping[str, Any]) -> ModelError:
    found = f"{table.get('module')}.{table.get('registered_name') or table.get('class_name')}"
    return ModelError(
        f"{place} is {found}, which is not built into Keras or carries code: "
        "a plan's model is made of built-in layers only"
    )


@cache
def _built_in() -> dict[str, frozenset[str]]:
    start_backend()
    import keras

    def classes(module: Any) -> frozenset[str]:
        return frozenset(name for name, each in vars(module).items() if isinstance(each, type))

    return {
        "keras": _MODELS | {"DTypePolicy"},
        "keras.models": _MODELS,
        "keras.src.models.functional": _MODELS,
        "keras.layers": classes(keras.layers),
        "keras.initializers": classes(keras.initializers),
        "keras.regularizers": classes(keras.regularizers),
        "keras.constraints": classes(keras.constraints),
        "keras.optimizers": classes(keras.optimizers),
        "keras.optimizers.schedules": classes(keras.optimizers.schedules),
    }


def _is_operation(module: object, name: object) -> bool:
    import keras

    if not isinstance(module, str) or not module.startswith(_OPERATIONS):
        return False
    found = getattr(sys.modules.get(module), str(name), None)  # imports nothing by a plan's word
    return isinstance(found, type) and issubclass(found, keras.Operation)
