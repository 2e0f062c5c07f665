import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.canonical import encode_json
from fl_node.cid import Cid
from fl_node.errors import ReportError
from fl_node.report import Admitted, Observed, Recomputable, Rejected, Report
from fl_node.rounds import Reason
from tests.vectors import FOLDER, read_vectors
from tests.vectors.golden import golden_report

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
CIDS = st.builds(Cid, st.binary(min_size=32, max_size=32))
WHOLE = st.integers(0, 2**53 - 1)
METRICS = st.dictionaries(TEXTS, st.none() | st.floats(), max_size=3)
REPORTS = st.builds(
    Report,
    st.builds(
        Recomputable,
        round=WHOLE,
        base=WHOLE,
        base_weights=CIDS,
        strategy=TEXTS,
        admitted=st.lists(
            st.builds(Admitted, WHOLE, WHOLE, CIDS, WHOLE, WHOLE),
            max_size=3,
            unique_by=lambda update: update.node,
        ).map(tuple),
        rejected=st.lists(
            st.builds(Rejected, WHOLE, CIDS, st.sampled_from(Reason)), max_size=3
        ).map(tuple),
        missing=st.lists(WHOLE, max_size=3).map(tuple),
        duplicates=st.lists(st.tuples(WHOLE, WHOLE), max_size=3).map(tuple),
        state=st.none() | CIDS,
        weights=CIDS,
    ),
    st.builds(
        Observed,
        closer=TEXTS,
        metrics=METRICS,
        local_metrics=st.dictionaries(WHOLE, METRICS, max_size=3),
        seconds=st.dictionaries(TEXTS, st.floats(0, 1e6), max_size=3),
        versions=st.dictionaries(TEXTS, TEXTS, max_size=3),
    ),
)


@given(REPORTS)
def test_a_report_survives_its_bytes(report):
    content = report.encode()
    assert Report.decode(content) == report
    assert Report.decode(content).encode() == content
    assert report.cid == Cid.of_bytes(content)


def test_the_golden_report_is_what_we_write_and_read():
    content = (FOLDER / "report.json").read_bytes()
    assert golden_report().encode() == content
    assert Report.decode(content) == golden_report()
    assert str(golden_report().cid) == read_vectors("files.json")["report.json"]


def test_what_is_observed_does_not_change_the_recomputable_hash():
    report = golden_report()
    other = replace(report, observed=replace(report.observed, closer="another"))
    one, two = json.loads(report.encode()), json.loads(other.encode())
    assert one["recomputable_sha256"] == two["recomputable_sha256"]
    assert one["observed_sha256"] != two["observed_sha256"]


def test_the_hashes_are_those_of_the_parts_canonical_bytes():
    values = json.loads(golden_report().encode())
    for part in ("recomputable", "observed"):
        expected = hashlib.sha256(encode_json(values[part])).hexdigest()
        assert values[f"{part}_sha256"] == expected


def test_the_order_in_which_nodes_are_given_does_not_matter():
    whole = golden_report().recomputable
    backwards = replace(
        whole, admitted=whole.admitted[::-1], missing=whole.missing[::-1], duplicates=((1, 2),)
    )
    assert backwards == whole


def test_the_rejections_of_one_node_keep_their_order():
    rejected = golden_report().recomputable.rejected
    backwards = replace(golden_report().recomputable, rejected=rejected[::-1])
    assert backwards.rejected == rejected[::-1]


def test_a_node_admitted_twice_is_refused():
    whole = golden_report().recomputable
    with pytest.raises(ReportError, match=r"found nodes \[1, 1, 2\]"):
        replace(whole, admitted=(*whole.admitted, whole.admitted[0]))


def test_a_metric_that_is_not_finite_is_null():
    observed = replace(golden_report().observed, metrics={"loss": math.nan, "accuracy": 1})
    assert observed.metrics == {"loss": None, "accuracy": 1.0}


