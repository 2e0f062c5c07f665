"""Arithmetic in bfloat16 with variables in float32 (Micikevicius et al. 2018, section 3.1)."""

from collections.abc import Mapping
from typing import Any

from fl_node.errors import ModelError

_EXEMPT = frozenset({"InputLayer"})


def with_precision(config: Mapping[str, Any], precision: str) -> dict[str, Any]:
    """Give the Keras configuration of the same model that computes in another precision.

    Layers get a policy of their own, so nothing global changes. The layers that give the model's
    outputs stay in float32: a probability with 8 bits is useless in a loss.
    """
    if precision == "float32":
        return dict(config)
    if not isinstance(config.get("config"), Mapping):
        raise ModelError("the model's configuration has no table 'config'")
    inner = dict(config["config"])
    last = _output_layers(inner)
    inner["layers"] = [
        layer if _name(layer) in last else _rewritten(layer, precision)
        for layer in inner.get("layers", [])
    ]
    return dict(config) | {"config": inner}


def _output_layers(inner: Mapping[str, Any]) -> frozenset[str]:
    if "output_layers" in inner:
        return frozenset(_texts(inner["output_layers"]))
    return frozenset(map(_name, inner.get("layers", [])[-1:]))


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    children = value.values() if isinstance(value, Mapping) else value
    return [text for each in children for text in _texts(each)] if _is_tree(value) else []


def _is_tree(value: Any) -> bool:
    return isinstance(value, (Mapping, list, tuple))


def _name(layer: Any) -> str:
    inner = layer.get("config", {}) if isinstance(layer, Mapping) else {}
    return str(layer.get("name") or inner.get("name")) if isinstance(layer, Mapping) else ""


def _rewritten(value: Any, precision: str) -> Any:
    if isinstance(value, (list, tuple)):
        return [_rewritten(each, precision) for each in value]
    if not isinstance(value, Mapping) or value.get("class_name") in _EXEMPT:
        return value
    if value.get("class_name") == "DTypePolicy":
        found = value.get("config", {}).get("name")
        return dict(value) | {"config": {"name": precision}} if found == "float32" else value
    return {key: _rewritten(each, precision) for key, each in value.items()}
