"""Sizes, norms, memory and fuzz; and updates that are equal to another's."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregator.admission import (
    METADATA_ALLOWANCE_BYTES,
    Refusal,
    admit,
    duplicates,
    max_update_bytes,
)
from fl_node.rounds import Reason, Update, global_metadata
from fl_node.store.directory import DirectoryStore
from fl_node.weights import Weights, encode_header
from tests.aggregator.desk import (
    BASE,
    BASE_CID,
    CHAIN_ID,
    INITIAL,
    PLAN,
    TENSORS,
    file_of,
    metadata,
)
from tests.vectors.golden import FEDERATION


def test_the_size_of_an_update_is_bounded_by_the_initial_weights(desk):
    most = max_update_bytes(INITIAL.specs)
    header = len(encode_header(INITIAL.specs, {}))
    assert most == header + METADATA_ALLOWANCE_BYTES + INITIAL.nbytes
    assert desk.send(bytes(most)).reason is Reason.NOT_CANONICAL
    assert desk.send(bytes(most + 1)).reason is Reason.TOO_LARGE


def test_a_header_too_long_for_the_model_is_refused_before_it_is_parsed(tmp_path):
    wide = Weights({"a": np.zeros(1_000_000, "f4")}, global_metadata())
    store = DirectoryStore(tmp_path)
    said = metadata(metrics={"x" * 70_000: 1})
    hostile = store.put(Weights({}, said).pieces())
    verdict = admit(
        Update(7, 4, 2, hostile, 30),
        store=store,
        plan=PLAN,
        initial=wide,
        base=wide,
        base_cid=BASE_CID,
        chain_id=CHAIN_ID,
        federation=FEDERATION,
    )
    assert isinstance(verdict, Refusal)
    assert verdict.reason is Reason.NOT_CANONICAL
    assert "a header of up to" in verdict.found


@pytest.mark.parametrize(
    ("bound", "step", "admitted"),
    [
        (None, 3e38, True),
        ("0", 0.0, True),
        ("0", 2**-100, False),
        ("2.5", 2.5, True),
        ("2.5000", 2.5, True),
        ("2.49999999999999999999", 2.5, False),  # float64 would read 2.5
        ("2.50000000000000000001", 2.5, True),
        ("000000000000000000000000000002", 2.5, False),
    ],
)
def test_the_norm_is_compared_with_the_exact_decimal(desk, bound, step, admitted):
    moved = {"bias": np.array([step, 0.0], "f4")}
    verdict = desk.send(file_of(moved), replace(PLAN, max_delta_norm=bound))
    assert isinstance(verdict, Weights) == admitted


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(file_of()) - 1), change=st.integers(1, 255))
def test_a_changed_byte_is_never_an_exception(desk, place, change):
    content = bytearray(file_of())
    content[place] ^= change
    verdict = desk.send(bytes(content))
    assert isinstance(verdict, Refusal) or verdict.encode() == content


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_any_bytes_are_never_an_exception(desk, content):
    assert desk.send(content).reason is Reason.NOT_CANONICAL


def test_the_memory_of_checks_does_not_grow_with_the_model(tmp_path):
    large = Weights({"a": np.zeros(4_000_000, "f4")}, global_metadata())
    store = DirectoryStore(tmp_path)
    said = metadata(base_weights=str(BASE_CID))
    update = Update(7, 4, 2, store.put(Weights(large.tensors, said).pieces()), 30)
    context = {"store": store, "plan": PLAN, "initial": large, "base": large}
    names = {"base_cid": BASE_CID, "chain_id": CHAIN_ID, "federation": FEDERATION}
    tracemalloc.start()
    verdict = admit(update, **context, **names)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(verdict, Weights)
    assert peak_bytes < 3_000_000


def test_equal_tensors_are_flagged_with_the_lowest_node_whatever_their_metadata():
    other = Weights(TENSORS)
    zero = Weights({**BASE.tensors, "bias": np.array([0.0, 0.0], "f4")})  # not -0.0
    renamed = Weights({**{n: t for n, t in TENSORS.items() if n != "bias"}, "b": TENSORS["bias"]})
    signed = Weights(BASE.tensors, metadata())
    updates = {9: BASE, 2: other, 5: signed, 3: zero, 11: BASE, 4: renamed, 12: other}
    assert duplicates(updates) == ((5, 9), (5, 11), (2, 12))
    assert duplicates({}) == ()
