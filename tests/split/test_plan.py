"""The plan of split learning: canonical bytes, and every rule by name."""

import dataclasses

import pytest

from fl_node.cid import Cid
from fl_node.errors import PlanError
from fl_node.plan import Plan
from fl_node.split.plan import OwnPart, SplitPlan, is_split_plan
from fl_node.split.record.retention import Retention

TRAINING = Plan(
    name="small",
    model={"class_name": "Functional"},
    loss="categorical_crossentropy",
    optimizer={"class_name": "Adam"},
    epochs=5,
    batch_size=128,
    seed=1,
    initial=Cid.of_bytes(b"initial"),
)
LOWER = OwnPart({"000/conv/kernel": "000/conv/kernel"}, seeds=())
TAIL = OwnPart({"000/digit/kernel": "004/digit/kernel"}, (0,), {"class_name": "Functional"})
PLAN = SplitPlan(
    training=TRAINING,
    upper="ab" * 32,
    lower=LOWER,
    crossing=((7, 7, 64),),
    output=(10,),
    seed_count=1,
)


def test_a_plan_comes_back_from_its_bytes():
    shaped = dataclasses.replace(PLAN, tail=TAIL, features=((256,),))
    for plan in (PLAN, shaped):
        assert SplitPlan.decode(plan.encode()) == plan
        assert SplitPlan.decode(plan.encode()).cid == plan.cid


def test_the_two_kinds_of_plans_are_told_apart():
    assert is_split_plan(PLAN.encode())
    assert not is_split_plan(TRAINING.encode())
    assert not is_split_plan(b"no JSON")
    with pytest.raises(PlanError):
        Plan.decode(PLAN.encode())
    with pytest.raises(PlanError, match="a split plan of format 1 was expected"):
        SplitPlan.decode(TRAINING.encode())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("upper", "ab"),
        ("upper", "AB" * 32),
        ("crossing", ()),
        ("crossing", ((0,),)),
        ("crossing", (("7",),)),
        ("features", ((-1,),)),
        ("output", (0,)),
        ("seed_count", -1),
        ("lower", OwnPart({}, (1,))),
        ("tail", OwnPart({}, (1,), {})),
        ("in_flight", 0),
        ("in_flight", 17),
        ("in_flight", True),
        ("wire", ""),
        ("wire_parameters", {"fraction": 0.1}),
        ("snapshot_steps", 0),
        ("deadline_seconds", 1),
        ("retention", "some"),
        ("retention", "0"),
        ("retention", "1.01"),
        ("retention", ".5"),
        ("retention", "1."),
        ("retention", 0.5),
        ("retention", None),
        ("nopeek", "-1"),
    ],
)
def test_a_broken_rule_is_named(key, value):
    with pytest.raises(PlanError, match=key):
        dataclasses.replace(PLAN, **{key: value})


@pytest.mark.parametrize("retention", ["none", "all", "0.01", "1", "1.0"])
def test_what_a_plan_keeps_can_be_drawn_at_the_end_of_an_epoch(retention):
    plan = dataclasses.replace(PLAN, retention=retention)
    assert (Retention.parse(plan.retention).share > 0) == (retention != "none")


def test_a_tail_and_what_comes_back_to_it_belong_together():
    with pytest.raises(PlanError, match="belong together"):
        dataclasses.replace(PLAN, features=((256,),))
    with pytest.raises(PlanError, match="belong together"):
        dataclasses.replace(PLAN, tail=TAIL)


def test_mixed_precision_is_refused():
    mixed = dataclasses.replace(TRAINING, precision="mixed_bfloat16")
    with pytest.raises(PlanError, match="trains in float32"):
        dataclasses.replace(PLAN, training=mixed)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"format":1,"kind":"split"}', b'{"format":true,"kind":"split"}']
)
def test_other_bytes_are_no_plan(content):
    with pytest.raises(PlanError):
        SplitPlan.decode(content)
