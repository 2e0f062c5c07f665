"""The plan of split learning: what a federation's plan says, and where the model is cut."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from fl_node.canonical import decode_json, encode_json
from fl_node.cid import Cid
from fl_node.errors import CanonicalError, PlanError, SplitError
from fl_node.plan import Plan, is_decimal
from fl_node.split.record.retention import Retention

FORMAT_VERSION = 1
KIND = "split"
TURNS, PARALLEL = "turns", "parallel"
_DIGEST_LETTERS = 64
_MOST_IN_FLIGHT = 16
_MOST_SECONDS = 30 * 86_400
_LEAST_DEADLINE_SECONDS = 5
_MOST_SEEDS = 10**6


@dataclass(frozen=True)
class OwnPart:
    """A part that the data owner trains, described as :class:`fl_node.split.parts.part.Part` is.

    :ivar model: its Keras configuration; None for the lower part, whose is the training's
    :ivar names: its names of its weights to the whole model's
    :ivar seeds: which of the whole model's seed generators are in it
    """

    names: Mapping[str, str]
    seeds: tuple[int, ...]
    model: Mapping[str, Any] | None = None

    def table(self) -> dict[str, Any]:
        """Give it as JSON holds it."""
        model = None if self.model is None else dict(self.model)
        return {"names": dict(self.names), "seeds": list(self.seeds), "model": model}

    @classmethod
    def of_table(cls, key: str, table: object) -> "OwnPart":
        """Read it from JSON.

        :raises PlanError: for anything else
        """
        keys = {each.name for each in fields(cls)}
        if not isinstance(table, dict) or set(table) != keys:
            raise PlanError(f"split key {key!r} must be a table of {sorted(keys)}")
        names, seeds, model = table["names"], table["seeds"], table["model"]
        if not isinstance(names, dict) or not all(isinstance(each, str) for each in names.values()):
            raise PlanError(f"split key {key!r} must map names to names")
        if not isinstance(seeds, list) or not all(_is_whole(n, 0, _MOST_SEEDS) for n in seeds):
            raise PlanError(f"split key {key!r} must number seed generators")
        if not isinstance(model, dict | None):
            raise PlanError(f"split key {key!r} must have a model's configuration, or null")
        return cls(names, tuple(seeds), model)


@dataclass(frozen=True)
class SplitPlan:
    """Everything that a data owner must know to take part, except its own data.

    The provider's part is not in it: only a salted digest that commits the provider to what it
    starts from.

    :ivar training: as in a federation, but that ``model`` is the lower part alone and ``initial``
        names the weights that the data owner starts from; its ``epochs`` are the session's
    :ivar lower: what the training's model is of the whole one
    :ivar tail: the last layers, in the U-shaped configuration; None gives the labels to the
        provider (vanilla)
    :ivar seed_count: seed generators in the whole model
    :ivar upper: salted digest of the provider's part, see :mod:`fl_node.split.upper`
    :ivar crossing: shape of one sample of each tensor that crosses the cut
    :ivar features: shape of one sample of each tensor that comes back to the tail; none in vanilla
    :ivar output: shape of one sample of the whole model's output
    :ivar in_flight: batches under way at once; all but one are that much stale
    :ivar wire: the codec of what crosses
    :ivar wire_parameters: exact decimals as text
    :ivar snapshot_steps: after how many steps each party keeps its state
    :ivar deadline_seconds: how long a party waits for the other
    :ivar retention: which messages stay: none, all, or a fraction such as 0.01
    :ivar nopeek: weight of the distance correlation in the lower part's loss, an exact decimal
    :ivar owners: several data owners train in turns, or in parallel
    """

    training: Plan
    upper: str
    lower: OwnPart
    crossing: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    seed_count: int = 0
    tail: OwnPart | None = None
    features: tuple[tuple[int, ...], ...] = ()
    in_flight: int = 1
    wire: str = "float32"
    wire_parameters: Mapping[str, str] = field(default_factory=dict)
    snapshot_steps: int = 64
    deadline_seconds: int = 600
    retention: str = "none"
    nopeek: str = "0"
    owners: str = TURNS

    def __post_init__(self) -> None:
        """Check every rule that needs no Keras.

        :raises PlanError: naming the key, what was found and what is allowed
        """
        for key, holds, text in _rules(self):
            if not holds:
                raise PlanError(f"split key {key!r} must be {text}, found {getattr(self, key)!r}")
        if (self.tail is None) != (not self.features):
            raise PlanError("split keys 'tail' and 'features' belong together: both or none")
        if self.tail is not None and self.tail.model is None:
            raise PlanError("split key 'tail' needs a model's configuration")
        if self.is_parallel and self.training.strategy != "fedavg":
            raise PlanError(
                "owners in parallel are averaged by fedavg, found strategy "
                f"{self.training.strategy!r}"
            )
        if self.training.precision != "float32":
            raise PlanError(
                f"split learning trains in float32, found precision {self.training.precision!r}"
            )

    @property
    def cid(self) -> Cid:
        """The plan's name: the CID of its canonical bytes."""
        return Cid.of_bytes(self.encode())

    @property
    def is_u_shaped(self) -> bool:
        """Tell whether the data owner keeps the last layers and the labels."""
        return self.tail is not None

    @property
    def is_parallel(self) -> bool:
        """Tell whether data owners train side by side, and their parts are averaged."""
        return self.owners == PARALLEL

    def encode(self) -> bytes:
        """Give the plan as canonical JSON."""
        values = {each.name: getattr(self, each.name) for each in fields(self)} | {
            "training": decode_json(self.training.encode()),
            "lower": self.lower.table(),
            "tail": self.tail and self.tail.table(),
            "crossing": [list(shape) for shape in self.crossing],
            "features": [list(shape) for shape in self.features],
            "output": list(self.output),
            "wire_parameters": dict(self.wire_parameters),
        }
        try:
            return encode_json({"format": FORMAT_VERSION, "kind": KIND} | values)
        except CanonicalError as error:
            raise PlanError(f"this plan has no canonical form: {error}") from error

    @classmethod
    def decode(cls, content: bytes) -> "SplitPlan":
        """Read a plan from canonical JSON.

        :raises PlanError: for other bytes, an unknown or missing key, or a broken rule
        """
        values = _decoded(content)
        known = {each.name for each in fields(cls)}
        if set(values) != known:
            unknown, missing = sorted(set(values) - known), sorted(known - set(values))
            raise PlanError(
                f"a split plan has the keys {sorted(known)}; unknown {unknown}, missing {missing}"
            )
        try:
            training = Plan.decode(encode_json(values["training"]))
        except CanonicalError as error:
            raise PlanError(f"split key 'training' is no plan: {error}") from error
        tail = values["tail"]
        read = {
            "training": training,
            "lower": OwnPart.of_table("lower", values["lower"]),
            "tail": None if tail is None else OwnPart.of_table("tail", tail),
            "crossing": _shapes(values["crossing"]),
            "features": _shapes(values["features"]),
            "output": _shapes([values["output"]])[0],
        }
        return cls(**{**values, **read})


