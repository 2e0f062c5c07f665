import numpy as np
import pytest

from fl_node.split.record.signed import LEAF_BYTES
from fl_node.split.wire.boundary import Wire
from fl_node.split.wire.codecs.codec import Direction
from fl_node.split.wire.codecs.registry import codec_of
from fl_node.split.wire.frames import write_frame
from fl_node.split.wire.traffic import Traffic, training_traffic
from fl_node.weights import TensorSpec

FIRST_POOLING, SECOND_POOLING = (14, 14, 32), (7, 7, 64)
LABEL = {"targets/0": TensorSpec(np.dtype("<f4"), (10,))}
TOPK = {"fraction": "0.1", "alpha": "0.1"}


def epoch(sample, name="float32", parameters=None):
    wire = Wire("cut", codec_of(name, parameters or {}), (sample,))
    return training_traffic([wire], 30_000, 128, {})


@pytest.mark.parametrize(
    ("sample", "crossing", "megabytes"),
    [(FIRST_POOLING, 1_505_280_000, 1505), (SECOND_POOLING, 752_640_000, 753)],
)
def test_the_papers_network_moves_what_was_computed_for_it(sample, crossing, megabytes):
    found = epoch(sample)
    assert found.crossing == crossing
    assert round(found.total / 1e6) == megabytes


@pytest.mark.parametrize(
    ("name", "parameters", "share"),
    [("float16", {}, 0.5), ("int8", {}, 0.25), ("randtopk", TOPK, 0.116)],
)
def test_codecs_move_a_share_of_it(name, parameters, share):
    ratio = epoch(SECOND_POOLING, name, parameters).total / epoch(SECOND_POOLING).total
    assert ratio == pytest.approx(share, abs=0.001)


@pytest.mark.parametrize("name", ["float32", "int8", "randtopk"])
def test_a_step_is_counted_to_the_byte(name):
    samples = ((5, 3), (7,))
    cut = Wire("cut", codec_of(name, TOPK if name == "randtopk" else {}), samples)
    rows, targets = 4, {"targets/0": np.ones((4, 10), np.float32)}
    tensors = [np.ones((rows, *sample), np.float32) for sample in samples]
    forward, kept = cut.encode(tensors, key=None)
    backward = cut.encode_gradients(tensors, kept)
    sent = [write_frame(forward | targets, {}), write_frame(backward, {})]
    specs = {"targets/0": TensorSpec(np.dtype("<f4"), (4, 10))}
    found = Traffic.of_step([cut], rows, specs)
    assert found.total == sum(len(body) + LEAF_BYTES for body in sent)
    arrays = [*forward.values(), *backward.values()]
    assert found.crossing == sum(array.nbytes for array in arrays)


def test_the_last_batch_is_as_small_as_it_is():
    wire = Wire("cut", codec_of("float32", {}), ((2,),))
    found = training_traffic([wire], 10, 4, LABEL)
    full, rest = (
        Traffic.of_step([wire], rows, {"targets/0": TensorSpec(np.dtype("<f4"), (rows, 10))})
        for rows in (4, 2)
    )
    assert found == full + full + rest
    assert found.crossing == 10 * 2 * 4 * 2


def test_the_u_shape_has_two_boundaries():
    cut = Wire("cut", codec_of("float32", {}), ((2,),))
    features = Wire("features", codec_of("float32", {}), ((3,),))
    found = Traffic.of_step([cut, features], 5, {})
    assert found.crossing == 5 * 4 * 2 * (2 + 3)
    assert found.total > found.crossing + 4 * LEAF_BYTES
    assert cut.specs(5, Direction.FORWARD).keys() == {"cut/0/values"}
