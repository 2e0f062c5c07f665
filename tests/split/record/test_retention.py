from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_node.errors import SplitError
from fl_node.split.record.retention import Retention

ROOT, NODE, PROVIDER = bytes(32), b"n" * 65, b"p" * 65
SHARES = st.fractions(0, 1)
STEPS = st.integers(0, 300)


@given(STEPS)
def test_none_and_all_are_what_they_say(steps):
    assert Retention.parse("none").kept_steps(ROOT, NODE, PROVIDER, steps) == frozenset()
    assert Retention.parse("all").kept_steps(ROOT, NODE, PROVIDER, steps) == set(
        range(1, steps + 1)
    )


@given(SHARES, SHARES, st.binary(min_size=32, max_size=32))
def test_a_larger_share_keeps_what_a_smaller_one_keeps(one, other, root):
    smaller, larger = sorted((one, other))
    kept = Retention(smaller).kept_steps(root, NODE, PROVIDER, 200)
    assert kept <= Retention(larger).kept_steps(root, NODE, PROVIDER, 200)


@given(SHARES, STEPS, STEPS)
def test_each_step_is_drawn_by_itself(share, fewer, more):
    fewer, more = sorted((fewer, more))
    kept = Retention(share).kept_steps(ROOT, NODE, PROVIDER, more)
    of_fewer = Retention(share).kept_steps(ROOT, NODE, PROVIDER, fewer)
    assert of_fewer == {step for step in kept if step <= fewer}


@given(st.integers(0, 2), st.integers(0, 255))
def test_one_bit_of_the_root_or_a_signature_draws_other_steps(which, bit):
    sources = [ROOT, NODE, PROVIDER]
    changed = bytearray(sources[which])
    changed[bit // 8] ^= 1 << bit % 8
    others = [*sources[:which], bytes(changed), *sources[which + 1 :]]
    half = Retention(Fraction(1, 2))
    assert half.kept_steps(*sources, 300) != half.kept_steps(*others, 300)


def test_about_the_share_is_kept():
    kept = Retention.parse("0.01").kept_steps(ROOT, NODE, PROVIDER, 100_000)
    assert 850 < len(kept) < 1150  # 1,000, and five standard deviations


def test_the_sample_is_the_same_for_ever():
    kept = Retention.parse("0.05").kept_steps(ROOT, NODE, PROVIDER, 100)
    assert sorted(kept) == [32, 38, 58, 87, 99]


@pytest.mark.parametrize(
    "text", ["", "some", "1.5", "-0.1", "nan", "1e-2", "1/2", "0.1 ", "\u0661"]
)
def test_what_is_no_share_is_an_error(text):
    with pytest.raises(SplitError):
        Retention.parse(text)