def is_split_plan(content: bytes) -> bool:
    """Tell whether a plan's bytes are of split learning, whatever else they are."""
    try:
        values = decode_json(content)
    except CanonicalError:
        return False
    return isinstance(values, dict) and values.get("kind") == KIND


def _decoded(content: bytes) -> dict[str, Any]:
    try:
        values = decode_json(content)
    except CanonicalError as error:
        raise PlanError(f"these bytes are no plan: {error}") from error
    if not isinstance(values, dict):
        raise PlanError(f"a split plan was expected, found {type(values).__name__}")
    kind, version = values.pop("kind", None), values.pop("format", None)
    if kind != KIND or type(version) is not int or version != FORMAT_VERSION:
        raise PlanError(
            f"a {KIND} plan of format {FORMAT_VERSION} was expected, found {kind!r}, {version!r}"
        )
    return values


def _shapes(value: object) -> tuple[tuple[int, ...], ...]:
    if not isinstance(value, list) or not all(isinstance(shape, list) for shape in value):
        raise PlanError(f"split shapes must be lists of whole numbers, found {value!r}")
    return tuple(tuple(shape) for shape in value)


def _rules(plan: SplitPlan) -> list[tuple[str, bool, str]]:
    return [
        ("upper", _is_digest(plan.upper), f"{_DIGEST_LETTERS} hexadecimal digits"),
        ("crossing", bool(plan.crossing) and _are_shapes(plan.crossing), "one shape or more"),
        ("features", _are_shapes(plan.features), "shapes of whole numbers from 1 up"),
        ("output", _are_shapes((plan.output,)), "a shape of whole numbers from 1 up"),
        ("seed_count", _is_whole(plan.seed_count, 0, _MOST_SEEDS), "a whole number from 0 up"),
        ("lower", _has_seeds(plan.lower, plan), "a part with seeds below 'seed_count'"),
        ("tail", _has_seeds(plan.tail, plan), "a part with seeds below 'seed_count'"),
        ("in_flight", _is_whole(plan.in_flight, 1, _MOST_IN_FLIGHT), f"1 to {_MOST_IN_FLIGHT}"),
        ("wire", isinstance(plan.wire, str) and bool(plan.wire), "a codec's name"),
        ("wire_parameters", _are_decimals(plan.wire_parameters), "exact decimals as text"),
        ("snapshot_steps", _is_whole(plan.snapshot_steps, 1, 10**9), "a whole number from 1 up"),
        (
            "deadline_seconds",
            _is_whole(plan.deadline_seconds, _LEAST_DEADLINE_SECONDS, _MOST_SECONDS),
            f"whole seconds from {_LEAST_DEADLINE_SECONDS} to {_MOST_SECONDS}",
        ),
        ("retention", _is_retention(plan.retention), "none, all, or a fraction such as 0.01"),
        ("nopeek", is_decimal(plan.nopeek), "an exact decimal as text"),
        ("owners", plan.owners in (TURNS, PARALLEL), f"{TURNS} or {PARALLEL}"),
    ]


def _is_digest(value: object) -> bool:
    return (
        isinstance(value, str)
        and len(value) == _DIGEST_LETTERS
        and set(value) <= set("0123456789abcdef")
    )


def _is_whole(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _are_shapes(value: tuple[tuple[int, ...], ...]) -> bool:
    return all(_is_whole(side, 1, 2**31 - 1) for shape in value for side in shape)


def _has_seeds(part: OwnPart | None, plan: SplitPlan) -> bool:
    seeds = () if part is None else part.seeds
    return all(_is_whole(plan.seed_count, seed + 1, _MOST_SEEDS) for seed in seeds)


def _are_decimals(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(is_decimal, value.values()))


def _is_retention(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return value == "none" or Retention.parse(value).share > 0
    except SplitError:
        return False
