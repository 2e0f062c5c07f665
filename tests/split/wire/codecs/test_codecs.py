"""What each codec promises by itself."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from fl_node.split.record.refusal import Refusal, UnfitError
from fl_node.split.wire.codecs.codec import Direction
from fl_node.split.wire.codecs.float16 import Float16
from fl_node.split.wire.codecs.float32 import Float32
from fl_node.split.wire.codecs.int8 import Int8
from fl_node.split.wire.codecs.mask import mask_spec
from fl_node.split.wire.codecs.randtopk import RandTopk

MAX = np.finfo(np.float32).max
TINY = np.finfo(np.float32).tiny
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
TENSORS = npst.arrays(np.float32, (3, 5), elements=FINITE)


def there_and_back(codec, tensor, key=None):
    return codec.decode(codec.encode(tensor, key=key).arrays, tensor.shape).tensor


@given(TENSORS)
def test_float32_keeps_every_bit(tensor):
    found = there_and_back(Float32(), tensor)
    assert np.array_equal(found.view(np.uint32), tensor.view(np.uint32))


@given(TENSORS, st.integers(-90, 90))
def test_float16_errs_by_a_rounding_or_a_millionth_of_the_largest(tensor, power):
    tensor = np.clip(np.ldexp(np.clip(tensor, -1, 1), power), -MAX, MAX).astype(np.float32)
    found = there_and_back(Float16(), tensor)
    largest = np.abs(tensor).max()
    allowed = np.maximum(np.abs(tensor).astype(float) * 2**-11, float(largest) * 2**-39)
    assert (np.abs(found.astype(float) - tensor) <= np.maximum(allowed, TINY)).all()


def test_float16_keeps_gradients_that_half_floats_cannot_hold():
    gradient = np.array([[1e-9, -3e-10, 2e-12]], np.float32)
    assert not gradient.astype(np.float16).any()
    assert np.allclose(there_and_back(Float16(), gradient), gradient, rtol=2**-11)


def test_float16_at_the_ends_of_float32():
    tensor = np.array([[MAX, -MAX, 1.0, 0.0]], np.float32)
    found = there_and_back(Float16(), tensor)
    assert np.allclose(found[:, :2], tensor[:, :2], rtol=2**-10)
    assert found[0, 3] == 0


def test_float16_of_exact_half_floats_is_exact():
    tensor = np.arange(-1024, 1024, dtype=np.float32).reshape(2, -1) / 64
    assert np.array_equal(there_and_back(Float16(), tensor), tensor)


@pytest.mark.parametrize("codec", [Float16(), Int8()], ids=["float16", "int8"])
def test_subnormals_become_zero_whatever_the_thread_does_with_them(codec):
    subnormals = np.array([[TINY / 2, -TINY / 4, 2.0**-149]], np.float32)
    for others in (np.zeros((1, 3)), np.full((1, 3), TINY), np.full((1, 3), 1e-20)):
        tensor = np.concatenate([subnormals, others.astype(np.float32)]).T
        flushed = np.where(np.abs(tensor) < TINY, np.float32(0), tensor)
        found, expected = there_and_back(codec, tensor), there_and_back(codec, flushed)
        assert np.array_equal(found, expected)
        assert not found[:, 0].any()
        assert (np.abs(found[found != 0]) >= TINY).all()


@pytest.mark.parametrize(
    ("exponent", "word", "refusal"),
    [
        (101, 0, Refusal.BAD_ENCODING),
        (-114, 0, Refusal.BAD_ENCODING),
        (-32768, 0, Refusal.BAD_ENCODING),
        (0, 0x7C00, Refusal.NOT_FINITE),
        (0, 0xFC00, Refusal.NOT_FINITE),
        (0, 0x7E01, Refusal.NOT_FINITE),
        (-113, 0x7BFF, Refusal.NOT_FINITE),
    ],
)
def test_float16_refuses_what_it_does_not_write(exponent, word, refusal):
    arrays = {"bits": np.array([[word]], "<u2"), "exponent": np.array(exponent, "<i2")}
    with pytest.raises(UnfitError) as caught:
        Float16().decode(arrays, (1, 1))
    assert caught.value.refusal is refusal


@pytest.mark.parametrize("exponent", [-112, -1, 0, 1, 100])
@pytest.mark.filterwarnings("error")
def test_float16_reads_its_largest_word_at_every_power(exponent):
    arrays = {"bits": np.array([[0x7BFF]], "<u2"), "exponent": np.array(exponent, "<i2")}
    found = Float16().decode(arrays, (1, 1)).tensor
    assert found[0, 0] == 65504 * 2.0**-exponent


@given(TENSORS)
def test_int8_errs_by_half_a_step_of_its_channel(tensor):
    found = there_and_back(Int8(), tensor)
    steps = np.abs(tensor).max(axis=0).astype(float) / 127
    error = np.abs(found.astype(float) - tensor)
    assert (error <= np.maximum(steps * 0.50001, 2.0**-100)).all()


def test_int8_rounds_half_to_even_and_is_symmetric():
    tensor = np.array([[127, -127], [0.5, -0.5], [1.5, -1.5], [2.5, -2.5]], np.float32)
    values = Int8().encode(tensor, key=None).arrays["values"]
    assert values.tolist() == [[127, -127], [0, 0], [2, -2], [2, -2]]


def test_int8_scales_each_channel_by_itself():
    tensor = np.array([[1e-6, 1e6, 0], [-1e-6, 5e5, 0]], np.float32)
    arrays = Int8().encode(tensor, key=None).arrays
    assert arrays["values"].tolist() == [[127, 127, 0], [-127, 64, 0]]
    assert arrays["scales"][2] == 0
    assert np.allclose(there_and_back(Int8(), tensor), tensor, rtol=0.01)


def test_int8_at_the_ends_of_float32():
    found = there_and_back(Int8(), np.array([[MAX], [-MAX]], np.float32))
    assert np.allclose(found, [[MAX], [-MAX]], rtol=1e-5)


@pytest.mark.parametrize(
    ("value", "scale"),
    [(-128, 1.0), (1, -1.0), (1, MAX), (1, 1e-38), (1, 2.0**-149), (0, -0.5)],
)
def test_int8_refuses_what_it_does_not_write(value, scale):
    arrays = {"values": np.array([[value]], "i1"), "scales": np.array([scale], "<f4")}
    with pytest.raises(UnfitError, match="bad-encoding"):
        Int8().decode(arrays, (1, 1))


TOP_2 = RandTopk(Fraction(2, 5), Fraction(0))


@given(TENSORS)
def test_top_k_keeps_the_largest_magnitudes_and_of_equal_ones_the_first(tensor):
    for row, found in zip(tensor, there_and_back(TOP_2, tensor), strict=True):
        order = sorted(range(5), key=lambda index: (-abs(row[index]), index))
        expected = np.zeros(5, np.float32)
        expected[order[:2]] = row[order[:2]]
        assert np.array_equal(found.view(np.uint32), expected.view(np.uint32))


def test_a_gradient_travels_where_its_element_was_kept():
    tensor = np.array([[1, -9, 3, 0, 8]], np.float32)
    encoded = TOP_2.encode(tensor, key=1)
    gradient = np.array([[10, 20, 30, 40, 50]], np.float32)
    arrays = TOP_2.encode_gradient(gradient, encoded.kept)
    assert arrays["values"].tolist() == [[20, 50]]
    found = TOP_2.decode_gradient(arrays, (1, 5), encoded.kept)
    assert found.tolist() == [[0, 20, 0, 0, 50]]


def test_chance_takes_from_the_rest_as_often_as_the_paper_says():
    rows, elements, kept, alpha = 4000, 20, 5, 0.3
    codec = RandTopk(Fraction(kept, elements), Fraction(3, 10))
    tensor = np.tile(np.arange(elements, 0, -1, dtype=np.float32), (rows, 1))
    mask = codec.encode(tensor, key=7).kept
    assert (mask.sum(axis=1) == kept).all()
    from_rest = mask[:, kept:].sum(axis=1)
    expected = [0.16807, 0.36015, 0.3087, 0.1323, 0.02835, 0.00243]  # binomial of 5 and 0.3
    found = np.bincount(from_rest, minlength=6) / rows
    assert np.abs(found - expected).max() < 0.025
    shares = mask.mean(axis=0)
    assert np.abs(shares[:kept] - (1 - alpha)).max() < 0.03
    assert np.abs(shares[kept:] - alpha * kept / (elements - kept)).max() < 0.03
    chosen_together = (mask[:, 0] & mask[:, 1]).mean()  # (5-b)(4-b)/20 over b of that binomial
    together = sum(p * (5 - b) * (4 - b) / 20 for b, p in enumerate(expected))
    assert abs(chosen_together - together) < 0.03


def test_inference_and_no_chance_take_the_largest():
    codec = RandTopk(Fraction(1, 5), Fraction(1, 2))
    tensor = np.tile(np.arange(50, dtype=np.float32), (20, 1))
    assert codec.encode(tensor, key=None).kept[:, 40:].all()
    assert not codec.encode(tensor, key=1).kept[:, 40:].all()
    assert not np.array_equal(codec.encode(tensor, key=1).kept, codec.encode(tensor, key=2).kept)
    assert codec.is_random
    assert not TOP_2.is_random
    assert not Float32().is_random


def test_more_draws_from_the_rest_than_there_are_take_them_all():
    codec = RandTopk(Fraction(9, 10), Fraction(99, 100))
    mask = codec.encode(np.arange(10, dtype=np.float32)[None], key=1).kept
    assert mask.sum() == 9
    assert mask[0, 0]


@pytest.mark.parametrize(
    ("elements", "kept", "expected"),
    [
        (3136, 314, "mask uint8[2, 392]"),
        (6272, 628, "mask uint8[2, 784]"),
        (3136, 32, "indices uint16[2, 32]"),
        (65_536, 1, "indices uint16[2, 1]"),
        (65_537, 1, "indices uint32[2, 1]"),
        (1, 1, "mask uint8[2, 1]"),
    ],
)
def test_which_were_kept_is_told_in_the_smaller_form(elements, kept, expected):
    name, spec = mask_spec(2, elements, kept)
    assert f"{name} {spec}" == expected


@pytest.mark.parametrize(
    ("indices", "refusal"),
    [
        ([[3, 3]], Refusal.BAD_ENCODING),
        ([[4, 3]], Refusal.BAD_ENCODING),
        ([[0, 100]], Refusal.OUT_OF_RANGE),
        ([[65535, 1]], Refusal.OUT_OF_RANGE),
    ],
)
def test_indices_out_of_range_or_order_or_repeated_are_refused(indices, refusal):
    codec = RandTopk(Fraction(2, 100), Fraction(0))
    arrays = {"indices": np.array(indices, "<u2"), "values": np.ones((1, 2), "<f4")}
    assert codec.specs((1, 100), Direction.FORWARD).keys() == arrays.keys()
    with pytest.raises(UnfitError) as caught:
        codec.decode(arrays, (1, 100))
    assert caught.value.refusal is refusal


@pytest.mark.parametrize("mask", [0b11100000, 0b10000000, 0b00000110, 0b10000001])
def test_a_mask_of_another_number_or_beyond_the_elements_is_refused(mask):
    arrays = {"mask": np.array([[mask]], "u1"), "values": np.ones((1, 2), "<f4")}
    with pytest.raises(UnfitError, match="bad-encoding: 2 of 5 elements"):
        TOP_2.decode(arrays, (1, 5))


def test_a_gradient_without_its_tensor_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="none were given"):
        TOP_2.encode_gradient(np.ones((1, 5), np.float32), None)
