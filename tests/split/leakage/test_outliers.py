"""Local outlier factors and areas under curves: against plain twins, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl_node.errors import SplitError
from fl_node.split.leakage.area import area_under_curve
from fl_node.split.leakage.outliers import LocalOutliers

RESOLUTION = 1e-3


def twin(points, neighbours, point, resolution=RESOLUTION) -> float:
    """Breunig et al. 2000, definitions 3 to 7, point by point."""

    def nearest(place, others):
        return sorted(others, key=lambda i: (np.linalg.norm(points[i] - place), i))[:neighbours]

    def others_of(i):
        return [j for j in range(len(points)) if j != i]

    def reach(i):
        last = nearest(points[i], others_of(i))[-1]
        return max(np.linalg.norm(points[last] - points[i]), resolution)

    def density(place, near):
        return 1 / np.mean([max(np.linalg.norm(points[i] - place), reach(i)) for i in near])

    near = nearest(point, range(len(points)))
    around = [density(points[i], nearest(points[i], others_of(i))) for i in near]
    return float(np.mean(around) / density(point, near))


clouds = st.tuples(st.integers(0, 10**6), st.integers(4, 16), st.integers(1, 3))


@settings(max_examples=60, deadline=None)
@given(clouds, st.integers(1, 15))
def test_factors_are_the_twins(cloud, neighbours) -> None:
    seed, count, width = cloud
    chance = np.random.default_rng(seed)
    points, point = chance.normal(size=(count, width)), chance.normal(size=width) * 3
    neighbours = min(neighbours, count - 1)
    found = LocalOutliers.of_points(points, neighbours, RESOLUTION).factor(point)
    assert found == pytest.approx(twin(points, neighbours, point), rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(clouds, st.floats(0.01, 100), st.floats(-100, 100))
def test_shift_and_scale_change_nothing(cloud, scale, shift) -> None:
    seed, count, width = cloud
    chance = np.random.default_rng(seed)
    points, point = chance.normal(size=(count, width)), chance.normal(size=width)
    one = LocalOutliers.of_points(points, 2, 1e-9).factor(point)
    other = LocalOutliers.of_points(points * scale + shift, 2, 1e-9 * scale)
    assert other.factor(point * scale + shift) == pytest.approx(one, rel=1e-6)


def test_by_hand_on_a_line() -> None:
    """0, 1, 2, 3 with two neighbours: every reachability distance is 1.5 on average, or 2."""
    found = LocalOutliers.of_points(np.array([[0.0], [1.0], [2.0], [3.0]]), 2, RESOLUTION)
    assert found.reaches.tolist() == [2, 1, 1, 2]
    assert found.densities.tolist() == [1 / 1.5, 1 / 1.5, 1 / 1.5, 1 / 1.5]
    assert found.factor(np.array([8.0])) == pytest.approx(5.5 / 1.5)


def test_amid_a_cloud_it_is_about_1_and_grows_outside() -> None:
    points = np.random.default_rng(1).normal(size=(200, 2))
    found = LocalOutliers.of_points(points, 20, RESOLUTION)
    factors = [found.factor(np.array([away, 0.0])) for away in (0.0, 3.0, 6.0, 12.0)]
    assert factors[0] == pytest.approx(1, abs=0.1)
    assert factors == sorted(factors)


def test_a_denser_neighbourhood_makes_the_same_distance_odder() -> None:
    cloud = np.random.default_rng(1).normal(size=(50, 2))
    odd = [
        LocalOutliers.of_points(cloud * size, 5, RESOLUTION).factor(np.array([3.0, 0.0]))
        for size in (0.1, 1.0)
    ]
    assert odd[0] > 5 * odd[1]


def test_equal_points_are_a_cloud_as_wide_as_the_resolution() -> None:
    found = LocalOutliers.of_points(np.zeros((5, 2)), 3, 0.1)
    assert found.factor(np.array([0.05, 0.0])) == pytest.approx(1)
    assert found.factor(np.array([0.4, 0.0])) == pytest.approx(4)


@pytest.mark.parametrize(
    ("points", "neighbours", "resolution", "said"),
    [
        (np.zeros((2, 2)), 1, 0.1, "take at least 3 points"),
        (np.zeros((4, 2)), 4, 0.1, "4 neighbours among 4 points"),
        (np.zeros((4, 2)), 0, 0.1, "0 neighbours"),
        (np.zeros((4, 2)), 2, 0.0, "a resolution above 0"),
        (np.full((4, 2), np.nan), 2, 0.1, "found NaN"),
    ],
)
def test_what_cannot_be_compared_is_refused(points, neighbours, resolution, said) -> None:
    with pytest.raises(SplitError, match=said):
        LocalOutliers.of_points(points, neighbours, resolution)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_an_area_counts_pairs(pairs) -> None:
    scores, positive = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    if positive.all() or not positive.any():
        with pytest.raises(SplitError, match="needs both kinds"):
            area_under_curve(scores, positive)
        return
    apart = scores[positive][:, np.newaxis] - scores[~positive]
    assert area_under_curve(scores, positive) == pytest.approx(((np.sign(apart) + 1) / 2).mean())
