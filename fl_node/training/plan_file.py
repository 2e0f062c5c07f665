"""A plan file as people write it: TOML, its keys, and every rule that needs no Keras."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from fl_node.errors import PlanError, TomlError
from fl_node.plan import Plan
from fl_node.rounds import Terms
from fl_node.toml import parse_toml
from fl_node.training.builtin import BUILT_IN
from fl_node.training.data import TRAIN_IMAGES, check_source
from fl_node.training.references import is_reference, resolved
from fl_node.training.shards import check_cut

OWN_DATA = "own"
DEFAULTS: Mapping[str, Any] = {
    "loss": "categorical_crossentropy",
    "optimizer": {"name": "Adam", "learning_rate": 0.001},
    "epochs": 1,
    "batch_size": 128,
    "nodes": 2,
    "seed": 1,
}
REQUIRED = ("name", "model", "data")
_DECIMALS = frozenset({"strategy_parameters", "max_delta_norm"})
_KEYS = tuple(each.name for each in fields(Plan) if each.name != "initial")
_TERMS = tuple(each.name for each in fields(Terms))
_MAX_TERM = 2**32 - 1
_MOST_PLACES = 30


@dataclass(frozen=True)
class PlanFile:
    """What a plan file says, its defaults filled in.

    :ivar values: the plan's keys; model and optimizer as they were written
    :ivar source: the data that it names, so that it means the same from any folder
    :ivar folder: what names of files in it start from
    """

    values: Mapping[str, Any]
    terms: Terms
    source: str
    folder: Path


def parse_plan_file(
    content: str | Mapping[str, Any], folder: Path, changes: Mapping[str, Any]
) -> PlanFile:
    """Read TOML, or its keys, and replace some of them.

    :raises PlanError: for no TOML, an unknown or missing key, or terms that do not fit
    :raises DataError: for unknown data or partition, or more shards than images
    """
    values = _merged(_parsed(content), changes)
    terms = _terms(values.pop("terms", {}))
    check_keys("plan", values, _KEYS)
    missing = [key for key in REQUIRED if key not in values]
    if missing:
        raise PlanError(f"plan keys {', '.join(REQUIRED)} are needed, {', '.join(missing)} missing")
    source = _source(values["data"], folder)
    values = _plan_values(dict(DEFAULTS) | values)
    _check_early(values, source, terms)
    return PlanFile(values, terms, source, folder)


def _parsed(content: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(content, Mapping):
        return dict(content)
    try:
        return parse_toml(content.encode(errors="surrogateescape"), parse_float=Decimal)
    except TomlError as error:
        raise PlanError(f"the plan file is no TOML: {error}") from error


def _merged(values: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    both = {**values, **changes}
    if isinstance(values.get("terms"), Mapping) and isinstance(changes.get("terms"), Mapping):
        both["terms"] = {**values["terms"], **changes["terms"]}
    return both


def check_keys(what: str, found: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    """Refuse keys that a table does not have.

    :raises PlanError: naming them, and what may have been meant
    """
    unknown = sorted(set(found) - set(allowed))
    if unknown:
        known = ", ".join(sorted(allowed)) + (", terms" if what == "plan" else "")
        raise PlanError(
            f"unknown {what} key {', '.join(map(repr, unknown))}; {_hint(unknown[0], allowed)}"
            f"there are {known}"
        )


def _hint(unknown: str, allowed: tuple[str, ...]) -> str:
    meant = get_close_matches(unknown, [*allowed, *_TERMS], 1)
    if not meant:
        return ""
    below = "" if meant[0] in allowed else " below [terms]"
    return f"did you mean {meant[0]!r}{below}? "


def _terms(values: object) -> Terms:
    if not isinstance(values, Mapping):
        raise PlanError(f"plan key 'terms' must be a table, found {values!r}")
    check_keys("terms", values, _TERMS)
    for key, value in values.items():
        least = 1 if key in ("quorum", "round_seconds", "rounds") else 0
        if type(value) is not int or not least <= value <= _MAX_TERM:
            raise PlanError(
                f"terms key {key!r} must be a whole number from {least} up, found {value!s}"
            )
    return Terms(**values)


def _check_early(values: Mapping[str, Any], source: str, terms: Terms) -> None:
    """Check what can be known before TensorFlow starts; the plan checks the rest."""
    nodes, images = values["nodes"], values.get("images")
    if type(nodes) is not int or nodes < 1:
        raise PlanError(f"plan key 'nodes' must be a whole number from 1 up, found {nodes!s}")
    if source in BUILT_IN and (images is None or type(images) is int):
        check_cut(str(values.get("partition", "iid")), nodes, images or TRAIN_IMAGES)
    target = terms.target or nodes
    if not terms.quorum <= target <= nodes or terms.finality > nodes:
        raise PlanError(
            f"terms must hold quorum <= target <= nodes and finality <= nodes, found quorum "
            f"{terms.quorum}, target {target}, finality {terms.finality}, nodes {nodes}"
        )


def _source(data: object, folder: Path) -> str:
    if not isinstance(data, str):
        raise PlanError(f"plan key 'data' must name a data set, found {data!r}")
    check_source(data, folder)
    if data in BUILT_IN:
        return data
    return resolved(data, folder) if is_reference(data) else str((folder / data).resolve())


def _plan_values(values: dict[str, Any]) -> dict[str, Any]:
    plain = {key: exact(v) if key in _DECIMALS else _floats(v) for key, v in values.items()}
    plain["data"] = values["data"] if values["data"] in BUILT_IN else OWN_DATA
    if isinstance(plain.get("metrics"), list):
        plain["metrics"] = tuple(plain["metrics"])
    return plain


def exact(value: Any) -> Any:
    """Give numbers as exact decimals in text, whatever holds them; all else as it is."""
    if isinstance(value, Mapping):
        return {key: exact(each) for key, each in value.items()}
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return value
    number = Decimal(str(value))
    # Written out, an exponent of a billion would be a gigabyte; the plan allows 30 digits.
    return f"{number:f}" if abs(number.adjusted()) <= _MOST_PLACES else str(number)


def _floats(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _floats(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_floats(each) for each in value]
    return float(value) if isinstance(value, Decimal) else value