def test_a_value_without_a_canonical_form_cannot_be_written():
    report = golden_report()
    seconds = {"aggregation": math.inf}
    with pytest.raises(ReportError, match="no canonical form"):
        replace(report, observed=replace(report.observed, seconds=seconds)).encode()


# Reports of hostile closers: the hashes fit, the form does not.


def forged(change: Callable[[dict[str, Any]], object]) -> bytes:
    values = json.loads(golden_report().encode())
    change(values)
    for part in ("recomputable", "observed"):
        if part in values:
            values[f"{part}_sha256"] = hashlib.sha256(encode_json(values[part])).hexdigest()
    return encode_json(values)


def setting(*path: Any) -> Callable[[dict[str, Any]], object]:
    *places, key, value = path

    def change(values: dict[str, Any]) -> None:
        target: Any = values
        for place in places:
            target = target[place]
        target[key] = value

    return change


REDO = "recomputable"
FORGERIES = {
    "another format": setting("format", 2),
    "a true format": setting("format", True),
    "a key more": setting("more", 1),
    "a key less": lambda values: values.pop("observed"),
    "a part that is null": setting(REDO, None),
    "a part that is a list": setting(REDO, []),
    "a part with a key more": setting("observed", "more", 1),
    "a part with a key less": lambda values: values[REDO].pop("state"),
    "a round that is a text": setting(REDO, "round", "3"),
    "a negative round": setting(REDO, "round", -3),
    "a true round": setting(REDO, "round", True),
    "a fractional round": setting(REDO, "round", 1.5),
    "no cid": setting(REDO, "weights", "Qm"),
    "a cid that is null": setting(REDO, "weights", None),
    "a strategy that is a list": setting(REDO, "strategy", []),
    "updates that are null": setting(REDO, "admitted", None),
    "an update that is a text": setting(REDO, "admitted", 0, "text"),
    "an update with a key more": setting(REDO, "admitted", 0, "more", 1),
    "an unknown reason": setting(REDO, "rejected", 0, "reason", "disliked"),
    "a reason in other letters": setting(REDO, "rejected", 0, "reason", "Unavailable"),
    "a reason that is a number": setting(REDO, "rejected", 0, "reason", 0),
    "nodes out of order": lambda values: values[REDO]["admitted"].reverse(),
    "missing nodes out of order": setting(REDO, "missing", [5, 3]),
    "three in a pair": setting(REDO, "duplicates", [[1, 2, 3]]),
    "a pair that is a number": setting(REDO, "duplicates", [1]),
    "a closer that is null": setting("observed", "closer", None),
    "metrics that are a list": setting("observed", "metrics", []),
    "a metric that is a text": setting("observed", "metrics", "loss", "low"),
    "a metric that is true": setting("observed", "metrics", "loss", True),
    "a node that is no number": setting("observed", "local_metrics", "one", {}),
    "a node with a zero in front": setting("observed", "local_metrics", "01", {}),
    "a time that is null": setting("observed", "seconds", "aggregation", None),
    "a version that is a number": setting("observed", "versions", "numpy", 2),
}


def test_the_rows_below_start_from_a_good_report():
    assert forged(lambda values: None) == golden_report().encode()


@pytest.mark.parametrize("change", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_form_is_refused_in_one_short_line(change):
    with pytest.raises(ReportError) as refusal:
        Report.decode(forged(change))
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 500


@pytest.mark.parametrize("part", ["recomputable", "observed"])
def test_a_part_that_its_hash_does_not_fit_is_refused(part):
    values = json.loads(golden_report().encode())
    values[f"{part}_sha256"] = "00" * 32
    with pytest.raises(ReportError, match=f"the report's {part} part has the SHA-256"):
        Report.decode(encode_json(values))


@given(st.binary(max_size=50))
def test_any_bytes_are_refused_by_name(content):
    with pytest.raises(ReportError):
        Report.decode(content)
