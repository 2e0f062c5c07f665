"""The plan: what is trained and by which rules; immutable, named by its content."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from fl_node.canonical import decode_json, encode_json
from fl_node.cid import Cid
from fl_node.errors import CanonicalError, CidError, PlanError

FORMAT_VERSION = 1
PRECISIONS = ("float32", "mixed_bfloat16")
WEIGHTINGS = ("samples", "equal")
CODECS = ("plain",)
MAX_SEED = 2**53 - 1


@dataclass(frozen=True)
class Plan:
    """Everything that a node must know to take part, except its own data.

    :ivar name: for people
    :ivar model: the Keras configuration, as ``model.to_json()`` gives it, parsed
    :ivar loss: a built-in Keras loss by name
    :ivar optimizer: ``keras.optimizers.serialize`` of the optimizer, made anew for each round
    :ivar metrics: built-in Keras metrics by name, besides the loss
    :ivar epochs: local epochs a round
    :ivar batch_size: samples a step
    :ivar seed: of shards, shuffling and dropout
    :ivar initial: the weights file of global 0
    :ivar data: the built-in data set that the plan is about, or "own"
    :ivar partition: how the built-in data set is cut into shards, see :mod:`fl_node.training.data`
    :ivar nodes: number of shards that the built-in data set is cut into
    :ivar images: how many of the built-in training samples are used; null for all
    :ivar precision: float32, or mixed_bfloat16 for the arithmetic within a step
    :ivar strategy: the aggregation rule's name, see :mod:`aggregator.strategies`
    :ivar strategy_parameters: exact decimals as text, so that no platform rounds them differently
    :ivar weighting: samples (FedAvg's n_k) or equal
    :ivar max_samples: an update that claims more is rejected
    :ivar max_delta_norm: bound on an update's Euclidean distance from its base, an exact decimal
    :ivar codec: how updates are stored; plain is the weights file itself
    :ivar fetch_timeout_seconds: an update that cannot be fetched for so long is unavailable
    """

    name: str
    model: Mapping[str, Any]
    loss: str
    optimizer: Mapping[str, Any]
    epochs: int
    batch_size: int
    seed: int
    initial: Cid
    metrics: tuple[str, ...] = ("accuracy",)
    data: str = "own"
    partition: str = "iid"
    nodes: int = 1
    images: int | None = None
    precision: str = "float32"
    strategy: str = "fedavg"
    strategy_parameters: Mapping[str, str] = field(default_factory=dict)
    weighting: str = "samples"
    max_samples: int = 10_000_000
    max_delta_norm: str | None = None
    codec: str = "plain"
    fetch_timeout_seconds: int = 60

    def __post_init__(self) -> None:
        """Check every rule that needs neither Keras nor a strategy's own knowledge.

        :raises PlanError: naming the key, what was found and what is allowed
        """
        for key, rule in _RULES.items():
            if not rule.holds(getattr(self, key)):
                raise PlanError(
                    f"plan key {key!r} must be {rule.text}, found {getattr(self, key)!r}"
                )
        if self.images is not None and self.nodes > self.images:
            raise PlanError(f"{self.nodes} shards need as many images, found {self.images}")

    @property
    def cid(self) -> Cid:
        """The plan's name: the CID of its canonical bytes."""
        return Cid.of_bytes(self.encode())

    def encode(self) -> bytes:
        """Give the plan as canonical JSON."""
        try:
            return encode_json({"format": FORMAT_VERSION} | self._values())
        except CanonicalError as error:
            raise PlanError(f"this plan has no canonical form: {error}") from error

    @classmethod
    def decode(cls, content: bytes) -> "Plan":
        """Read a plan from canonical JSON.

        :raises PlanError: for other bytes, an unknown or missing key, or a broken rule
        """
        try:
            values = decode_json(content)
        except CanonicalError as error:
            raise PlanError(f"these bytes are no plan: {error}") from error
        if isinstance(values, dict) and "kind" in values:
            raise PlanError(
                f"this plan is of the kind {values['kind']!r}, not a federation's: see flnode "
                "split --help"
            )
        version = values.pop("format", None) if isinstance(values, dict) else None
        if type(version) is not int or version != FORMAT_VERSION:
            raise PlanError(f"a plan of format {FORMAT_VERSION} was expected, found {version!r}")
        return cls(**_checked(values))

    def _values(self) -> dict[str, Any]:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        plain = {key: dict(v) for key, v in values.items() if isinstance(v, Mapping)}
        return values | plain | {"initial": str(self.initial), "metrics": list(self.metrics)}


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    known = {each.name for each in fields(Plan)}
    if set(values) != known:
        unknown, missing = sorted(set(values) - known), sorted(known - set(values))
        raise PlanError(
            f"a plan has the keys {sorted(known)}; unknown {unknown}, missing {missing}"
        )
    try:
        initial = Cid.parse(str(values["initial"]))
    except CidError as error:
        raise PlanError(f"plan key 'initial': {error}") from error
    metrics = values["metrics"]
    if not isinstance(metrics, list):
        raise PlanError(f"plan key 'metrics' must be a list of names, found {metrics!r}")
    return values | {"initial": initial, "metrics": tuple(metrics)}


@dataclass(frozen=True)
class _Rule:
    text: str
    holds: Any


def _whole(low: int, high: int = MAX_SEED) -> _Rule:
    def holds(value: object) -> bool:
        return type(value) is int and low <= value <= high

    return _Rule(f"a whole number from {low} to {high}", holds)


def _one_of(allowed: tuple[str, ...]) -> _Rule:
    return _Rule(f"one of {', '.join(allowed)}", lambda value: value in allowed)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_names(value: object) -> bool:
    return isinstance(value, tuple) and all(map(_is_text, value))


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping)


def is_decimal(value: object) -> bool:
    """Tell whether something is an exact decimal as text."""
    digits = value.replace(".", "", 1) if isinstance(value, str) else ""
    return digits.isascii() and digits.isdigit() and len(digits) <= 30


_TEXT = _Rule("a text", _is_text)
_OBJECT = _Rule("a table", _is_object)
_RULES: Mapping[str, _Rule] = MappingProxyType(
    {
        "name": _TEXT,
        "model": _OBJECT,
        "loss": _TEXT,
        "optimizer": _OBJECT,
        "epochs": _whole(1, 100_000),
        "batch_size": _whole(1, 1_000_000),
        "seed": _whole(0),
        "initial": _Rule("a CID", lambda value: isinstance(value, Cid)),
        "metrics": _Rule("a list of names", _is_names),
        "data": _TEXT,
        "partition": _TEXT,
        "nodes": _whole(1, 1_000_000),
        "images": _Rule(
            "a whole number from 1 up, or left out",
            lambda value: value is None or (type(value) is int and value >= 1),
        ),
        "precision": _one_of(PRECISIONS),
        "strategy": _TEXT,
        "strategy_parameters": _Rule(
            "a table of exact decimals as text",
            lambda value: _is_object(value) and all(map(is_decimal, value.values())),
        ),
        "weighting": _one_of(WEIGHTINGS),
        "max_samples": _whole(1),
        "max_delta_norm": _Rule(
            "an exact decimal as text, or left out",
            lambda value: value is None or is_decimal(value),
        ),
        "codec": _one_of(CODECS),
        "fetch_timeout_seconds": _whole(1, 86_400),
    }
)
