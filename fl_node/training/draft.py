"""From a plan file that people write to a plan, its initial weights and its terms.

The user's own model function runs here, on the deployer's machine, and nowhere else: what travels
is the configuration that it results in.
"""

import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fl_node.canonical import encode_json
from fl_node.errors import CanonicalError, ModelError, PlanError
from fl_node.plan import Plan
from fl_node.rounds import Terms, global_metadata
from fl_node.training.architecture import check_architecture
from fl_node.training.backend import start_backend
from fl_node.training.compiled import compile_model
from fl_node.training.draws import key_of
from fl_node.training.models import (
    check_specs,
    check_variables,
    keras_errors,
    paper_cnn,
    specs_of,
    weights_of,
)
from fl_node.training.plan_file import PlanFile, parse_plan_file
from fl_node.training.references import is_reference, load_function, users_code
from fl_node.weights import Weights

PAPER_MODEL = "cnn"


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
        reason = getattr(error, "strerror", None) or error
        raise PlanError(f"plan file {path} cannot be read: {reason}; check its name") from error
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
    file = parse_plan_file(content, folder or Path.cwd(), changes or {})
    start_backend(threads)
    return _drafted(file)


def _drafted(file: PlanFile) -> Draft:
    values = file.values
    with draft_model(values["model"], values["seed"], file.folder) as model:
        made = {"model": _config_of(model), "optimizer": optimizer_config(values["optimizer"])}
        check_variables(model)
        initial = weights_of(model, global_metadata())
        plan = Plan(**{**values, **made}, initial=initial.cid())
        check_specs(specs_of(compile_model(plan)), initial)
    return Draft(plan, initial, file.terms, file.source)


@contextmanager
def draft_model(reference: object, seed: object, folder: Path) -> Iterator[Any]:
    """Lend the model that a plan file names, its weights drawn from the plan's seed.

    :raises PlanError: for no such name
    :raises ModelError: for a model that a plan may not have
    """
    with _seeded(seed if type(seed) is int else 0):
        yield _own_model(reference, folder)


def _own_model(reference: object, folder: Path) -> Any:
    import keras

    if reference != PAPER_MODEL and not (isinstance(reference, str) and is_reference(reference)):
        raise PlanError(
            f'plan key \'model\' must be "{PAPER_MODEL}", "module:function" or "file.py:function", '
            f"found {reference!r}"
        )
    function = paper_cnn if reference == PAPER_MODEL else load_function(str(reference), folder)
    with users_code(str(reference)):
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


def optimizer_config(chosen: Any) -> dict[str, Any]:
    """Give the configuration of an optimizer that a plan file names.

    :raises PlanError: for neither a name nor a table with one
    :raises ModelError: for one that Keras does not have
    """
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
