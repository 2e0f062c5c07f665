"""A checkpoint's file: it comes back bit for bit, or not at all."""

import hashlib
import resource
import tempfile
import tracemalloc
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load_file

from fl_node.training.checkpoint import FOLDER, Checkpoint, Checkpoints, Reached
from fl_node.training.identity import TrainingIdentity
from fl_node.weights import TensorSpec, Weights

WHICH = {"plan": "QmPlan", "node": 1, "round": 3, "base": 2, "weights": "QmBase"}
MEANS = {"data": "d1", "tensorflow": "2.21.0", "threads": "1/1"}
TRAINING = TrainingIdentity(1, 50, WHICH, MEANS)
DONE = Reached(39, {"loss": 0.1, "accuracy": 0.75})


class ArrayState:
    """A state of arrays that counts how often something was put back."""

    def __init__(self, **arrays):
        self.arrays, self.loads = {name: arrays[name] for name in sorted(arrays)}, 0

    @property
    def specs(self):
        return {name: TensorSpec(a.dtype, a.shape) for name, a in self.arrays.items()}

    def tensors(self):
        yield from self.arrays.values()

    def load(self, tensors):
        self.arrays = {name: np.array(tensors[name]) for name in self.arrays}
        self.loads += 1


def trained():
    return ArrayState(
        a=np.array([[1.5, -0.0], [np.nan, 1e-42]], np.float32),
        b=np.array(7, np.int64),
        c=np.array([1, 2**32 - 1], np.uint32),
    )


def begun():
    return ArrayState(
        **{name: np.zeros_like(each) for name, each in trained().arrays.items()},
    )


class Kept:
    """A folder for checkpoints, and the lines that were said."""

    def __init__(self, home: Path, every_epochs: int = 1) -> None:
        self.lines: list[str] = []
        self.checkpoints = Checkpoints(home / FOLDER, every_epochs, self.lines.append)
        self.path = self.checkpoints.path(1)

    def of(self, state, training=TRAINING) -> Checkpoint:
        return Checkpoint(self.checkpoints, training, state)

    def assert_not_used(self, reason: str, training=TRAINING) -> None:
        """See that the file is told, left alone and removed."""
        state = begun()
        assert self.of(state, training).resume() == Reached()
        assert state.loads == 0
        assert not self.path.exists()
        if reason:
            (line,) = self.lines
            assert line.startswith(f"{self.path} is not used: ")
            assert line.endswith("; training begins at epoch 1")
            assert reason in line
            assert "\n" not in line
        else:
            assert self.lines == []


@pytest.fixture
def kept(tmp_path):
    found = Kept(tmp_path)
    found.of(trained()).keep(DONE)
    assert found.lines == []
    return found


dtypes = st.sampled_from([np.dtype(code) for code in ("<f4", "<i8", "<i4", "<u4", "u1", "?")])
arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
states = st.dictionaries(st.text("abz/09", min_size=1), arrays, max_size=5)
metrics = st.dictionaries(st.text(max_size=5), st.floats(), max_size=3)


@given(states, metrics, st.integers(1, 50))
@settings(max_examples=150, deadline=None)
def test_what_was_kept_comes_back_bit_for_bit(found, metrics, epoch):
    with tempfile.TemporaryDirectory() as folder:
        kept = Kept(Path(folder))
        kept.of(ArrayState(**found)).keep(Reached(epoch, metrics))
        state = ArrayState(**{name: np.zeros_like(each) for name, each in found.items()})
        reached = kept.of(state).resume()
    assert Weights(state.arrays).same_tensors(Weights(found))
    assert reached.epoch == epoch
    assert {name: repr(v) for name, v in reached.metrics.items()} == {
        name: repr(v) for name, v in metrics.items()
    }
    assert kept.lines == [f"training goes on after epoch {epoch} of 50: {kept.path}"]


def test_a_checkpoint_is_a_canonical_weights_file_that_ends_in_the_digest_of_all_before(kept):
    content = kept.path.read_bytes()
    assert content[-32:] == hashlib.sha256(content[:-32]).digest()
    assert Weights.read(kept.path).encode() == content
    assert load_file(kept.path)["c"].tolist() == [1, 2**32 - 1]


