"""Noise: known answers of Philox, bits that must never change, and what they do not depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pulsetrain.numerics import noise, quantiles
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
        assert found[0] == quantiles.normal_quantile(p)


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
    assert [quantiles.normal_quantile(float(each)) for each in p] == noise.normals(
        2**63 + 5, 2**40, cells, pulses
    ).tolist()
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
    assert noise.second_normal_of(seed, number, 40, 3, scratch) == quantiles.normal_quantile(p)


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
