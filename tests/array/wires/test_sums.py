"""Line resistance in reads: the stated error, reciprocity, exact products without resistance, reads of one row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.array.wires import sums as wires
from pulsetrain.array.wires.exact import solve
from pulsetrain.array.wires.reference import solve_nodal

Picosiemens = NDArray[np.int32]
GUARD = -77.0


def wired(g: Picosiemens, codes: Any, row: float, column: float, backward: bool = False, passes: int = 2) -> Any:
    """``wired_sums`` in scratch of the stated size, of any values, that nothing is written beyond."""
    size = wires.scratch_size(*g.shape)
    memory = np.full(size + 64, GUARD)
    memory[:size] = math.nan
    out = np.full(g.shape[0 if backward else 1] + 8, GUARD)
    codes = np.asarray(codes, np.int32)
    wires.wired_sums(g, codes, backward, float(row), float(column), passes, memory[:size], out[:-8])
    assert np.all(memory[size:] == GUARD)
    assert np.all(out[-8:] == GUARD)
    return out[:-8]


def stated() -> list[list[float]]:
    """The table at the head of the file: the greatest r·ḡ·n², the product's error, and that of 1 … 4 passes."""
    lines = [line.strip(" |").split("|") for line in (wires.__doc__ or "").splitlines() if line.startswith("    | ")]
    return [[float(each) for each in line[:6]] for line in lines[1:]]


@pytest.mark.parametrize(
    ("line", "lines", "ohms", "siemens"),
    [
        (0, 32, 0.5, 100e-6), (1, 64, 0.5, 100e-6), (2, 64, 1, 100e-6), (3, 64, 2, 100e-6), (4, 128, 1, 100e-6),
        (5, 64, 2, 400e-6), (6, 128, 1, 400e-6), (7, 128, 2, 400e-6), (8, 200, 10, 400e-6),
    ],
)  # fmt: skip
@pytest.mark.parametrize("backward", [False, True])
def test_the_error_is_as_stated(line: int, lines: int, ohms: float, siemens: float, backward: bool) -> None:
    limit, *errors = stated()[line]
    assert limit / 2.1 < ohms * siemens * lines**2 <= limit
    rng = np.random.default_rng(line)
    worst = np.zeros(5)
    top = int(2e12 * siemens)
    random = rng.integers(0, top + 1, (lines, lines)).astype(np.int32)
    for g in (random, np.full((lines, lines), top // 2, np.int32)):
        full = solve(g * 1e-12, np.full(lines, 127.0), ohms, ohms, backward=backward, tolerance=1e-10).max()
        mixed = rng.integers(-127, 128, lines)
        for codes in (np.full(lines, 127), np.abs(mixed), mixed, 127 * (rng.random(lines) < 0.1)):
            exact = solve(g * 1e-12, codes, ohms, ohms, backward=backward, tolerance=1e-11)
            found = [(g if backward else g.T) @ codes.astype(float)]
            found += [wired(g, codes, ohms, ohms, backward=backward, passes=n) for n in (1, 2, 3, 4)]
            worst = np.maximum(worst, [np.abs(each * 1e-12 - exact).max() / full for each in found])
    assert np.all(worst <= errors)
    assert worst[0] > errors[0] / 3, "the table is not one of this network"


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (16, 32), (17, 50)])
def test_many_passes_reach_the_nodal_solution(shape: tuple[int, int], backward: bool) -> None:
    rng = np.random.default_rng(3)
    g = rng.integers(0, 400_000_000, shape).astype(np.int32)
    g[rng.random(shape) < 0.3] = 0
    codes = rng.integers(-127, 128, shape[1 if backward else 0])
    expected = solve_nodal(g * 1e-12, codes, 4.0, 7.0, backward=backward) * 1e12
    found = wired(g, codes, 4.0, 7.0, backward=backward, passes=40)
    assert np.abs(found - expected).max() <= 1e-9 * np.abs(expected).max()


@pytest.mark.parametrize("passes", [1, 2, 3])
@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (50, 3), (32, 32)])
def test_without_resistance_it_is_the_exact_product(shape: tuple[int, int], passes: int) -> None:
    rng = np.random.default_rng(4)
    g = rng.integers(0, 2**31, shape).astype(np.int32)
    forward, backward = rng.integers(-127, 128, shape[0]), rng.integers(-127, 128, shape[1])
    product = g.T.astype(np.int64) @ forward
    assert np.array_equal(wired(g, forward, 0.0, 0.0, passes=passes), product)
    product = g.astype(np.int64) @ backward
    assert np.array_equal(wired(g, backward, 0.0, 0.0, backward=True, passes=passes), product)


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_it_is_reciprocal_and_linear(passes: int) -> None:
    g = np.random.default_rng(5).integers(0, 400_000_000, (19, 7)).astype(np.int32)
    ones = np.eye(19, dtype=int), np.eye(7, dtype=int)
    forward = np.array([wired(g, each, 30.0, 50.0, passes=passes) for each in ones[0]])
    backward = np.array([wired(g, each, 30.0, 50.0, backward=True, passes=passes) for each in ones[1]])
    assert forward == pytest.approx(backward.T, rel=1e-12)
    codes = np.arange(-9, 10)
    assert wired(g, codes, 30.0, 50.0, passes=passes) == pytest.approx(codes @ forward, rel=1e-10)


