"""Logarithm, exponential and quantile: accuracy, bits that must never change, one number and many alike."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from pulsetrain.numerics import quantiles
from scipy.special import ndtri

LOGARITHMS = [
    (5.696189077778436e-306, "-0x1.5f6cf577cc85ep+9"),
    (1e-16, "-0x1.26bb1bbb55516p+5"),
    (0.0749, "-0x1.4bb99823d9874p+1"),
    (0.5, "-0x1.62e42fefa39efp-1"),
    (0.70710678, "-0x1.62e4300c77ae8p-2"),
    (1.0, "0x0.0p+0"),
    (1.0000001, "0x1.ad7f2847b6492p-24"),
    (3.5, "0x1.40b512eb53d60p+0"),
    (1e300, "0x1.5963447f87fb5p+9"),
]
QUANTILES = [
    (2.0**-53, "-0x1.06b48528cea51p+3"),
    (1e-20, "-0x1.2865170b43a4bp+3"),
    (1.3887943864964021e-11, "-0x1.aa1b1c13ee525p+2"),
    (1e-05, "-0x1.10f3f8843a3dap+2"),
    (0.0227501319481792, "-0x1.0000000000000p+1"),
    (0.074999, "-0x1.708598f2a3b6ap+0"),
    (0.075, "-0x1.7085226d3e523p+0"),
    (0.3, "-0x1.0c7e39582c5fap-1"),
    (0.5, "0x0.0p+0"),
    (0.6180339887498949, "0x1.3387730228674p-2"),
    (0.925, "0x1.7085226d3e524p+0"),
    (0.99865, "0x1.7fff3f0034eedp+1"),
    (1 - 2.0**-53, "0x1.06b48528cea51p+3"),
]


@pytest.mark.parametrize(("x", "bits"), LOGARITHMS)
def test_bits_of_the_logarithm(x: float, bits: str) -> None:
    assert quantiles.logarithm(x).hex() == bits


@pytest.mark.parametrize(("p", "bits"), QUANTILES)
def test_bits_of_the_quantile(p: float, bits: str) -> None:
    assert quantiles.normal_quantile(p).hex() == bits


def interpreted(function: Callable[..., float]) -> Callable[..., float]:
    """The Python source of a compiled function: the interpreter never fuses two operations."""
    return cast(Callable[..., float], cast(Any, function).py_func)


def probabilities() -> list[float]:
    rng = np.random.default_rng(3)
    parts = [rng.random(4000), 2.0 ** -rng.uniform(1, 53, 4000), 1 - 2.0 ** -rng.uniform(1, 52, 2000)]
    return [float(p) for p in np.concatenate(parts)]


def test_compiled_code_fuses_nothing() -> None:
    """The logarithm and the quantile have the same bits compiled and interpreted, on 10,000 arguments."""
    scratch = np.empty(1)
    for p in probabilities():
        assert quantiles.logarithm(p) == interpreted(quantiles.log_of)(p, scratch)
    original = quantiles.log_of
    try:
        quantiles.log_of = interpreted(original)
        slow = [interpreted(quantiles.quantile_of)(p, scratch) for p in probabilities()]
    finally:
        quantiles.log_of = original
    assert slow == [quantiles.normal_quantile(p) for p in probabilities()]


def test_logarithm_is_within_one_unit_in_the_last_place() -> None:
    rng = np.random.default_rng(4)
    near_one = 1 + rng.normal(0, 1e-3, 4000)
    for x in np.concatenate([probabilities(), near_one, 10 ** rng.uniform(-300, 300, 4000)]):
        exact = math.log(x)
        assert abs(quantiles.logarithm(float(x)) - exact) <= 1.01 * math.ulp(exact), float(x).hex()


def test_quantile_agrees_with_scipy() -> None:
    """Relative error at most 1e-14 from 2^-53 to 1 − 2^-53, absolute near the median."""
    p = np.array(probabilities())
    z = np.array([quantiles.normal_quantile(float(each)) for each in p])
    exact = ndtri(p)
    assert np.all(np.abs(z - exact) <= 1e-14 * np.abs(exact) + 1e-16)
    assert np.all(np.abs(z) < 8.3)


def test_exponential_is_within_2_ulp() -> None:
    rng = np.random.default_rng(4)
    some = [*rng.uniform(-700, 700, 4000), *rng.uniform(-1, 1, 4000), *rng.uniform(-1e-9, 1e-9, 100), 1e-300, -0.0]
    for x in (float(x) for x in some):
        expected = math.exp(x)
        assert abs(quantiles.exponential(x) - expected) <= 2 * math.ulp(expected)


def test_exponential_at_its_ends() -> None:
    """0 below −700; above 700 as at 700; exactly 1 at 0, so that no drift is none."""
    assert quantiles.exponential(0.0) == 1.0
    assert quantiles.exponential(math.nextafter(-700.0, -math.inf)) == quantiles.exponential(-math.inf) == 0.0
    assert quantiles.exponential(-700.0) == pytest.approx(math.exp(-700), rel=1e-15, abs=0)
    assert quantiles.exponential(700.5) == quantiles.exponential(math.inf) == quantiles.exponential(700.0)
    assert quantiles.exponential(700.0) == pytest.approx(math.exp(700), rel=1e-15)


def test_exponential_follows_the_specification() -> None:
    """Section 18 in plain Python: the bits of the compiled function."""
    high, low = 0.693147180369123816490, 1.90821492927058770002e-10
    rng = np.random.default_rng(5)
    for x in (float(x) for x in (*rng.uniform(-700, 700, 500), *rng.uniform(-2, 2, 500))):
        n = float(np.rint(x * 1.4426950408889634))
        r = (x - n * high) - n * low
        e = 1.0 / math.factorial(13)
        for k in range(12, -1, -1):
            e = e * r + 1.0 / math.factorial(k)
        assert quantiles.exponential(x) == math.ldexp(e, int(n))


@pytest.mark.parametrize("count", [1, 255, 256, 1000])
def test_quantiles(count: int) -> None:
    """The middle, both tails, their borders and the ends of what uniforms can be."""
    p = np.random.default_rng(count).random(count)
    some = [2.0**-53, 1 - 2.0**-53, 0.075, 0.925, np.nextafter(0.075, 0), np.nextafter(0.925, 1), 0.5, 1e-12, 1e-10]
    p[: min(count, len(some))] = some[: min(count, len(some))]
    found = p.copy()
    quantiles.quantiles(found, np.empty(3 * count))
    assert found.tolist() == [quantiles.normal_quantile(each) for each in p.tolist()]


@pytest.mark.parametrize("count", [1, 7, 300])
def test_exponentials(count: int) -> None:
    x = np.random.default_rng(count).normal(0, 50, count)
    some = [0.0, -0.0, 1.0, -699.9, -700.0, -700.1, 700.0, 1e300, -1e300]
    x[: min(count, len(some))] = some[: min(count, len(some))]
    found = x.copy()
    quantiles.exponentials(found, np.empty(count))
    assert found.tolist() == [quantiles.exponential(each) for each in x.tolist()]
