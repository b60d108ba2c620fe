"""Noise: known answers of Philox, accuracy of the logarithm and the quantile, and bits that must never change."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from pulsetrain import noise
from scipy.special import ndtri
from scipy.stats import kstest

ONES = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ONES, ONES, ONES, ONES), (ONES, ONES), (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_known_answers_of_random123(
    counter: tuple[int, int, int, int], key: tuple[int, int], answer: tuple[int, int, int, int]
) -> None:
    assert noise.philox(counter, key) == answer


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
    assert noise.logarithm(x).hex() == bits


@pytest.mark.parametrize(("p", "bits"), QUANTILES)
def test_bits_of_the_quantile(p: float, bits: str) -> None:
    assert noise.normal_quantile(p).hex() == bits


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
        assert noise.logarithm(p) == interpreted(noise.log_of)(p, scratch)
    original = noise.log_of
    try:
        noise.log_of = interpreted(original)
        slow = [interpreted(noise._quantile)(p, scratch) for p in probabilities()]
    finally:
        noise.log_of = original
    assert slow == [noise.normal_quantile(p) for p in probabilities()]


def test_logarithm_is_within_one_unit_in_the_last_place() -> None:
    rng = np.random.default_rng(4)
    near_one = 1 + rng.normal(0, 1e-3, 4000)
    for x in np.concatenate([probabilities(), near_one, 10 ** rng.uniform(-300, 300, 4000)]):
        exact = math.log(x)
        assert abs(noise.logarithm(float(x)) - exact) <= 1.01 * math.ulp(exact), float(x).hex()


def test_quantile_agrees_with_scipy() -> None:
    """Relative error at most 1e-14 from 2^-53 to 1 − 2^-53, absolute near the median."""
    p = np.array(probabilities())
    z = np.array([noise.normal_quantile(float(each)) for each in p])
    exact = ndtri(p)
    assert np.all(np.abs(z - exact) <= 1e-14 * np.abs(exact) + 1e-16)
    assert np.all(np.abs(z) < 8.3)


def test_bits_of_the_normals() -> None:
    z = noise.normals(0x0123456789ABCDEF, 5, np.array([0, 1, 4095, 2**20 - 1]), np.array([1, 1, 2, 255]))
    bits = ["-0x1.f8e225cdf9fe8p-2", "0x1.4d241ea8dd8c3p+0", "0x1.600ab13ff3ddep+1", "0x1.1e729a769ea3ep+0"]
    assert [float(each).hex() for each in z] == bits


def test_normals_follow_the_layout_of_the_specification() -> None:
    seed, operation = 0xFEDCBA9876543210, 0x1122334455667788
    for cell, pulse in ((0, 1), (77, 3), (2**20 - 1, 255)):
        key = (seed & ONES, seed >> 32)
        x0, x1, _, _ = noise.philox((cell, pulse, operation & ONES, operation >> 32), key)
        p = ((x1 << 32 | x0) // 2**12 + 0.5) * 2.0**-52
        found = noise.normals(seed, operation, np.array([cell]), np.array([pulse]))
        assert found[0] == noise.normal_quantile(p)


def test_order_and_splitting_do_not_matter() -> None:
    rng = np.random.default_rng(5)
    cells, pulses = rng.integers(0, 2**20, 3000), rng.integers(1, 16, 3000)
    whole = noise.normals(9, 4, cells, pulses)
    order = rng.permutation(3000)
    assert np.array_equal(noise.normals(9, 4, cells[order], pulses[order]), whole[order])
    parts = [noise.normals(9, 4, *part) for part in zip(np.split(cells, 3), np.split(pulses, 3), strict=True)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_normals_are_standard_normal() -> None:
    """10^6 draws: Kolmogorov-Smirnov above 1e-3; mean, variance and correlations within 4 standard errors."""
    size = 10**6
    z = noise.normals(1, 2, np.arange(size), np.ones(size, np.int64))
    assert kstest(z, "norm").pvalue > 1e-3
    assert abs(z.mean()) < 4 / math.sqrt(size)
    assert abs(z.var() - 1) < 4 * math.sqrt(2 / size)
    assert abs(float(np.mean(z[1:] * z[:-1]))) < 4 / math.sqrt(size)
    for other in (noise.normals(1, 3, np.arange(size), np.ones(size, np.int64)),
                  noise.normals(2, 2, np.arange(size), np.ones(size, np.int64)),
                  noise.normals(1, 2, np.arange(size), np.full(size, 2))):  # fmt: skip
        assert abs(float(np.mean(z * other))) < 4 / math.sqrt(size)


def test_bits_of_rounded_steps() -> None:
    steps = np.linspace(-1e-3, 1e-3, 12).reshape(3, 4)
    deltas, clipped = noise.rounded_steps(steps, 4096 / 0.025, 32767, 0xFEDCBA9876543210, 2**32 + 7)
    assert deltas.tolist() == [[-164, -134, -105, -75], [-44, -15, 15, 45], [74, 105, 134, 164]]
    assert deltas.dtype == np.int32
    assert clipped == 0


@pytest.mark.parametrize("size", [1, 1023, 1024, 1025, 5000])
def test_rounded_steps_follow_the_specification(size: int) -> None:
    seed, operation, scale, limit = 31, 9, 4096 / 0.025, 300
    steps = np.random.default_rng(size).normal(0, 1e-3, size)
    deltas, clipped = noise.rounded_steps(steps, scale, limit, seed, operation, np.int16)
    expected = []
    for cell, step in enumerate(steps):
        _, _, x2, x3 = noise.philox((cell, 0, operation, 0), (seed, 0))
        expected.append(math.floor(float(step) * scale + (x2 << 32 | x3) // 2**11 * 2.0**-53))
    assert deltas.tolist() == [min(max(d, -limit), limit) for d in expected]
    assert clipped == sum(abs(d) > limit for d in expected)
    assert deltas.dtype == np.int16


def test_uniforms_are_those_behind_the_normals() -> None:
    cells, pulses = np.arange(1000), np.arange(1000) % 7 + 1
    p = noise.uniforms(2**63 + 5, 2**40, cells, pulses)
    assert [noise.normal_quantile(float(each)) for each in p] == noise.normals(2**63 + 5, 2**40, cells, pulses).tolist()
    assert kstest(noise.uniforms(1, 2, np.arange(10**5), np.ones(10**5, np.int64)), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("size", [1, 255, 256, 257, 1024])
def test_normals_for_compiled_callers(size: int) -> None:
    """Runs of cells, single numbers, and the second number of a block: the bits of ``normals``."""
    seed, number, scratch = np.uint64(2**64 - 7), np.uint64(2**33 + 1), np.empty(noise.SCRATCH)
    run = np.empty(size)
    noise.normals_of_lines(seed, number, 40, 3, run, scratch)
    expected = noise.normals(int(seed), int(number), np.arange(40, 40 + size), np.full(size, 3))
    assert np.array_equal(run, expected)
    assert noise.normal_of(seed, number, 40, 3, scratch) == expected[0]
    assert noise.uniform_of(seed, number, 40, 3) == noise.uniforms(int(seed), int(number), *np.array([[40], [3]]))[0]
    _, _, x2, x3 = noise.philox((40, 3, int(number) & ONES, int(number) >> 32), (int(seed) & ONES, int(seed) >> 32))
    p = ((x3 << 32 | x2) // 2**12 + 0.5) * 2.0**-52
    assert noise.second_normal_of(seed, number, 40, 3, scratch) == noise.normal_quantile(p)


def test_rounded_steps_may_begin_at_any_cell() -> None:
    steps = np.random.default_rng(1).normal(0, 10, 3000)
    whole, clipped = noise.rounded_steps(steps, 1.0, 20, 5, 6)
    parts = [noise.rounded_steps(steps[i:j], 1.0, 20, 5, 6, first_cell=i) for i, j in ((0, 1), (1, 1500), (1500, 3000))]
    assert np.array_equal(np.concatenate([part for part, _ in parts]), whole)
    assert sum(cut for _, cut in parts) == clipped > 0


@pytest.mark.parametrize("x", [0.001, -0.25, 0.5, 3.75, -100.0])
def test_rounding_is_unbiased(x: float) -> None:
    """Mean of 10^6 deltas within 4 standard errors of the step; whole numbers and 0 are exact."""
    deltas, _ = noise.rounded_steps(np.full(10**6, x), 1.0, 1000, 1, 1)
    part = x - math.floor(x)
    assert set(np.unique(deltas).tolist()) <= {math.floor(x), math.ceil(x)}
    assert abs(deltas.mean() - x) <= 4 * math.sqrt(part * (1 - part) / 10**6)


def test_exponential_is_within_2_ulp() -> None:
    rng = np.random.default_rng(4)
    some = [*rng.uniform(-700, 700, 4000), *rng.uniform(-1, 1, 4000), *rng.uniform(-1e-9, 1e-9, 100), 1e-300, -0.0]
    for x in (float(x) for x in some):
        expected = math.exp(x)
        assert abs(noise.exponential(x) - expected) <= 2 * math.ulp(expected)


def test_exponential_at_its_ends() -> None:
    """0 below −700; above 700 as at 700; exactly 1 at 0, so that no drift is none."""
    assert noise.exponential(0.0) == 1.0
    assert noise.exponential(math.nextafter(-700.0, -math.inf)) == noise.exponential(-math.inf) == 0.0
    assert noise.exponential(-700.0) == pytest.approx(math.exp(-700), rel=1e-15, abs=0)
    assert noise.exponential(700.5) == noise.exponential(math.inf) == noise.exponential(700.0)
    assert noise.exponential(700.0) == pytest.approx(math.exp(700), rel=1e-15)


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
        assert noise.exponential(x) == math.ldexp(e, int(n))
