"""The report of a round, in two parts that are hashed separately.

What is *recomputable* follows from the chain and the stored bytes, and audits redo it; what is
*observed* is the closer's claim.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from fl_node.canonical import decode_json, encode_json, finite_or_null
from fl_node.cid import Cid
from fl_node.errors import CanonicalError, CidError, ReportError
from fl_node.rounds import Reason

FORMAT_VERSION = 1
_KEYS = {"format", "observed", "observed_sha256", "recomputable", "recomputable_sha256"}

Metrics = Mapping[str, float | None]


@dataclass(frozen=True)
class Admitted:
    """An update that went into the global.

    :ivar base: number of the global that it was trained from
    :ivar counted: how much it counted: its samples, or 1 where the plan weighs all the same
    """

    node: int
    base: int
    weights: Cid
    samples: int
    counted: int


@dataclass(frozen=True)
class Rejected:
    """An update that was taken out of the round."""

    node: int
    weights: Cid
    reason: Reason


@dataclass(frozen=True)
class Recomputable:
    """What anyone gets who redoes the round.

    :ivar base: number of the global that the round started from, and its file
    :ivar admitted: in ascending order of their nodes
    :ivar rejected: in ascending order of their nodes, a node's own as the chain has them
    :ivar missing: members without an update in the round, ascending
    :ivar duplicates: pairs of nodes whose tensors are equal, see ``aggregator.admission``
    :ivar state: the strategy's state; None if it keeps none
    :ivar weights: the global
    """

    round: int
    base: int
    base_weights: Cid
    strategy: str
    admitted: tuple[Admitted, ...]
    rejected: tuple[Rejected, ...]
    missing: tuple[int, ...]
    duplicates: tuple[tuple[int, int], ...]
    state: Cid | None
    weights: Cid

    def __post_init__(self) -> None:
        """Put nodes in order, so that the same round has the same report.

        :raises ReportError: when a node is admitted twice
        """
        for name in ("admitted", "rejected"):
            ordered = tuple(sorted(getattr(self, name), key=lambda update: update.node))
            object.__setattr__(self, name, ordered)
        object.__setattr__(self, "missing", tuple(sorted(self.missing)))
        object.__setattr__(self, "duplicates", tuple(sorted(self.duplicates)))
        nodes = [update.node for update in self.admitted]
        if len(set(nodes)) != len(nodes):
            raise ReportError(f"a report admits one update of a node, found nodes {nodes}")


@dataclass(frozen=True)
class Observed:
    """What the closer says, and nobody can redo.

    :ivar closer: its account
    :ivar metrics: of the global; a non-finite one becomes None
    :ivar local_metrics: node to what its update file says
    :ivar seconds: what took how long
    :ivar versions: of what computed it
    """

    closer: str
    metrics: Metrics
    local_metrics: Mapping[int, Metrics]
    seconds: Mapping[str, float]
    versions: Mapping[str, str]

    def __post_init__(self) -> None:
        """Make metrics fit for JSON."""
        local = {node: finite_or_null(found) for node, found in self.local_metrics.items()}
        object.__setattr__(self, "metrics", finite_or_null(self.metrics))
        object.__setattr__(self, "local_metrics", local)


@dataclass(frozen=True)
class Report:
    """What the closer did in a round."""

    recomputable: Recomputable
    observed: Observed

    @property
    def cid(self) -> Cid:
        """The report's name: the CID of its canonical bytes."""
        return Cid.of_bytes(self.encode())

    def encode(self) -> bytes:
        """Give the report as canonical JSON.

        :raises ReportError: when a value has no canonical form
        """
        recomputable, observed = _plain(self.recomputable), _plain(self.observed)
        try:
            hashes = {
                "recomputable_sha256": _sha256(recomputable),
                "observed_sha256": _sha256(observed),
            }
            parts = {"recomputable": recomputable, "observed": observed}
            return encode_json({"format": FORMAT_VERSION} | parts | hashes)
        except CanonicalError as error:
            raise ReportError(f"this report has no canonical form: {error}") from error

    @classmethod
    def decode(cls, content: bytes) -> "Report":
        """Read a report from canonical JSON.

        :raises ReportError: for other bytes, another form, or parts that their hashes do not fit
        """
        try:
            values = _with_keys(decode_json(content), _KEYS)
            _check_hashes(values)
            report = cls(_recomputable(values["recomputable"]), _observed(values["observed"]))
        except _NO_REPORT as error:
            raise ReportError(f"these bytes are no report: {error!r}"[:_SHOWN_LETTERS]) from error
        if report.encode() != content:
            raise ReportError("a report was found, but not in its canonical form")
        return report


