"""The plan of split learning: what a federation's plan says, and where the model is cut."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from fl_node.canonical import decode_json, encode_json
from fl_node.cid import Cid
from fl_node.errors import CanonicalError, PlanError
from fl_node.plan import Plan

FORMAT_VERSION = 1
KIND = "split"
SCHEDULES = ("turns", "parallel")
_DIGEST_LETTERS = 64
_MOST_IN_FLIGHT = 16
_MOST_SECONDS = 30 * 86_400
_LEAST_DEADLINE_SECONDS = 5


@dataclass(frozen=True)
class SplitPlan:
    """Everything that a data owner must know to take part, except its own data.

    The provider's part is not in it: only a salted digest that commits the provider to what it
    starts from.

    :ivar training: as in a federation, but that ``model`` is the lower part alone and ``initial``
        names the weights that the data owner starts from; its ``epochs`` are the session's
    :ivar tail: the last layers, in the U-shaped configuration; None gives the labels to the
        provider (vanilla)
    :ivar upper: salted digest of the provider's part, see :mod:`fl_node.split.upper`
    :ivar crossing: shape of one sample of each tensor that crosses the cut
    :ivar features: shape of one sample of each tensor that comes back to the tail; none in vanilla
    :ivar seeds: by part, which of the whole model's seed generators are in it
    :ivar schedule: several data owners train in turns, or in parallel (SplitFed)
    :ivar in_flight: batches under way at once; all but one are that much stale
    :ivar wire: the codec of what crosses
    :ivar wire_parameters: exact decimals as text
    :ivar snapshot_steps: after how many steps each party keeps its state
    :ivar deadline_seconds: how long a party waits for the other
    :ivar retention: which messages stay: none, all, or a fraction such as 0.01
    :ivar nopeek: weight of the distance correlation in the lower part's loss, an exact decimal
    """

    training: Plan
    upper: str
    crossing: tuple[tuple[int, ...], ...]
    seeds: Mapping[str, tuple[int, ...]]
    tail: Mapping[str, Any] | None = None
    features: tuple[tuple[int, ...], ...] = ()
    schedule: str = "turns"
    in_flight: int = 1
    wire: str = "float32"
    wire_parameters: Mapping[str, str] = field(default_factory=dict)
    snapshot_steps: int = 64
    deadline_seconds: int = 600
    retention: str = "none"
    nopeek: str = "0"

    def __post_init__(self) -> None:
        """Check every rule that needs no Keras.

        :raises PlanError: naming the key, what was found and what is allowed
        """
        for key, holds, text in _rules(self):
            if not holds:
                raise PlanError(f"split key {key!r} must be {text}, found {getattr(self, key)!r}")
        if (self.tail is None) != (not self.features):
            raise PlanError("split keys 'tail' and 'features' belong together: both or none")
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

    def encode(self) -> bytes:
        """Give the plan as canonical JSON."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        values["training"] = decode_json(self.training.encode())
        values["crossing"] = [list(shape) for shape in self.crossing]
        values["features"] = [list(shape) for shape in self.features]
        values["seeds"] = {part: list(which) for part, which in self.seeds.items()}
        values["wire_parameters"] = dict(self.wire_parameters)
        values["tail"] = None if self.tail is None else dict(self.tail)
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
        read = {"crossing": _shapes(values["crossing"]), "features": _shapes(values["features"])}
        return cls(**{**values, **read, "training": training, "seeds": _seeds(values["seeds"])})


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


def _seeds(value: object) -> dict[str, tuple[int, ...]]:
    if not isinstance(value, dict) or not all(isinstance(each, list) for each in value.values()):
        raise PlanError(f"split key 'seeds' must list numbers by part, found {value!r}")
    return {part: tuple(which) for part, which in value.items()}


def _rules(plan: SplitPlan) -> list[tuple[str, bool, str]]:
    return [
        ("upper", _is_digest(plan.upper), f"{_DIGEST_LETTERS} hexadecimal digits"),
        ("crossing", bool(plan.crossing) and _are_shapes(plan.crossing), "one shape or more"),
        ("features", _are_shapes(plan.features), "shapes of whole numbers from 1 up"),
        ("seeds", _are_seeds(plan.seeds), "different whole numbers from 0 up, by part"),
        ("tail", plan.tail is None or isinstance(plan.tail, Mapping), "a table, or left out"),
        ("schedule", plan.schedule in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
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
        ("nopeek", _is_decimal(plan.nopeek), "an exact decimal as text"),
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


def _are_seeds(value: object) -> bool:
    if not isinstance(value, Mapping) or not set(value) <= {"lower", "upper", "tail"}:
        return False
    numbers = [number for which in value.values() for number in which]
    return len(set(numbers)) == len(numbers) and all(_is_whole(n, 0, 10**6) for n in numbers)


def _is_decimal(value: object) -> bool:
    digits = value.replace(".", "", 1) if isinstance(value, str) else ""
    return digits.isascii() and digits.isdigit() and len(digits) <= 30


def _are_decimals(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(_is_decimal, value.values()))


def _is_retention(value: object) -> bool:
    if value in ("none", "all"):
        return True
    return isinstance(value, str) and _is_decimal(value) and 0 < float(value) <= 1
