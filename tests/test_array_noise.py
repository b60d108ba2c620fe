"""Noise in blocks has the bits of the functions for single numbers."""

from __future__ import annotations

import numpy as np
import pytest
from pulsetrain.array_noise import exponentials, quantiles
from pulsetrain.noise import exponential, normal_quantile


@pytest.mark.parametrize("count", [1, 255, 256, 1000])
def test_quantiles(count: int) -> None:
    """The middle, both tails, their borders and the ends of what uniforms can be."""
    p = np.random.default_rng(count).random(count)
    some = [2.0**-53, 1 - 2.0**-53, 0.075, 0.925, np.nextafter(0.075, 0), np.nextafter(0.925, 1), 0.5, 1e-12, 1e-10]
    p[: min(count, len(some))] = some[: min(count, len(some))]
    found = p.copy()
    quantiles(found, np.empty(3 * count))
    assert found.tolist() == [normal_quantile(each) for each in p.tolist()]


@pytest.mark.parametrize("count", [1, 7, 300])
def test_exponentials(count: int) -> None:
    x = np.random.default_rng(count).normal(0, 50, count)
    some = [0.0, -0.0, 1.0, -699.9, -700.0, -700.1, 700.0, 1e300, -1e300]
    x[: min(count, len(some))] = some[: min(count, len(some))]
    found = x.copy()
    exponentials(found, np.empty(count))
    assert found.tolist() == [exponential(each) for each in x.tolist()]
