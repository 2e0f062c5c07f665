"""How far a point lies from others, by the density around it.

Breunig, Kriegel, Ng, Sander 2000, "LOF: identifying density-based local outliers", definitions 3
to 7, for points that are not among those it is compared with.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fl_node.errors import SplitError

Points = NDArray[np.float64]
_LEAST_POINTS = 3


@dataclass(frozen=True, eq=False)
class LocalOutliers:
    """Points that are as they should be.

    :ivar points: one a row
    :ivar neighbours: how many of the nearest count
    :ivar resolution: shorter distances count as this, so that equal points do not make every
        other an outlier
    :ivar reaches: of each point, the distance to the last of its neighbours
    :ivar densities: of each point, one over its mean reachability distance
    """

    points: Points
    neighbours: int
    resolution: float
    reaches: NDArray[np.float64]
    densities: NDArray[np.float64]

    @classmethod
    def of_points(cls, points: Points, neighbours: int, resolution: float) -> "LocalOutliers":
        """Measure the points among each other.

        :raises SplitError: for fewer points than neighbours, or points that are not finite
        """
        if len(points) < _LEAST_POINTS or not 1 <= neighbours < len(points) or resolution <= 0:
            raise SplitError(
                f"{neighbours} neighbours among {len(points)} points were asked for: take at "
                f"least {_LEAST_POINTS} points, more than neighbours, and a resolution above 0"
            )
        if not np.isfinite(points).all():
            raise SplitError("points to compare with must be finite: found NaN or infinity")
        apart = np.linalg.norm(points[:, np.newaxis] - points, axis=2)
        np.fill_diagonal(apart, np.inf)  # no point is a neighbour of its own
        order = np.argsort(apart, axis=1, kind="stable")[:, :neighbours]
        nearest = np.take_along_axis(apart, order, axis=1)
        reaches = np.maximum(nearest[:, -1], resolution)
        densities = 1 / np.maximum(nearest, reaches[order]).mean(axis=1)
        return cls(points, neighbours, resolution, reaches, densities)

    def factor(self, point: NDArray[np.float64]) -> float:
        """Give the local outlier factor: about 1 amid the points, more the farther away."""
        apart = np.linalg.norm(self.points - point, axis=1)
        order = np.argsort(apart, kind="stable")[: self.neighbours]
        reachability = np.maximum(apart[order], self.reaches[order]).mean()
        return float(self.densities[order].mean() * reachability)
