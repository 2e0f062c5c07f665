"""The table ``[split]`` of a plan file: where a model is cut, and how both parts are trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from fl_node.errors import PlanError, TomlError
from fl_node.toml import parse_toml
from fl_node.training.plan_file import PlanFile, check_keys, exact, parse_plan_file

TABLE = "split"
_KEYS = (
    *("cut_after", "keep_from", "in_flight", "wire", "wire_parameters"),
    *("snapshot_steps", "deadline_seconds", "retention", "nopeek", "owners"),
)
_DECIMALS = frozenset({"retention", "nopeek", "wire_parameters"})


@dataclass(frozen=True)
class SplitFile:
    """What a plan file with a table ``[split]`` says.

    :ivar cut_after: the layer that the lower part ends with
    :ivar keep_from: the layer that the tail begins with; None in the vanilla configuration
    :ivar keys: the rest of the table, as the split plan has them
    """

    training: PlanFile
    cut_after: str
    keep_from: str | None
    keys: Mapping[str, Any]


def read_toml(path: Path) -> dict[str, Any]:
    """Read a plan file as it was written, its numbers exact.

    :raises PlanError: for a file that is not there, or no TOML
    """
    try:
        return parse_toml(path.read_bytes(), parse_float=Decimal)
    except OSError as error:
        raise PlanError(
            f"plan file {path} cannot be read: {error.strerror}; check its name"
        ) from error
    except TomlError as error:
        raise PlanError(f"the plan file is no TOML: {error}") from error


def is_split_file(path: Path) -> bool:
    """Tell whether a plan file is of split learning; one that cannot be read is not."""
    try:
        return TABLE in read_toml(path)
    except PlanError:
        return False


def parse_split_file(
    content: Mapping[str, Any], folder: Path, changes: Mapping[str, Any]
) -> SplitFile:
    """Read a plan file's keys.

    :raises PlanError: for an unknown or missing key, or terms: a session has none
    :raises DataError: for unknown data or partition
    """
    values = dict(content)
    table = values.pop(TABLE, None)
    if not isinstance(table, Mapping):
        raise PlanError(f"plan key {TABLE!r} must be a table, found {table!r}")
    check_keys(TABLE, table, _KEYS)
    if "terms" in values:
        raise PlanError("a split plan has no [terms]: its epochs are the session's length")
    training = parse_plan_file({"nodes": 1, **values}, folder, changes)
    cut_after, keep_from = table.get("cut_after"), table.get("keep_from")
    if not isinstance(cut_after, str) or not isinstance(keep_from, str | None):
        raise PlanError(
            f"split keys cut_after and keep_from name layers, found {cut_after!r}, {keep_from!r}"
        )
    keys = {key: exact(value) if key in _DECIMALS else value for key, value in table.items()}
    return SplitFile(training, cut_after, keep_from, _without_layers(keys))


def _without_layers(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if key not in {"cut_after", "keep_from"}}
