"""From a plan file with a table ``[split]`` to a split plan and both parties' first weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fl_node.errors import PlanError
from fl_node.plan import Plan
from fl_node.split.parts.cut import Cut, cut_model
from fl_node.split.parts.part import Part
from fl_node.split.parts.party import check_optimizer
from fl_node.split.plan import OwnPart, SplitPlan
from fl_node.split.plan_file import SplitFile, parse_split_file, read_toml
from fl_node.split.upper import UpperPart
from fl_node.split.wire.boundaries import Boundaries
from fl_node.training.backend import start_backend
from fl_node.training.draft import draft_model, optimizer_config
from fl_node.training.models import check_variables, weights_of
from fl_node.training.state import SeedPlaces
from fl_node.weights import Weights

LOWER, TAIL = "lower/", "tail/"


@dataclass(frozen=True)
class SplitDraft:
    """What a deployment starts from.

    :ivar initial: the data owner's first weights: of the lower part, and of the tail
    :ivar upper: what stays with the provider
    :ivar source: the data that the plan file names
    """

    plan: SplitPlan
    initial: Weights
    upper: UpperPart
    source: str


def read_split_draft(
    path: Path, changes: Mapping[str, Any] | None = None, *, threads: int | None = None
) -> SplitDraft:
    """Draft a plan from a TOML file; names of files in it start from its folder.

    :param changes: keys that replace the file's
    :param threads: of TensorFlow, where the same process trains with as many afterwards
    :raises PlanError: for a file that is not as it should be
    :raises ModelError: for a model that cannot be cut there, naming where it can
    """
    file = parse_split_file(read_toml(path), path.resolve().parent, changes or {})
    start_backend(threads)
    return draft_split(file)


def draft_split(file: SplitFile) -> SplitDraft:
    """Draw the model's weights from the plan's seed, and cut it; raises as `read_split_draft`."""
    values = file.training.values
    with draft_model(values["model"], values["seed"], file.training.folder) as model:
        check_variables(model)
        optimizer = optimizer_config(values["optimizer"])
        check_optimizer(optimizer)
        cut = cut_model(model, file.cut_after, file.keep_from)
        initial = own_weights([weights_of(part) for part in own_models(cut)])
        upper = UpperPart(
            cut.parts[1].config,
            cut.parts[1].names,
            cut.parts[1].seeds.places,
            weights_of(cut.upper),
        )
    made = {"model": cut.parts[0].config, "optimizer": optimizer, "initial": initial.cid()}
    plan = _plan(Plan(**{**values, **made}), cut, upper, file.keys)
    Boundaries.of_plan(plan)  # whether there is such a codec
    return SplitDraft(plan, initial, upper, file.training.source)


def own_models(cut: Cut) -> list[Any]:
    """Give the models that are the data owner's."""
    return [cut.lower] if cut.tail is None else [cut.lower, cut.tail]


def own_weights(parts: list[Weights]) -> Weights:
    """Put the weights of lower part and tail into one file."""
    named = zip((LOWER, TAIL), parts, strict=False)
    return Weights({start + name: t for start, part in named for name, t in part.tensors.items()})


def parted(weights: Weights) -> list[Weights]:
    """Take such a file apart again: the lower part's, and the tail's if there is one."""
    found = []
    for start in (LOWER, TAIL):
        mine = {n.removeprefix(start): t for n, t in weights.tensors.items() if n.startswith(start)}
        found += [Weights(mine)] if mine else []
    return found


def own_parts(plan: SplitPlan) -> list[Part]:
    """Give the data owner's parts as a plan describes them."""
    lower = _part(plan.training.model, plan.lower, plan)
    if plan.tail is None or plan.tail.model is None:
        return [lower]
    return [lower, _part(plan.tail.model, plan.tail, plan)]


def upper_part(plan: SplitPlan, upper: UpperPart) -> Part:
    """Give the provider's part as it is described."""
    return Part(upper.model, SeedPlaces(upper.seeds, plan.seed_count), upper.names)


def _part(model: Mapping[str, Any], own: OwnPart, plan: SplitPlan) -> Part:
    return Part(model, SeedPlaces(own.seeds, plan.seed_count), own.names)


def _plan(training: Plan, cut: Cut, upper: UpperPart, keys: Mapping[str, Any]) -> SplitPlan:
    if None in cut.output:
        raise PlanError(f"split learning needs an output of a fixed shape, found {cut.output}")
    lower, tail = cut.parts[0], cut.parts[2] if cut.tail is not None else None
    return SplitPlan(
        training=training,
        upper=upper.commitment,
        lower=OwnPart(lower.names, lower.seeds.places),
        tail=None if tail is None else OwnPart(tail.names, tail.seeds.places, tail.config),
        crossing=tuple(each.shape for each in cut.crossing),
        features=tuple(each.shape for each in cut.features),
        output=tuple(side for side in cut.output if side is not None),
        seed_count=lower.seeds.total,
        **keys,
    )
