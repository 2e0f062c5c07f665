import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.canonical import finite_or_null
from fl_node.split.record.refusal import Origin, Refusal, RefusedError, UnfitError
from fl_node.split.wire.frames import FrameSpec, Range, read_frame, write_frame
from fl_node.weights import TensorSpec, Weights

FLOATS, LABELS = TensorSpec(np.dtype("<f4"), (2, 3)), TensorSpec(np.dtype("u1"), (2,))
SPEC = FrameSpec(
    {"cut/0/values": FLOATS, "labels": LABELS},
    {"labels": Range(0, 9)},
    frozenset({"loss", "accuracy"}),
)
VALUES = np.arange(6, dtype="<f4").reshape(2, 3)
GOOD = {"cut/0/values": VALUES, "labels": np.array([0, 9], "u1")}
ANY_FLOAT = st.none() | st.floats(allow_nan=True)


@given(st.dictionaries(st.sampled_from(["loss", "accuracy"]), ANY_FLOAT))
def test_a_frame_is_read_as_it_was_written(metrics):
    content = write_frame(GOOD, finite_or_null(metrics))
    assert len(content) <= SPEC.max_bytes
    frame = read_frame(content, SPEC)
    assert frame.metadata == finite_or_null(metrics)
    assert all(np.array_equal(frame.tensors[name], tensor) for name, tensor in GOOD.items())


@pytest.mark.parametrize("metrics", [{}, {"loss": 0.5}])
def test_a_frame_is_a_canonical_weights_file(metrics):
    content = write_frame(GOOD, metrics)
    assert content == Weights(GOOD, metrics).encode()
    assert read_frame(memoryview(content), SPEC).same_tensors(Weights.decode(content))


def test_flags_are_false_or_true_and_nothing_else():
    flags = np.array([False, True])
    spec = FrameSpec({"flags": TensorSpec(flags.dtype, flags.shape)})
    content = write_frame({"flags": flags}, {})
    assert read_frame(content, spec).tensors["flags"].tolist() == [False, True]
    with pytest.raises(UnfitError, match="not-canonical"):
        read_frame(content[:-1] + b"\x02", spec)


@pytest.mark.parametrize("value", [-2.2250738585072014e-308, -1.7976931348623157e308, 2**53 - 1])
def test_the_widest_metrics_fit(value):
    read_frame(write_frame(GOOD, {"loss": value, "accuracy": value}), SPEC)


def bad(name, array):
    return write_frame({**GOOD, name: array}, {})


def with_one(value):
    values = VALUES.copy()
    values[1, 2] = value
    return bad("cut/0/values", values)


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (bad("more", np.zeros(10_000, "u1")), Refusal.TOO_LARGE),
        (bytes(SPEC.max_bytes + 1), Refusal.TOO_LARGE),
        (b"", Refusal.NOT_CANONICAL),
        (bytes(8), Refusal.NOT_CANONICAL),
        (write_frame(GOOD, {})[:-1], Refusal.NOT_CANONICAL),
        (write_frame(GOOD, {}) + b"\0", Refusal.NOT_CANONICAL),
        (b"\xff" * 8 + write_frame(GOOD, {})[8:], Refusal.NOT_CANONICAL),
        (write_frame({}, {}), Refusal.WRONG_STRUCTURE),
        (write_frame({"labels": GOOD["labels"]}, {}), Refusal.WRONG_STRUCTURE),
        (bad("m", np.zeros(0, "u1")), Refusal.WRONG_STRUCTURE),
        (bad("cut/0/values", VALUES.T), Refusal.WRONG_STRUCTURE),
        (bad("cut/0/values", VALUES[:1]), Refusal.WRONG_STRUCTURE),
        (bad("cut/0/values", VALUES.view("<i4")), Refusal.WRONG_STRUCTURE),
        (write_frame(GOOD, {"lr": 1.0}), Refusal.WRONG_STRUCTURE),
        (write_frame(GOOD, {"loss": "1"}), Refusal.WRONG_STRUCTURE),
        (write_frame(GOOD, {"loss": True}), Refusal.WRONG_STRUCTURE),
        (write_frame(GOOD, {"loss": []}), Refusal.WRONG_STRUCTURE),
        (with_one(np.nan), Refusal.NOT_FINITE),
        (with_one(np.inf), Refusal.NOT_FINITE),
        (with_one(-np.inf), Refusal.NOT_FINITE),
        (bad("labels", np.array([0, 10], "u1")), Refusal.OUT_OF_RANGE),
    ],
)
def test_what_may_not_come_is_refused_by_name(content, refusal):
    with pytest.raises(UnfitError) as caught:
        read_frame(content, SPEC)
    assert caught.value.refusal is refusal


def test_labels_below_their_range_are_refused():
    spec = FrameSpec({"labels": TensorSpec(np.dtype("<i4"), (1,))}, {"labels": Range(0, 9)})
    with pytest.raises(UnfitError, match="out-of-range: tensor 'labels': 0 to 9"):
        read_frame(write_frame({"labels": np.array([-1], "<i4")}, {}), spec)


def test_an_empty_batch_has_no_range():
    spec = FrameSpec({"labels": TensorSpec(np.dtype("<i4"), (0,))}, {"labels": Range(0, 9)})
    assert read_frame(write_frame({"labels": np.zeros(0, "<i4")}, {}), spec).nbytes == 0


@given(st.binary(max_size=400))
def test_any_bytes_are_a_frame_or_are_refused(content):
    with pytest.raises(UnfitError):
        read_frame(content, SPEC)


@given(st.data())
def test_a_frame_with_one_changed_byte_is_read_within_bounds_or_refused(data):
    content = bytearray(write_frame(GOOD, data.draw(st.sampled_from([{}, {"loss": 0.5}]))))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    try:
        frame = read_frame(bytes(content), SPEC)
    except UnfitError:
        return
    assert frame.specs == SPEC.tensors
    assert np.isfinite(frame.tensors["cut/0/values"]).all()
    assert frame.tensors["labels"].max() <= 9


def test_who_sent_what_is_unfit_is_named():
    with (
        pytest.raises(RefusedError) as caught,
        Origin("the provider", epoch=2, step=17).answers(),
    ):
        read_frame(with_one(np.nan), SPEC)
    assert str(caught.value) == (
        "the provider was refused in epoch 2, step 17: not-finite: "
        "tensor 'cut/0/values' holds NaN or infinity"
    )
    assert caught.value.refusal is Refusal.NOT_FINITE
