"""A node's data set by the name that settings give it; none of it ever leaves the node.

A source is the name of a built-in data set, ``module:function`` or ``file.py:function``, an
``.npz`` file, or a folder of them. No Keras is needed here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fl_node.errors import DataError
from fl_node.plan import Plan
from fl_node.training.builtin import BUILT_IN, load_images, one_hot
from fl_node.training.dataset import Dataset
from fl_node.training.own import from_files, from_function, test_from_files, test_from_function
from fl_node.training.references import is_reference
from fl_node.training.shards import check_cut, chosen_rows, shard_indices

TRAIN_IMAGES = 60_000

__all__ = ["Dataset", "check_source", "is_sparse", "load_data", "load_test_data"]


def load_data(source: str, plan: Plan, node: int, *, folder: Path | None = None) -> Dataset:
    """Load what one node trains on: of a built-in data set its shard, of its own data all.

    :param folder: what relative names in the source start from; the current folder if left out
    :raises DataError: when the data cannot be used
    :raises SettingsError: when there is no such function
    """
    where, names = folder or Path.cwd(), input_names(plan.model)
    if source in BUILT_IN:
        return _shard(source, plan, node)
    if is_reference(source):
        return from_function(source, where, names, node=node, nodes=plan.nodes)
    return from_files(_existing(source, where), names)


def load_test_data(source: str, plan: Plan, *, folder: Path | None = None) -> Dataset | None:
    """Load what global models are measured on; None when the source has nothing for it.

    A built-in data set has its 10,000 test images, a function ``NAME`` has ``test_NAME`` beside
    it, a folder has the ``.npz`` files whose names start with ``test``. Raises as
    :func:`load_data`.
    """
    where, names = folder or Path.cwd(), input_names(plan.model)
    if source in BUILT_IN:
        images, labels = load_images(BUILT_IN[source], test=True)
        return _images_dataset(images, labels, plan)
    if is_reference(source):
        return test_from_function(source, where, names)
    return test_from_files(_existing(source, where), names)


def check_source(source: str, folder: Path) -> None:
    """Refuse a source that is no built-in name, no reference, and no file or folder.

    :raises DataError: saying what there is
    """
    if source not in BUILT_IN and not is_reference(source):
        _existing(source, folder)


def is_sparse(loss: str) -> bool:
    """Tell whether a loss takes class numbers instead of one row per sample."""
    return loss.replace("_", "").lower().startswith("sparse")


def input_names(model: Mapping[str, Any]) -> tuple[str, ...]:
    """Read the names of a model's inputs, in its order, from its Keras configuration."""
    inner = model.get("config", {})
    inputs = inner.get("input_layers")
    return tuple(_names(inputs)) if inputs else (_first_layer(inner),)


def _names(value: Any) -> list[str]:
    if isinstance(value, Mapping):  # Keras flattens mappings in the order of their keys
        return [name for key in sorted(value) for name in _names(value[key])]
    if isinstance(value, list) and value and isinstance(value[0], str):
        return [value[0]]  # a layer's name, its node, its output
    return [name for each in value for name in _names(each)] if isinstance(value, list) else []


def _first_layer(inner: Mapping[str, Any]) -> str:
    layers = inner.get("layers") or [{}]
    return str(layers[0].get("config", {}).get("name", "x"))


def _shard(source: str, plan: Plan, node: int) -> Dataset:
    check_cut(plan.partition, plan.nodes, plan.images or TRAIN_IMAGES)  # before anything is fetched
    images, labels = load_images(BUILT_IN[source], test=False)
    rows = chosen_rows(len(labels), plan.images, plan.seed)
    mine = rows[shard_indices(labels[rows], plan.nodes, node, plan.partition, plan.seed)]
    return _images_dataset(images[mine], labels[mine], plan)


def _images_dataset(images: Any, labels: Any, plan: Plan) -> Dataset:
    pixels = images[..., np.newaxis].astype(np.float32) / np.float32(255)
    return Dataset((pixels,), labels.astype(np.int32) if is_sparse(plan.loss) else one_hot(labels))


def _existing(source: str, folder: Path) -> Path:
    path = (folder / Path(source).expanduser()).resolve()
    if path.is_dir() or (path.is_file() and path.suffix == ".npz"):
        return path
    raise DataError(
        f"data {source!r} was asked for: it is none of {', '.join(BUILT_IN)}, no module:function "
        f"and no .npz file or folder in {folder}"
    )