_NO_REPORT = (CanonicalError, CidError, KeyError, TypeError, ValueError, AttributeError)
_SHOWN_LETTERS = 200


def _sha256(part: object) -> str:
    return hashlib.sha256(encode_json(part)).hexdigest()


def _plain(value: Any) -> Any:
    """Give a value as JSON has it: CIDs and reasons as text, records as objects."""
    if isinstance(value, Cid):
        return str(value)
    if isinstance(value, Reason):
        return value.label
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Recomputable | Observed | Admitted | Rejected):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return value


def _check_hashes(values: Mapping[str, Any]) -> None:
    for part in ("recomputable", "observed"):
        said, found = values[f"{part}_sha256"], _sha256(values[part])
        if said != found:
            raise ReportError(f"the report's {part} part has the SHA-256 {found}, it says {said!r}")


def _recomputable(values: Any) -> Recomputable:
    _with_keys(values, {each.name for each in fields(Recomputable)})
    return Recomputable(
        round=_whole(values["round"]),
        base=_whole(values["base"]),
        base_weights=Cid.parse(values["base_weights"]),
        strategy=_text(values["strategy"]),
        admitted=tuple(_admitted(each) for each in values["admitted"]),
        rejected=tuple(_rejected(each) for each in values["rejected"]),
        missing=tuple(_whole(node) for node in values["missing"]),
        duplicates=tuple((_whole(one), _whole(other)) for one, other in values["duplicates"]),
        state=None if values["state"] is None else Cid.parse(values["state"]),
        weights=Cid.parse(values["weights"]),
    )


def _admitted(values: Any) -> Admitted:
    _with_keys(values, {each.name for each in fields(Admitted)})
    numbers = {name: _whole(values[name]) for name in ("node", "base", "samples", "counted")}
    return Admitted(weights=Cid.parse(values["weights"]), **numbers)


def _rejected(values: Any) -> Rejected:
    _with_keys(values, {each.name for each in fields(Rejected)})
    reason = Reason[_text(values["reason"]).upper().replace("-", "_")]
    return Rejected(_whole(values["node"]), Cid.parse(values["weights"]), reason)


def _observed(values: Any) -> Observed:
    _with_keys(values, {each.name for each in fields(Observed)})
    return Observed(
        closer=_text(values["closer"]),
        metrics=_metrics(values["metrics"]),
        local_metrics={int(node): _metrics(m) for node, m in values["local_metrics"].items()},
        seconds={name: _number(taken) for name, taken in values["seconds"].items()},
        versions={name: _text(version) for name, version in values["versions"].items()},
    )


def _with_keys(values: Any, keys: set[str]) -> Any:
    if not isinstance(values, dict) or set(values) != keys:
        found = sorted(values) if isinstance(values, dict) else type(values).__name__
        raise ReportError(f"an object with the keys {sorted(keys)} was expected, found {found}")
    return values


def _metrics(values: Mapping[str, Any]) -> Metrics:
    return {name: None if v is None else _number(v) for name, v in values.items()}


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ReportError(f"a whole number was expected, found {value!r}"[:_SHOWN_LETTERS])
    return value


def _number(value: object) -> float:
    if type(value) is not int and type(value) is not float:
        raise ReportError(f"a number was expected, found {value!r}"[:_SHOWN_LETTERS])
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ReportError(f"a text was expected, found {value!r}"[:_SHOWN_LETTERS])
    return value
