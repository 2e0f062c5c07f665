import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.canonical import encode_json
from fl_node.cid import Cid
from fl_node.errors import PlanError
from fl_node.plan import Plan
from tests.vectors import FOLDER, read_vectors
from tests.vectors.golden import golden_plan

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
DECIMALS = st.from_regex(r"[0-9]{1,12}(\.[0-9]{1,12})?", fullmatch=True)
CONFIGS = st.dictionaries(TEXTS, st.none() | st.booleans() | st.floats(0, 1) | TEXTS, max_size=3)
PLANS = st.builds(
    Plan,
    name=TEXTS,
    model=CONFIGS,
    loss=TEXTS,
    optimizer=CONFIGS,
    epochs=st.integers(1, 100),
    batch_size=st.integers(1, 1024),
    seed=st.integers(0, 2**53 - 1),
    initial=st.builds(Cid, st.binary(min_size=32, max_size=32)),
    metrics=st.lists(TEXTS, max_size=3).map(tuple),
    nodes=st.integers(1, 10),
    images=st.none() | st.integers(10, 100),
    strategy_parameters=st.dictionaries(TEXTS, DECIMALS, max_size=3),
    weighting=st.sampled_from(["samples", "equal"]),
    max_delta_norm=st.none() | DECIMALS,
)


@given(PLANS)
def test_a_plan_survives_its_bytes(plan):
    assert Plan.decode(plan.encode()) == plan
    assert plan.cid == Cid.of_bytes(plan.encode())


@given(PLANS, PLANS)
def test_plans_have_the_same_name_when_they_are_equal(one, other):
    assert (one.cid == other.cid) == (one.encode() == other.encode())


def test_the_golden_plan_is_what_we_write_and_read():
    content = (FOLDER / "plan.json").read_bytes()
    assert golden_plan().encode() == content
    assert Plan.decode(content) == golden_plan()
    assert str(golden_plan().cid) == read_vectors("files.json")["plan.json"]


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("name", "", "a text"),
        ("name", 3, "a text"),
        ("model", [], "a table"),
        ("loss", None, "a text"),
        ("optimizer", "adam", "a table"),
        ("epochs", 0, "from 1 to 100000"),
        ("epochs", True, "whole number"),
        ("epochs", 1.0, "whole number"),
        ("batch_size", 0, "whole number"),
        ("seed", -1, "whole number"),
        ("seed", 2**53, "whole number"),
        ("initial", "Qm", "a CID"),
        ("metrics", "accuracy", "a list of names"),
        ("metrics", (1,), "a list of names"),
        ("nodes", 0, "whole number"),
        ("images", 0, "1 up"),
        ("images", True, "1 up"),
        ("precision", "float16", "float32, mixed_bfloat16"),
        ("strategy", "", "a text"),
        ("strategy_parameters", {"a": 0.5}, "exact decimals"),
        ("strategy_parameters", {"a": "1e5"}, "exact decimals"),
        ("weighting", "size", "samples, equal"),
        ("max_samples", 0, "whole number"),
        ("max_samples", 2**53, "whole number"),
        ("max_delta_norm", "-1", "exact decimal"),
        ("max_delta_norm", "1_0", "exact decimal"),
        ("max_delta_norm", ".", "exact decimal"),
        ("max_delta_norm", "\u0661", "exact decimal"),
        ("max_delta_norm", "1" * 31, "exact decimal"),
        ("max_delta_norm", 1.0, "exact decimal"),
        ("codec", "zstd", "one of plain"),
        ("fetch_timeout_seconds", 0, "whole number"),
    ],
)
def test_a_broken_rule_is_refused_by_key_rule_and_value(key, value, rule):
    with pytest.raises(PlanError, match=f"'{key}' must be .*{rule}.*, found") as refusal:
        replace(golden_plan(), **{key: value})
    assert repr(value) in str(refusal.value)


def test_more_shards_than_images_are_refused():
    with pytest.raises(PlanError, match="11 shards need as many images, found 10"):
        replace(golden_plan(), nodes=11, images=10)


def changed(**values: object) -> bytes:
    plain = json.loads(golden_plan().encode()) | values
    kept = {key: value for key, value in plain.items() if value != "left out"}
    return encode_json(kept)


def test_the_rows_below_start_from_a_good_plan():
    assert Plan.decode(changed(epochs=6)) == replace(golden_plan(), epochs=6)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no plan"),
        (b"null", "format 1 was expected, found None"),
        (b"[]", "format 1"),
        (changed(format=2), "found 2"),
        (changed(format=True), "found True"),
        (changed(format="left out"), "found None"),
        (changed(epoch=1), r"unknown \['epoch'\], missing \[\]"),
        (changed(epochs="left out"), r"unknown \[\], missing \['epochs'\]"),
        (changed(epochs=0), "'epochs' must be"),
        (changed(initial="Qm"), "'initial': a CIDv0"),
        (changed(initial=None), "'initial'"),
        (changed(metrics="accuracy"), "'metrics' must be a list"),
        (changed(metrics=[[]]), "'metrics' must be a list"),
        (changed(precision=[]), "'precision' must be"),
        (changed(strategy_parameters=[]), "'strategy_parameters' must be"),
        (changed() + b" ", "canonical form"),
        (b'{"model":' + b"[" * 150 + b"]" * 150 + b"}", "levels"),
    ],
)
def test_bytes_that_are_no_plan_are_refused(content, complaint):
    with pytest.raises(PlanError, match=complaint) as refusal:
        Plan.decode(content)
    assert "\n" not in str(refusal.value)


@given(st.binary(max_size=50))
def test_any_bytes_are_refused_by_name(content):
    with pytest.raises(PlanError):
        Plan.decode(content)


def test_a_plan_without_a_canonical_form_cannot_be_written():
    with pytest.raises(PlanError, match="no canonical form"):
        replace(golden_plan(), model={"rate": float("nan")}).encode()
