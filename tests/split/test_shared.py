"""What a data owner shares with the others: taken if it can be averaged, refused by name if not."""

from dataclasses import replace

import numpy as np
import pytest

from fl_node.chain.epochs import EpochRecord
from fl_node.split.record.phase import Phase
from fl_node.split.record.records import encode_records
from fl_node.split.record.refusal import RefusedError
from fl_node.split.record.signed import Record, SignedRecord
from fl_node.split.shared import encode_share, max_share_bytes, read_share
from fl_node.store.directory import DirectoryStore
from fl_node.weights import Weights
from tests.split.test_plan import PLAN

EPOCH, BATCHES = 3, 4
SIZE = PLAN.training.batch_size
SAMPLES = SIZE * BATCHES - 1
BASE = Weights({"lower/w": np.ones(5, np.float32), "lower/n": np.array([3])}, {})


def weights(value: float = 2.0) -> Weights:
    return Weights({"lower/w": np.full(5, value, np.float32), "lower/n": np.array([4])}, {})


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path)


@pytest.fixture
def record(store):
    """An epoch of so many training batches and one of evaluation, as its records say."""
    phases = [(step, phase) for step in range(1, BATCHES + 1) for phase in (0, 3)]
    phases += [(BATCHES + 1, Phase.EVALUATION), (BATCHES + 1, Phase.OUTPUTS)]
    leaves = [
        SignedRecord.sign(
            Record(b"s" * 32, EPOCH, step, Phase(phase), b"b" * 32, b"p" * 32), lambda _: b"x" * 64
        ).encode()
        for step, phase in phases
    ]
    return EpochRecord(
        node=2,
        epoch=EPOCH,
        steps=BATCHES + 1,
        root=b"r" * 32,
        records=store.put([encode_records(leaves)]),
        node_checkpoint=b"n" * 32,
        provider_checkpoint=b"p" * 32,
    )


def shared(content, record, store):
    return read_share(content, 2, record, BASE, PLAN, store)


@pytest.mark.parametrize("samples", [SIZE * (BATCHES - 1) + 1, SAMPLES, SIZE * BATCHES])
def test_what_is_shared_comes_back(record, store, samples):
    content = encode_share(weights(), EPOCH, samples, BASE)
    assert len(content) <= max_share_bytes(BASE)
    found = shared(content, record, store)
    assert (found.node, found.samples) == (2, samples)
    assert found.weights.same_tensors(weights())


def other_structure():
    return Weights({"lower/w": np.ones(6, np.float32), "lower/n": np.array([4])}, {})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not-canonical"),
        (b"\0" * 100, "not-canonical"),
        (encode_share(weights(), EPOCH, SAMPLES, BASE)[:-1], "not-canonical"),
        (encode_share(other_structure(), EPOCH, SAMPLES, BASE), "wrong-structure"),
        (encode_share(weights(np.nan), EPOCH, SAMPLES, BASE), "not-finite: lower/w holds NaN"),
        (encode_share(weights(np.inf), EPOCH, SAMPLES, BASE), "not-finite"),
        (encode_share(weights(), EPOCH - 1, SAMPLES, BASE), "wrong-epoch: epoch 3 from the"),
        (encode_share(weights(), EPOCH, SAMPLES, weights()), "wrong-epoch"),
        (encode_share(weights(), EPOCH, 0, BASE), "out-of-range: 0 samples are claimed, 4 batches"),
        (encode_share(weights(), EPOCH, SIZE * BATCHES + 1, BASE), "out-of-range"),
        (encode_share(weights(), EPOCH, SIZE * (BATCHES - 1), BASE), "out-of-range"),
        (encode_share(weights(), EPOCH, 2**40, BASE), "out-of-range"),
        (encode_share(weights(), EPOCH, "many", BASE), "wrong-epoch"),
        (encode_share(weights(), EPOCH, True, BASE), "wrong-epoch"),
        (weights().encode(), "wrong-epoch"),
    ],
)
def test_what_cannot_be_averaged_is_refused_by_name(record, store, content, why):
    with pytest.raises(RefusedError, match=rf"what node 2 shares was refused in epoch 3.*{why}"):
        shared(content, record, store)


def test_more_samples_than_the_plan_counts_are_refused(record, store):
    training = replace(PLAN.training, max_samples=SAMPLES - 1)
    content = encode_share(weights(), EPOCH, SAMPLES, BASE)
    with pytest.raises(RefusedError, match="out-of-range"):
        read_share(content, 2, record, BASE, replace(PLAN, training=training), store)
