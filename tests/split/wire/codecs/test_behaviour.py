"""What every codec does."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from fl_node.errors import SplitError
from fl_node.split.record.refusal import UnfitError
from fl_node.split.wire.boundary import Wire
from fl_node.split.wire.codecs.codec import Direction
from fl_node.split.wire.codecs.randtopk import RandTopk
from fl_node.split.wire.codecs.registry import codec_names, codec_of
from fl_node.split.wire.frames import FrameSpec, read_frame, write_frame
from fl_node.weights import Weights

PARAMETERS = {"randtopk": {"fraction": "0.1", "alpha": "0.1"}}
CODECS = {name: codec_of(name, PARAMETERS.get(name, {})) for name in codec_names()}
CODECS["randtopk of half"] = RandTopk(Fraction(1, 2), Fraction(1, 3))
CODECS["randtopk of all"] = RandTopk(Fraction(1), Fraction(1, 2))
CODECS["randtopk of few"] = RandTopk(Fraction(1, 100), Fraction(1, 2))
SHAPES = npst.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=7)
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=32)
TENSORS = npst.arrays(np.float32, SHAPES, elements=FINITE)
KEYS = st.none() | st.integers(0, 2**128 - 1)

every_codec = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)


def bits(tensor):
    return tensor.view(np.uint32)


@every_codec
@given(TENSORS, TENSORS, KEYS)
def test_the_receiver_decodes_what_may_come_and_keeps_what_the_sender_keeps(
    codec, tensor, noise, key
):
    wire = Wire("cut", codec, (tensor.shape[1:],))
    arrays, kept = wire.encode([tensor], key=key)
    rows = tensor.shape[0]
    frame = through_a_frame(arrays, wire.specs(rows, Direction.FORWARD))
    (found,), found_kept = wire.decode(frame, rows)
    assert found.shape == tensor.shape
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    gradient = np.resize(noise, tensor.shape)
    backward = wire.encode_gradients([gradient], found_kept)
    frame = through_a_frame(backward, wire.specs(rows, Direction.BACKWARD))
    (found_gradient,) = wire.decode_gradients(frame, rows, kept)
    assert found_gradient.shape == tensor.shape
    assert np.isfinite(found_gradient).all()
    if found_kept[0] is not None:
        assert np.array_equal(found_kept[0], kept[0])
        assert not found_gradient[~kept[0].reshape(tensor.shape)].any()


def through_a_frame(arrays, specs):
    return read_frame(write_frame(arrays, {}), FrameSpec(specs)).tensors


@every_codec
@given(TENSORS, KEYS)
def test_what_was_decoded_is_encoded_without_loss_but_by_chance(codec, tensor, key):
    once = codec.encode(tensor, key=key)
    decoded = codec.decode(once.arrays, tensor.shape).tensor
    again = codec.encode(decoded, key=None)
    twice = codec.decode(again.arrays, tensor.shape).tensor
    tolerance = np.abs(decoded).max(initial=0) * 1e-6
    assert np.allclose(twice, decoded, rtol=1e-6, atol=tolerance)


@every_codec
@given(TENSORS, KEYS)
def test_the_same_tensor_and_key_give_the_same_bytes(codec, tensor, key):
    in_other_memory = np.asfortranarray(tensor.copy())
    first, second = codec.encode(tensor, key=key), codec.encode(in_other_memory, key=key)
    assert Weights(first.arrays).encode() == Weights(second.arrays).encode()


@every_codec
def test_zeros_stay_zeros(codec):
    zeros = np.zeros((3, 4, 5), np.float32)
    encoded = codec.encode(zeros, key=1)
    decoded = codec.decode(encoded.arrays, zeros.shape)
    assert not decoded.tensor.any()
    gradient = codec.encode_gradient(zeros, encoded.kept)
    assert not codec.decode_gradient(gradient, zeros.shape, decoded.kept).any()


@every_codec
@given(st.data())
def test_hostile_arrays_are_refused_or_decode_to_finite_tensors(codec, data):
    shape = (2, 3, 4)
    specs = codec.specs(shape, Direction.FORWARD)
    arrays = {
        name: data.draw(
            npst.arrays(spec.dtype, spec.shape, elements=FINITE if spec.dtype == "f4" else None)
        )
        for name, spec in specs.items()
    }
    try:
        found = codec.decode(arrays, shape).tensor
    except UnfitError:
        return
    assert found.shape == shape
    assert np.isfinite(found).all()


@every_codec
def test_a_party_does_not_send_what_is_not_finite(codec):
    wire = Wire("cut", codec, ((3,),))
    for value in (np.nan, np.inf, -np.inf):
        tensor = np.full((2, 3), value, np.float32)
        with pytest.raises(SplitError, match="cut/0 of this party holds NaN or infinity"):
            wire.encode([tensor], key=None)
        with pytest.raises(SplitError, match="diverged"):
            wire.encode_gradients([tensor], [None])


def test_a_wire_takes_its_own_tensors_only():
    wire = Wire("cut", CODECS["float32"], ((3,), (2, 2)))
    one, other = np.ones((5, 3), np.float32), np.ones((5, 2, 2), np.float32)
    arrays, kept = wire.encode([one, other], key=None)
    assert list(arrays) == ["cut/0/values", "cut/1/values"]
    assert wire.decode(arrays, 5)[0][1].shape == (5, 2, 2)
    assert kept == (None, None)
    with pytest.raises(SplitError, match="cut is crossed by"):
        wire.encode([other, one], key=None)


def test_tensors_of_one_wire_do_not_share_their_chance():
    wire = Wire("cut", CODECS["randtopk of half"], ((40,), (40,)))
    tensor = np.arange(40, dtype=np.float32)[None]
    _, (one, other) = wire.encode([tensor, tensor], key=1)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("float8", {}, "one of float32, float16, int8, randtopk, found 'float8'"),
        ("int8", {"fraction": "0.1"}, "has the parameters none, found fraction"),
        ("randtopk", {"fraction": "0.1"}, "has the parameters fraction, alpha, found fraction"),
        ("randtopk", {"fraction": "0", "alpha": "0"}, "fraction is above 0 and up to 1, found 0"),
        ("randtopk", {"fraction": "1.1", "alpha": "0"}, "up to 1, found 1.1"),
        ("randtopk", {"fraction": "0.1", "alpha": "1"}, "below 1, found 1"),
        ("randtopk", {"fraction": "1e9999999999", "alpha": "0"}, "decimal number such as 0.01"),
        ("randtopk", {"fraction": "nan", "alpha": "0"}, "decimal number such as 0.01"),
    ],
)
def test_an_unknown_wire_or_parameter_is_told(name, parameters, message):
    with pytest.raises(SplitError, match=message):
        codec_of(name, parameters)
