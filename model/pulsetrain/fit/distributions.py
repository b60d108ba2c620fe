"""Distributions as values at even normal scores, and distances between distributions.

A row of such values is what device.StepTable and device.Relaxation hold: read at a standard normal number, linear in
between and held outside ±score_max, it gives the distribution.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]

_DENSE = np.linspace(-6, 6, 4801)
_DENSITY = np.exp(-_DENSE * _DENSE / 2)


def scores_of(count: int, score_max: float) -> Floats:
    """``count`` even scores from −``score_max`` to ``score_max``."""
    return np.linspace(-score_max, score_max, count)


def at_scores(values: Floats, score_max: float, z: Floats) -> Floats:
    """A row of ``values`` at even scores, read at the numbers ``z``."""
    found: Floats = np.interp(z, scores_of(values.size, score_max), values)
    return found


def interpolated(probabilities: Floats, quantiles: Floats, count: int, score_max: float) -> Floats:
    """The values at even scores of a distribution whose ``quantiles`` at rising ``probabilities`` are linear between.

    ``quantiles``: (m,) or (m, n), a column a distribution; the result is (count,) or (n, count).
    """
    at = ndtr(scores_of(count, score_max))
    if quantiles.ndim == 1:
        found: Floats = np.interp(at, probabilities, quantiles)
        return found
    return np.array([np.interp(at, probabilities, column) for column in quantiles.T])


def projected(sample: Floats, weights: Floats, count: int, score_max: float) -> Floats:
    """The values (count,) at even scores whose distribution is nearest to a weighted ``sample``.

    Nearest in the mean square over a standard normal number, so that the mean is the sample's and the tails beyond the
    last score count; then sorted, and moved and stretched to the mean and standard deviation of the sample.
    """
    order = np.argsort(sample, kind="stable")
    ordered, weight = sample[order], weights[order] / weights.sum()
    middle = np.cumsum(weight) - weight / 2
    target = np.interp(ndtr(_DENSE), middle, ordered)
    inverse, basis = _projector(count, score_max)
    values = np.sort(inverse @ (basis.T @ (_DENSITY * target)))
    mean = float(weight @ ordered)
    spread = float(np.sqrt(max(weight @ (ordered - mean) ** 2, 0.0)))
    got_mean, got_spread = moments(values, score_max)
    stretch = spread / got_spread if got_spread > 0 else 0.0
    return mean + (values - got_mean) * stretch


@cache
def _projector(count: int, score_max: float) -> tuple[Floats, Floats]:
    """Inverse of the matrix of the least squares, and the weights of the entries at the dense scores."""
    place = np.clip((_DENSE + score_max) * ((count - 1) / (2 * score_max)), 0, count - 1)
    below = np.minimum(place.astype(np.int64), count - 2)
    basis = np.zeros((_DENSE.size, count))
    at = np.arange(_DENSE.size)
    basis[at, below] = 1 - (place - below)
    basis[at, below + 1] += place - below
    matrix = basis.T @ (_DENSITY[:, None] * basis)
    # A little of second differences holds entries that lie beyond what the sample determines.
    bend = np.diff(np.eye(count), 2, axis=0)
    matrix += 1e-6 * matrix.trace() / count * (bend.T @ bend)
    inverse: Floats = np.asarray(np.linalg.inv(matrix), np.float64)
    return inverse, basis


def moments(values: Floats, score_max: float) -> tuple[float, float]:
    """Mean and standard deviation of the distribution of a row of ``values``, by sums over 4801 dense scores."""
    dense = at_scores(values, score_max, _DENSE)
    mean = float(_DENSITY @ dense / _DENSITY.sum())
    return mean, float(np.sqrt(_DENSITY @ (dense - mean) ** 2 / _DENSITY.sum()))


def even_normals(count: int) -> Floats:
    """``count`` numbers whose distribution is as near to the standard normal one as can be."""
    found: Floats = ndtri((np.arange(count) + 0.5) / count)
    return found


def score_limit(sample_size: float) -> float:
    """The largest score worth an entry for a sample: its one but last value lies there. 2.5 … 4.5, in quarters."""
    return float(np.clip(np.ceil(-4 * ndtri(0.5 / max(sample_size, 2.0))) / 4, 2.5, 4.5))


def ks_of_points(cdf: Floats, quantiles: Floats, sample: Floats, tolerance: float) -> float:
    """Kolmogorov–Smirnov distance of a ``sample`` from a distribution given by rising ``quantiles`` at ``cdf``.

    Equal quantiles are a value that occurs with that share. Values within ``tolerance`` of each other count as equal,
    so that such a share is not missed for a rounding.
    """
    ordered, size = np.sort(sample), sample.size
    last = np.searchsorted(quantiles, quantiles, "right") - 1
    upper = np.where(last == quantiles.size - 1, 1.0, cdf[last])
    first = np.searchsorted(quantiles, quantiles, "left")
    lower = np.where(first == 0, 0.0, cdf[first])
    early = np.searchsorted(ordered, quantiles - tolerance, "right") / size
    late = np.searchsorted(ordered, quantiles + tolerance, "right") / size
    before = np.searchsorted(ordered, quantiles - tolerance, "left") / size
    after = np.searchsorted(ordered, quantiles + tolerance, "left") / size
    return float(max((early - upper).max(), (upper - late).max(), (before - lower).max(), (lower - after).max(), 0.0))


def ks_of_samples(first: Floats, second: Floats, tolerance: float) -> float:
    """Kolmogorov–Smirnov distance of two samples; values within ``tolerance`` of each other count as equal."""
    a, b = np.sort(first), np.sort(second)
    worst = 0.0
    for one, other in ((a, b), (b, a)):
        for side in ("left", "right"):
            share = np.searchsorted(one, one, side) / one.size
            early = np.searchsorted(other, one - tolerance, side) / other.size
            late = np.searchsorted(other, one + tolerance, side) / other.size
            worst = max(worst, float((early - share).max()), float((share - late).max()))
    return worst


def normal_scores(values: Floats, along: Floats, group: int) -> Floats:
    """The normal score of each value among the about ``group`` values whose ``along`` is nearest; ties by order."""
    found = np.empty(values.size)
    order = np.argsort(along, kind="stable")
    for part in np.array_split(order, max(1, round(values.size / group))):
        rank = np.empty(part.size)
        rank[np.argsort(values[part], kind="stable")] = np.arange(part.size) + 0.5
        found[part] = ndtri(rank / part.size)
    return found


class Hats:
    """The place of each value of ``at`` (n,) between ``count`` even knots from ``low`` to ``high``; held outside.

    A line through the knots is linear in between: at a value it is (1 − part)·knot below + part·knot above.
    """

    def __init__(self, at: Floats, low: float, high: float, count: int) -> None:
        self.count = count
        place = np.clip((at - low) * ((count - 1) / (high - low)), 0, count - 1) if count > 1 else np.zeros(at.size)
        self.below = np.minimum(place.astype(np.int64), max(count - 2, 0))
        self.above = np.minimum(self.below + 1, count - 1)
        self.part = place - self.below

    def at(self, knots: Floats) -> Floats:
        """The line through ``knots`` (count,) at each value."""
        found: Floats = (1 - self.part) * knots[self.below] + self.part * knots[self.above]
        return found

    def sums(self, values: Floats) -> Floats:
        """The sum of ``values`` (n,) over each knot (count,), each shared between the two knots around it."""
        found = np.zeros(self.count)
        found += np.bincount(self.below, (1 - self.part) * values, minlength=self.count)
        found += np.bincount(self.above, self.part * values, minlength=self.count)
        return found

    def of_knot(self, index: int) -> Floats:
        """The weight of a knot at each value, (n,)."""
        found: Floats = np.where(self.below == index, 1 - self.part, 0.0)
        return found + np.where(self.above == index, self.part, 0.0)

    def line_through(self, values: Floats, smooth: float, scale: Floats | None = None) -> Floats:
        """Knots (count,) of the line that, times ``scale`` (n,; by default 1), is nearest to ``values`` (n,).

        Nearest by least squares. ``smooth``: share of a knot's mean weight with which second differences count, so that
        knots without data follow their neighbours.
        """
        count, part = self.count, self.part
        square = np.ones(part.size) if scale is None else scale * scale
        matrix = np.zeros((count, count))
        places = (
            (self.below, self.below, (1 - part) ** 2),
            (self.below, self.above, (1 - part) * part),
            (self.above, self.below, (1 - part) * part),
            (self.above, self.above, part**2),
        )
        for i, j, weight in places:
            matrix += np.bincount(i * count + j, weight * square, minlength=count * count).reshape(count, count)
        size = matrix.trace() / count
        if count > 2:
            bend = np.diff(np.eye(count), 2, axis=0)
            matrix += smooth * size * (bend.T @ bend)
        slope = np.diff(np.eye(count), 1, axis=0)
        matrix += 1e-9 * size * (slope.T @ slope)
        sums = self.sums(values if scale is None else values * scale)
        return np.asarray(np.linalg.solve(matrix, sums), np.float64)
