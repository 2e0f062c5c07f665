import tracemalloc

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from fl_node.cid import Cid
from fl_node.errors import WeightsError
from fl_node.weights import TensorSpec, Weights, encode_header
from tests.vectors import FOLDER, read_vectors
from tests.vectors.golden import golden_weights

FLOAT32 = np.dtype("<f4")
DTYPES = ["<f4", "?", "i1", "<i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8"]
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
TENSORS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, min_side=0, max_side=4))
)
METADATA = st.dictionaries(NAMES, st.none() | st.integers(-9, 9) | NAMES, max_size=3)
WEIGHTS = st.builds(Weights, st.dictionaries(NAMES, TENSORS, max_size=4), METADATA)


@given(WEIGHTS)
def test_a_file_decodes_to_the_same_tensors_and_encodes_to_the_same_bytes(weights):
    content = weights.encode()
    found = Weights.decode(content)
    assert found.same_tensors(weights)
    assert found.metadata == weights.metadata
    assert found.encode() == content
    assert weights.cid() == Cid.of_bytes(content)


@given(WEIGHTS)
def test_the_safetensors_library_reads_what_we_write(weights):
    found = safetensors.numpy.load(weights.encode())
    assert found.keys() == weights.tensors.keys()
    for name, tensor in weights.tensors.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        assert found[name].tobytes() == tensor.tobytes()


@given(WEIGHTS, st.randoms())
def test_the_order_in_which_tensors_are_given_does_not_matter(weights, random):
    names = list(weights.tensors)
    random.shuffle(names)
    shuffled = Weights({name: weights.tensors[name] for name in names}, weights.metadata)
    assert shuffled.encode() == weights.encode()


def test_the_golden_file_is_what_we_write_and_read():
    content = (FOLDER / "weights.safetensors").read_bytes()
    assert golden_weights().encode() == content
    assert Weights.decode(content).same_tensors(golden_weights())
    assert str(golden_weights().cid()) == read_vectors("files.json")["weights.safetensors"]


def test_a_file_written_is_a_file_read(tmp_path):
    path = tmp_path / "weights.safetensors"
    golden_weights().write(path)
    assert Weights.read(path).same_tensors(golden_weights())
    assert path.read_bytes() == golden_weights().encode()


def test_reading_a_file_maps_it_into_memory(tmp_path):
    path = tmp_path / "large"
    Weights({"a": np.ones(2_000_000, "f4"), "b": np.ones((), "?")}).write(path)
    tracemalloc.start()
    weights = Weights.read(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert weights.tensors["a"].sum() == 2_000_000
    assert peak_bytes < 100_000


def test_tensors_cannot_be_changed():
    weights = golden_weights()
    for tensor in (weights.tensors["000/conv/kernel"], Weights.decode(weights.encode()).tensors):
        with pytest.raises((ValueError, TypeError)):
            tensor[0] = 1


def test_big_endian_and_strided_tensors_become_canonical():
    values = np.arange(6).reshape(2, 3)
    expected = Weights({"a": values.astype("<f4")}).encode()
    assert Weights({"a": values.astype(">f4")}).encode() == expected
    assert Weights({"a": np.asfortranarray(values.astype("<f4"))}).encode() == expected


@given(WEIGHTS, WEIGHTS)
def test_same_tensors_are_those_that_encode_alike(one, other):
    alike = Weights(one.tensors).encode() == Weights(other.tensors).encode()
    assert one.same_tensors(other) == alike


def test_zeros_of_either_sign_are_not_the_same_tensor_but_equal_nans_are():
    zeros = Weights({"a": np.array([0.0], "f4")}), Weights({"a": np.array([-0.0], "f4")})
    nans = Weights({"a": np.array([np.nan], "f4")}), Weights({"a": np.array([np.nan], "f4")})
    assert not zeros[0].same_tensors(zeros[1])
    assert nans[0].same_tensors(nans[1])


def test_specs_tell_dtype_shape_and_size():
    weights = Weights({"b": np.zeros((3, 3, 1, 32), "f4"), "a": np.array(True)})
    assert {name: str(spec) for name, spec in weights.specs.items()} == {
        "a": "bool[]",
        "b": "float32[3, 3, 1, 32]",
    }
    assert list(weights.specs) == ["a", "b"]
    assert weights.nbytes == sum(spec.nbytes for spec in weights.specs.values()) == 1153


@pytest.mark.parametrize("dtype", ["f2", "f8", "c8", "U3", "O", "M8[s]"])
def test_tensors_of_other_dtypes_are_refused(dtype):
    with pytest.raises(WeightsError, match=r"'a' is .*float32"):
        Weights({"a": np.zeros(2, dtype)})


@pytest.mark.parametrize(
    ("dtype", "shape", "complaint"),
    [
        (np.dtype("<f8"), (1,), "one of"),
        (np.dtype(">f4"), (1,), "one of"),
        (FLOAT32, (1,) * 33, "32 sides"),
        (FLOAT32, (-1,), "shape"),
        (FLOAT32, (True,), "shape"),
        (FLOAT32, (0, 2**53 - 1, 2**53 - 1), "no machine"),
    ],
)
def test_impossible_tensors_are_refused(dtype, shape, complaint):
    with pytest.raises(WeightsError, match=complaint):
        TensorSpec(dtype, shape)


@pytest.mark.parametrize("metadata", [{"a": float("nan")}, {"a": 2**53}, {"a": b""}])
def test_metadata_without_a_canonical_form_is_refused(metadata):
    with pytest.raises(WeightsError, match="no canonical file"):
        Weights({}, metadata).encode()


def test_a_tensor_cannot_take_the_name_of_the_metadata():
    with pytest.raises(WeightsError, match="rename"):
        Weights({"__metadata__": np.zeros(1, "f4")}).encode()


def test_the_header_is_padded_so_that_the_data_starts_aligned():
    for length in range(20):
        specs = {"a" * length: TensorSpec(FLOAT32, (1,))}
        assert len(encode_header(specs, {})) % 8 == 0