def test_a_checkpoint_is_its_owners_alone(kept):
    assert kept.path.stat().st_mode & 0o777 == 0o600
    assert kept.path.parent.stat().st_mode & 0o777 == 0o700


def test_where_there_is_none_training_begins_without_a_word(tmp_path):
    Kept(tmp_path).assert_not_used("")
    assert list(tmp_path.iterdir()) == []


def test_a_flipped_bit_is_noticed_wherever_it_is(kept):
    content = kept.path.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        kept.path.parent.mkdir(exist_ok=True)
        kept.path.write_bytes(damaged)
        kept.lines.clear()
        kept.assert_not_used("is not used")


def test_a_file_that_was_cut_off_is_noticed_wherever_that_was(kept):
    content = kept.path.read_bytes()
    for length in range(0, len(content), 7):
        kept.path.parent.mkdir(exist_ok=True)
        kept.path.write_bytes(content[:length])
        kept.lines.clear()
        kept.assert_not_used("is not used")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content + b"\0",
        lambda content: content * 2,
        lambda content: bytes(len(content)),
        lambda _: Weights(trained().arrays).encode(),
        lambda _: Weights({}).encode(),
    ],
    ids=["a byte more", "twice", "zeros", "a weights file", "a file of no tensors"],
)
def test_other_bytes_are_not_used(kept, damage):
    kept.path.write_bytes(damage(kept.path.read_bytes()))
    kept.assert_not_used("is not used")


def test_a_folder_in_its_place_is_told_and_left_alone(kept):
    kept.path.unlink()
    (kept.path / "inner").mkdir(parents=True)
    assert kept.of(begun()).resume() == Reached()
    kept.of(trained()).keep(DONE)
    assert ["Is a directory" in line for line in kept.lines] == [True, True]
    assert (kept.path / "inner").is_dir()


@pytest.mark.parametrize("key", WHICH)
def test_another_trainings_checkpoint_is_removed_without_a_word(kept, key):
    other = WHICH | {key: "QmOther" if isinstance(WHICH[key], str) else 9}
    kept.assert_not_used("", replace(TRAINING, which=other))


@pytest.mark.parametrize("key", MEANS)
def test_one_that_was_made_by_other_means_is_not_used(kept, key):
    kept.assert_not_used(f"other {key}", replace(TRAINING, means=MEANS | {key: "other"}))


def test_one_that_lacks_a_means_is_not_used(kept):
    kept.assert_not_used("other keras", replace(TRAINING, means=MEANS | {"keras": "3.15"}))


@pytest.mark.parametrize(
    "changed",
    [
        {"b": np.array(0, np.int32)},
        {"c": np.zeros(3, np.uint32)},
        {"d": np.zeros(1, np.float32)},
    ],
    ids=["dtype", "shape", "name"],
)
def test_tensors_of_another_model_or_optimizer_are_not_used(kept, changed):
    state = ArrayState(**begun().arrays | changed)
    assert kept.of(state).resume() == Reached()
    assert state.loads == 0
    assert "its tensors are not this model's" in kept.lines[0]


@pytest.mark.parametrize(
    "said",
    [
        {"epoch": 0},
        {"epoch": 51},
        {"epoch": "39"},
        {"metrics": ["0.1"]},
        {"metrics": {"loss": "low"}},
        {"metrics": {"loss": None}},
        {"metrics": None},
        {"means": "none"},
    ],
    ids=str,
)
def test_one_that_is_whole_and_says_nonsense_is_not_used(kept, said):
    plain = Weights.read(kept.path)
    pieces = list(Weights(plain.tensors, {**plain.metadata, **said}).pieces())[:-1]
    content = b"".join(pieces)
    kept.path.write_bytes(content + hashlib.sha256(content).digest())
    kept.assert_not_used("is not used")