def test_hopeless_resistance_stays_within_bounds() -> None:
    """Passes add current where all codes are of one sign; nothing overshoots the product, or becomes a NaN."""
    g = np.random.default_rng(6).integers(0, 2**31, (32, 32)).astype(np.int32)
    codes = np.full(32, 127)
    for ohms in (100.0, 1e4):
        for passes in (1, 2, 16):
            found = wired(g, codes, ohms, ohms, passes=passes)
            assert np.all(found >= 0)
            assert found.sum() < 0.1 * (codes @ g.astype(float)).sum()


def test_devices_of_no_conductance_are_no_trouble() -> None:
    g = np.zeros((20, 5), np.int32)
    assert np.array_equal(wired(g, np.full(20, 127), 5.0, 5.0), np.zeros(5))
    g[3, 2] = 10**9
    expected = np.zeros(5)
    expected[2] = 127e9 / (1 + 1e-3 * 5.0 * (3 + 17))
    assert wired(g, np.full(20, 127), 5.0, 5.0, passes=30) == pytest.approx(expected, rel=1e-12)


def row_read(g: Picosiemens, code: int, row: int, r_row: float, r_column: float) -> Any:
    size = wires.scratch_size(*g.shape)
    out = np.full(g.shape[1] + 1, GUARD)
    wires.wired_row(g, code, row, r_row, r_column, np.full(size, math.nan), out[:-1])
    assert out[-1] == GUARD
    return out[:-1]


@pytest.mark.parametrize("resistances", [(3.0, 8.0), (0.0, 8.0), (3.0, 0.0)])
@pytest.mark.parametrize("row", [0, 4, 8])
def test_a_read_of_one_row_is_exact(row: int, resistances: tuple[float, float]) -> None:
    g = np.random.default_rng(7).integers(0, 400_000_000, (9, 21)).astype(np.int32)
    g[:, 5] = 0
    alone = np.zeros((9, 21))
    alone[row] = g[row] * 1e-12
    expected = solve_nodal(alone, np.full(9, 127.0), *resistances) * 1e12
    assert row_read(g, 127, row, *resistances) == pytest.approx(expected, rel=1e-10)


def test_a_read_of_one_row_without_resistance_is_the_exact_product() -> None:
    g = np.random.default_rng(8).integers(0, 2**31, (9, 21)).astype(np.int32)
    assert np.array_equal(row_read(g, 127, 4, 0.0, 0.0), 127 * g[4].astype(np.int64))


def test_a_long_uniform_row_has_the_input_resistance_of_the_closed_form() -> None:
    """Z = r + 1 / (g + 1 / Z)."""
    r, g = 10.0, 1e-3
    z = (r + math.sqrt(r * r + 4 * r / g)) / 2
    assert row_read(np.full((1, 500), 10**9, np.int32), 1, 0, r, 0.0).sum() == pytest.approx(1e12 / z, rel=1e-12)


BITS = [
    "0x1.eb4609f64cf30p+23",
    "0x1.f7ecbc89fad6ap+23",
    "0x1.14591d6f1e189p+24",
    "0x1.176b735662c17p+24",
    "0x1.341d88ec52829p+24",
    "0x1.2976ce115471dp+29",
    "0x1.115c114652addp+29",
    "0x1.f21d90a57bd51p+28",
    "0x1.279a3f764f69dp+34",
    "0x1.018cdd7deb72ap+34",
    "0x1.b861b52a0a990p+33",
]


def test_bits_that_must_never_change() -> None:
    i, j = np.indices((18, 5))
    g = (10**8 + 10**7 * ((3 * i + 5 * j) % 7)).astype(np.int32)
    found = [wired(g, i[:, 0] % 3 - 1, 12.5, 6.25), wired(g, j[0] - 1, 12.5, 6.25, backward=True, passes=3)[:3]]
    found.append(row_read(g, 127, 2, 12.5, 6.25)[:3])
    assert [each.hex() for part in found for each in part.tolist()] == BITS
