"""From a plan file that people write to a plan, its initial weights and its terms.

The user's own model function runs here, on the deployer's machine, and nowhere else: what travels
is the configuration that it results in.
"""

import json
import random
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from fl_node.canonical import encode_json
from fl_node.errors import CanonicalError, ModelError, PlanError
from fl_node.plan import Plan
from fl_node.rounds import Terms, global_metadata
from fl_node.training.architecture import check_architecture
from fl_node.training.backend import start_backend
from fl_node.training.builtin import BUILT_IN
from fl_node.training.compiled import compile_model
from fl_node.training.data import TRAIN_IMAGES, check_source
from fl_node.training.draws import key_of
from fl_node.training.models import (
    check_specs,
    check_variables,
    keras_errors,
    paper_cnn,
    specs_of,
    weights_of,
)
from fl_node.training.references import is_reference, load_function, resolved
from fl_node.training.shards import check_cut
from fl_node.weights import Weights

PAPER_MODEL = "cnn"
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


@dataclass(frozen=True)
class Draft:
    """What a deployment starts from.

    :ivar initial: global 0, drawn from the plan's seed or as the user's function trained it
    :ivar source: the data that the plan file names, for :func:`fl_node.training.data.load_data`
    """

    plan: Plan
    initial: Weights
    terms: Terms
    source: str


def read_draft(
    path: Path, changes: Mapping[str, Any] | None = None, *, threads: int | None = None
) -> Draft:
    """Draft a plan from a TOML file; names of files in it start from its folder.

    :param changes: keys that replace the file's, such as ``{"nodes": 3, "terms": {"rounds": 2}}``
    :param threads: of TensorFlow, where the same process trains with as many afterwards
    :raises PlanError: for a file that is not there or no TOML, an unknown key, or a broken rule
    :raises ModelError: for a model, loss, optimizer or metric that a plan may not have
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"plan file {path} cannot be read: {error}") from error
    return draft_plan(text, folder=path.resolve().parent, changes=changes, threads=threads)


def draft_plan(
    content: str | Mapping[str, Any],
    *,
    folder: Path | None = None,
    changes: Mapping[str, Any] | None = None,
    threads: int | None = None,
) -> Draft:
    """Draft a plan from TOML or from its keys; as :func:`read_draft`.

    The keys are the plan's (``model`` is "cnn", "module:function" or "file.py:function";
    ``optimizer`` a name or a table with ``name`` and its arguments), and the table ``terms``.
    """
    where = folder or Path.cwd()
    values = _merged(_parsed(content), changes or {})
    terms = _terms(values.pop("terms", {}))
    _check_keys("plan", values, _KEYS)
    missing = [key for key in REQUIRED if key not in values]
    if missing:
        raise PlanError(f"plan keys {', '.join(REQUIRED)} are needed, {', '.join(missing)} missing")
    source = _source(values["data"], where)
    values = _plan_values(dict(DEFAULTS) | values)
    _check_early(values, source, terms)
    start_backend(threads)
    return _drafted(values, terms, source, where)


def _parsed(content: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(content, Mapping):
        return dict(content)
    try:
        return tomllib.loads(content, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"the plan file is no TOML: {error}") from error


def _merged(values: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    both = {**values, **changes}
    if isinstance(values.get("terms"), Mapping) and isinstance(changes.get("terms"), Mapping):
        both["terms"] = {**values["terms"], **changes["terms"]}
    return both


def _check_keys(what: str, found: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    unknown = sorted(set(found) - set(allowed))
    if unknown:
        known = ", ".join(sorted(allowed)) + (", terms" if what == "plan" else "")
        raise PlanError(f"unknown {what} key {', '.join(map(repr, unknown))}; there are {known}")


def _terms(values: object) -> Terms:
    if not isinstance(values, Mapping):
        raise PlanError(f"plan key 'terms' must be a table, found {values!r}")
    _check_keys("terms", values, _TERMS)
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
    plain = {key: _exact(v) if key in _DECIMALS else _floats(v) for key, v in values.items()}
    plain["data"] = values["data"] if values["data"] in BUILT_IN else OWN_DATA
    if isinstance(plain.get("metrics"), list):
        plain["metrics"] = tuple(plain["metrics"])
    return plain


def _exact(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _exact(each) for key, each in value.items()}
    number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    return f"{Decimal(str(value)):f}" if number else value


def _floats(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _floats(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_floats(each) for each in value]
    return float(value) if isinstance(value, Decimal) else value


def _drafted(values: dict[str, Any], terms: Terms, source: str, folder: Path) -> Draft:
    with _seeded(values["seed"] if type(values["seed"]) is int else 0):
        model = _own_model(values["model"], folder)
        made = {"model": _config_of(model), "optimizer": _optimizer_config(values["optimizer"])}
        check_variables(model)
        initial = weights_of(model, global_metadata())
        plan = Plan(**values | made, initial=initial.cid())
        check_specs(specs_of(compile_model(plan)), initial)
    return Draft(plan, initial, terms, source)


def _own_model(reference: object, folder: Path) -> Any:
    import keras

    if reference != PAPER_MODEL and not (isinstance(reference, str) and is_reference(reference)):
        raise PlanError(
            f'plan key \'model\' must be "{PAPER_MODEL}", "module:function" or "file.py:function", '
            f"found {reference!r}"
        )
    function = paper_cnn if reference == PAPER_MODEL else load_function(str(reference), folder)
    model = function()
    if not isinstance(model, keras.Model):
        found = type(model).__name__
        raise ModelError(f"{reference} should return a Keras model, found {found}")
    if not model.built:
        raise ModelError(f"{reference} has no input shape yet: begin it with keras.Input(…)")
    return model


def _config_of(model: Any) -> dict[str, Any]:
    with keras_errors("this model has no configuration: use Sequential or the functional API"):
        config = json.loads(model.to_json())
    config.pop("compile_config", None)  # the plan's own keys say how to train
    check_architecture(config)
    return _canonical(config)


def _canonical(config: dict[str, Any]) -> dict[str, Any]:
    try:
        canonical: dict[str, Any] = json.loads(encode_json(config))
    except CanonicalError as error:
        raise ModelError(f"the model's configuration has no canonical form: {error}") from error
    return canonical


def _optimizer_config(chosen: Any) -> dict[str, Any]:
    import keras

    table = {"name": chosen} if isinstance(chosen, str) else chosen
    if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
        raise PlanError(f"plan key 'optimizer' must be a name or a table with one, found {chosen}")
    arguments = {key: value for key, value in table.items() if key != "name"}
    with keras_errors(f"optimizer {table['name']!r} is none of Keras, or not with {arguments}"):
        optimizer = keras.optimizers.get({"class_name": table["name"], "config": arguments})
        config: dict[str, Any] = keras.optimizers.serialize(optimizer)
    config["config"] |= arguments  # as written: Keras gives rates back rounded to float32
    return config


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Make what Keras draws and how it numbers layers depend on the seed alone."""
    import keras

    before = random.getstate(), np.random.get_state()
    keras.utils.set_random_seed(key_of("initial", seed) % 2**32)
    keras.backend.clear_session(free_memory=False)  # for the counters of layers' names
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
