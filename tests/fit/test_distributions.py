from __future__ import annotations

import numpy as np
import pytest
from pulsetrain.fit.distributions import (
    Hats,
    at_scores,
    even_normals,
    interpolated,
    ks_of_points,
    ks_of_samples,
    moments,
    normal_scores,
    projected,
    score_limit,
    scores_of,
)
from scipy.special import ndtr, ndtri
from scipy.stats import ks_2samp


def test_a_normal_distribution_is_a_straight_line() -> None:
    cdf = np.linspace(0, 1, 20001)[1:-1]
    row = interpolated(cdf, 2 + 3 * ndtri(cdf), 33, 3.0)
    np.testing.assert_allclose(row, 2 + 3 * scores_of(33, 3.0), atol=1e-3)
    assert moments(2 + 3 * scores_of(33, 6.0), 6.0) == pytest.approx((2, 3), rel=1e-6)


@pytest.mark.parametrize("tail", [0.3, 1.0])
def test_projection_keeps_mean_spread_and_distribution_of_heavy_tails(tail: float) -> None:
    z = np.random.default_rng(1).standard_normal(3000)
    sample = np.sinh(tail * z) / tail - 0.3
    weights = np.random.default_rng(2).uniform(0.5, 1, z.size)
    limit = score_limit(z.size)
    row = projected(sample, weights, 65, limit)
    mean = np.average(sample, weights=weights)
    spread = np.sqrt(np.average((sample - mean) ** 2, weights=weights))
    assert moments(row, limit) == pytest.approx((mean, spread), rel=1e-3)
    assert (np.diff(row) >= 0).all()
    assert ks_2samp(at_scores(row, limit, even_normals(20000)), sample).statistic < 0.03


def test_distance_of_points_is_that_of_the_definition() -> None:
    cdf, quantiles = np.linspace(0, 1, 11), np.linspace(0, 10, 11)
    sample = np.random.default_rng(3).uniform(1, 12, 5000)
    ordered = np.sort(sample)
    exact = np.interp(ordered, quantiles, cdf)
    steps = np.arange(ordered.size + 1) / ordered.size
    wanted = max(np.abs(steps[1:] - exact).max(), np.abs(steps[:-1] - exact).max())
    assert ks_of_points(cdf, quantiles, sample, 0.0) == pytest.approx(wanted, abs=0.005)
    assert ks_of_points(cdf, quantiles, 10 * ndtr(even_normals(10000)), 0.0) < 1e-3


def test_equal_quantiles_are_a_value_with_a_share() -> None:
    cdf, quantiles = np.array([0, 0.25, 0.5, 1.0]), np.array([3.0, 3.0, 3.0, 5.0])
    rest = np.linspace(3, 5, 5000)
    assert ks_of_points(cdf, quantiles, np.concatenate([np.full(5000, 3.0), rest]), 0.0) < 1e-3
    near = np.concatenate([np.full(5000, 3.0 + 1e-9), rest])
    assert ks_of_points(cdf, quantiles, near, 0.0) == pytest.approx(0.5, abs=1e-3)
    assert ks_of_points(cdf, quantiles, near, 2e-9) < 1e-3
    fewer = np.concatenate([np.full(2500, 3.0), rest])
    assert ks_of_points(cdf, quantiles, fewer, 0.0) == pytest.approx(1 / 6, abs=1e-3)


def test_distance_of_samples_is_that_of_scipy() -> None:
    generator = np.random.default_rng(4)
    a, b = generator.normal(0, 1, 700), generator.normal(0.2, 1.3, 900)
    assert ks_of_samples(a, b, 0.0) == pytest.approx(ks_2samp(a, b).statistic, abs=1e-12)
    assert ks_of_samples(np.zeros(10), np.full(10, 1e-10), 1e-9) == 0
    assert ks_of_samples(np.zeros(10), np.full(10, 1e-10), 0.0) == 1


def test_normal_scores_are_ranks_among_neighbours() -> None:
    along = np.arange(1000.0)
    values = np.random.default_rng(5).normal(along, 1.0)  # the trend is no part of the score
    scores = normal_scores(values, along, 100)
    assert abs(scores.mean()) < 1e-12
    assert scores.std() == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(np.sort(scores[:100]), even_normals(100))


def test_a_line_goes_through_its_knots() -> None:
    at = np.random.default_rng(6).uniform(-1, 5, 500)
    hats = Hats(at, 0.0, 4.0, 5)
    knots = np.array([1.0, 3.0, 2.0, 5.0, 4.0])
    values = hats.at(knots)
    np.testing.assert_allclose(values, np.interp(at, np.arange(5.0), knots))
    np.testing.assert_allclose(hats.line_through(values, 0.0), knots, atol=1e-6)
    np.testing.assert_allclose(hats.line_through(3 * values, 0.0, np.full(500, 3.0)), knots, atol=1e-6)
    assert hats.sums(np.ones(500)).sum() == pytest.approx(500)
    assert sum(hats.of_knot(k) @ np.ones(500) for k in range(5)) == pytest.approx(500)
    assert Hats(at, 0.0, 4.0, 1).at(np.array([7.0])).tolist() == [7.0] * 500
    away = Hats(np.array([0.1, 0.9, 3.1, 3.9]), 0.0, 4.0, 5)  # no data at knot 2: it lies between its neighbours
    assert 2.5 < away.line_through(np.array([1.0, 2.0, 4.0, 5.0]), 1e-3)[2] < 3.5