@pytest.mark.parametrize(
    ("every", "epochs", "expected"),
    [
        (1, 4, [1, 2, 3, 4]),
        (2, 5, [2, 4, 5]),
        (3, 3, [3]),
        (9, 4, [4]),
    ],
)
def test_one_is_due_every_so_many_epochs_and_after_the_last(tmp_path, every, epochs, expected):
    kept, found = Kept(tmp_path, every), []
    checkpoint = kept.of(trained(), replace(TRAINING, epochs=epochs))
    for epoch in range(1, epochs + 1):
        checkpoint.keep(Reached(epoch))
        if kept.path.exists():
            found.append(Weights.read(kept.path).metadata["epoch"])
            kept.path.unlink()
    assert found == expected


@pytest.mark.parametrize(
    ("every", "epochs", "expected"), [(1, 1, False), (0, 50, False), (1, 2, True), (50, 2, True)]
)
def test_a_single_epoch_and_a_setting_of_zero_have_none(tmp_path, every, epochs, expected):
    assert Kept(tmp_path, every).checkpoints.serve(epochs) is expected


def test_the_one_before_stands_until_the_next_is_whole(kept):
    class Breaking(ArrayState):
        def tensors(self):
            yield from list(super().tensors())[:2]
            raise KeyboardInterrupt

    before = kept.path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        kept.of(Breaking(**begun().arrays)).keep(Reached(40))
    assert kept.path.read_bytes() == before
    assert [each.name for each in kept.path.parent.iterdir()] == [kept.path.name]


@contextmanager
def room_for(size: int):
    """Let no file of this process grow beyond a size: stands for a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_is_told_once_and_keeps_the_one_before(kept):
    before, checkpoint = kept.path.read_bytes(), kept.of(trained())
    with room_for(100):
        for epoch in (40, 41):
            checkpoint.keep(Reached(epoch))
    told = f"no checkpoint in {kept.path}: File too large; training goes on"
    assert kept.lines == [told]
    assert kept.path.read_bytes() == before
    assert [each.name for each in kept.path.parent.iterdir()] == [kept.path.name]
    checkpoint.keep(Reached(42))
    assert kept.of(begun()).resume().epoch == 42


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    kept = Kept(tmp_path / "none")
    kept.of(trained()).keep(DONE)
    assert kept.lines == [
        f"no checkpoint in {kept.path}: No such file or directory; training goes on"
    ]


def test_tensors_that_no_file_holds_are_told(tmp_path):
    kept = Kept(tmp_path)
    kept.of(ArrayState(a=np.zeros(2, np.float64))).keep(DONE)
    assert "found float64; training goes on" in kept.lines[0]
    assert list(kept.path.parent.iterdir()) == []


def test_removing_leaves_nothing_of_it_and_all_of_others(kept):
    other = kept.checkpoints.path(11)
    other.write_bytes(b"another node's")
    kept.checkpoints.remove(1)
    assert [each.name for each in kept.path.parent.iterdir()] == [other.name]
    other.unlink()
    kept.checkpoints.remove(1)
    kept.checkpoints.remove(1)
    assert not kept.path.parent.exists()


def test_what_a_crash_left_of_an_unfinished_one_is_removed(kept):
    left = kept.path.with_name(f".{kept.path.name}.0123456789abcdef")
    left.write_bytes(b"half")
    assert kept.of(begun()).resume() == DONE
    assert [each.name for each in kept.path.parent.iterdir()] == [kept.path.name]


def test_writing_and_reading_hold_one_tensor_at_a_time(tmp_path):
    class Large(ArrayState):
        """Makes its tensors when they are asked for, and forgets them."""

        def __init__(self):
            super().__init__()
            self.spec = TensorSpec(np.dtype(np.float32), (2**20,))

        @property
        def specs(self):
            return dict.fromkeys("abcdefgh", self.spec)

        def tensors(self):
            yield from (np.full(self.spec.shape, i, np.float32) for i in range(8))

        def load(self, tensors):
            assert [tensors[name][-1] for name in "abcdefgh"] == list(range(8))

    kept = Kept(tmp_path)
    tracemalloc.start()
    try:
        kept.of(Large()).keep(DONE)
        assert kept.of(Large()).resume() == DONE
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept.path.stat().st_size > 32 * 2**20
    assert peak_bytes < 9 * 2**20  # two tensors: one is made while the last one is still written
