"""Conjugate gradients against the nodal solution, their error bound, zero resistance, and bits."""

from __future__ import annotations

import numpy as np
import pytest
from pulsetrain.array.wires.exact import solve
from pulsetrain.array.wires.reference import solve_nodal
from pulsetrain.errors import PulsetrainError


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("resistances", [(1.0, 2.0), (20.0, 20.0), (0.0, 5.0), (5.0, 0.0), (1e3, 1e-6)])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (5, 7), (33, 20)])
def test_it_matches_the_nodal_solution(
    shape: tuple[int, int], resistances: tuple[float, float], backward: bool
) -> None:
    rng = np.random.default_rng(1)
    g = rng.uniform(0, 4e-4, shape) * (rng.random(shape) < 0.8)
    v = rng.normal(size=shape[1 if backward else 0])
    expected = solve_nodal(g, v, *resistances, backward=backward)
    found = solve(g, v, *resistances, backward=backward)
    assert np.abs(found - expected).max() <= 1e-9 * np.abs(expected).max()


@pytest.mark.parametrize("tolerance", [1e-2, 1e-5, 1e-8])
def test_the_error_is_below_its_bound(tolerance: float) -> None:
    rng = np.random.default_rng(2)
    g, v = rng.uniform(0, 8e-4, (40, 30)), rng.normal(size=40)
    exact = solve(g, v, 20.0, 20.0, tolerance=1e-13)
    error = np.abs(solve(g, v, 20.0, 20.0, tolerance=tolerance) - exact)
    bound = tolerance * np.sqrt(g.sum(axis=0) * (g * v[:, None] ** 2).sum())
    assert np.all(error <= bound)
    assert np.any(error > bound * 1e-4)


@pytest.mark.parametrize("backward", [False, True])
def test_without_resistance_it_is_the_product(backward: bool) -> None:
    rng = np.random.default_rng(3)
    g, v = rng.uniform(0, 4e-4, (6, 4)), rng.normal(size=4 if backward else 6)
    assert solve(g, v, 0, 0, backward=backward) == pytest.approx(g @ v if backward else g.T @ v, rel=1e-14)


def test_nothing_driven_or_no_conductance_gives_no_current() -> None:
    assert np.array_equal(solve(np.full((3, 2), 1e-4), np.zeros(3), 1.0, 1.0), np.zeros(2))
    assert np.array_equal(solve(np.zeros((3, 2)), np.ones(3), 1.0, 1.0), np.zeros(2))


BITS = [
    "0x1.056e94a06b7c6p-14",
    "0x1.151a5a38d98e6p-14",
    "0x1.6b0b898929720p-15",
    "0x1.1bd73c63d21aap-15",
    "0x1.3a8b10ddb154fp-15",
]


def test_bits_that_must_never_change() -> None:
    i, j = np.indices((6, 5))
    found = solve((1 + (3 * i + 5 * j) % 7) / 2**16, (i[:, 0] % 3 - 0.5) / 4, 12.5, 6.25)
    assert [each.hex() for each in found.tolist()] == BITS


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(PulsetrainError, match=r"Tolerance must be a finite number at least 1e-14 and at most 0\.1"):
        solve([[1e-4]], [1.0], 1.0, 1.0, tolerance=0.5)
    with pytest.raises(PulsetrainError, match="Resistance of a row segment must be a finite number at least 0"):
        solve([[1e-4]], [1.0], -1.0, 1.0)
    with pytest.raises(PulsetrainError, match="Voltages must be one for each of the 1 rows, not 2"):
        solve([[1e-4]], [1.0, 1.0], 1.0, 1.0)


def test_what_does_not_converge_is_refused() -> None:
    g = np.random.default_rng(5).uniform(0, 1, (64, 64))
    message = "Resistance of a segment times conductance must be small enough to converge, not 999"
    with pytest.raises(PulsetrainError, match=message):
        solve(g, np.ones(64), 1e4, 1e4)
