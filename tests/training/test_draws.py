import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Philox

from fl_node.training.draws import draw, key_of, permutation

UNHURRIED = settings(deadline=None)  # a busy machine is no failure
KEYS = st.integers(0, 2**128 - 1)


def test_the_generator_is_philox_as_published() -> None:
    # Random123 1.14, kat_vectors: philox4x64 10 with counter 0 and key 0; NumPy counts first.
    known = [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]
    assert Philox(key=0, counter=2**256 - 1).random_raw(4).tolist() == known


def test_what_was_once_drawn_is_drawn_for_ever() -> None:
    assert key_of("shuffle", 1, 2, 3) == 0x1F7A92A6F32E940E3FB3BD08B7E74D48
    assert draw(2, 7).tolist() == [16086915834549238692, 5448529601018347655]
    assert permutation(8, key_of("iid", 1)).tolist() == [2, 7, 0, 5, 6, 4, 1, 3]


@UNHURRIED
@given(st.integers(0, 500), KEYS)
def test_a_permutation_holds_every_number_once(count: int, key: int) -> None:
    assert sorted(permutation(count, key).tolist()) == list(range(count))


@UNHURRIED
@given(st.integers(1, 300), st.integers(0, 300), KEYS)
def test_drawing_more_begins_with_the_same_numbers(few: int, more: int, key: int) -> None:
    assert draw(few + more, key)[:few].tolist() == draw(few, key).tolist()


def test_keys_differ_by_purpose_and_by_every_part() -> None:
    parts = [(1, 2, 3), (3, 2, 1), (12, 3), (1, 23), (1, 2, 3, 0)]
    keys = [key_of(purpose, *each) for purpose in ("shuffle", "step") for each in parts]
    assert len(set(keys)) == len(keys)


def test_draws_use_all_bits() -> None:
    numbers = draw(4096, key_of("test"))
    ones = [int(np.count_nonzero(numbers >> np.uint64(bit) & np.uint64(1))) for bit in range(64)]
    assert min(ones) > 1800
    assert max(ones) < 2300
