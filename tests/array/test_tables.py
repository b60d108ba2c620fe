"""Curves and tables in compiled code against an interpolation of numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pulsetrain.array.tables import curve_at, table_at
from pulsetrain.numerics.compiled import compiled


@compiled
def curve(values: np.ndarray, low: float, high: float, x: float) -> float:
    return float(curve_at(values, low, high, x))


@compiled
def table(
    values: np.ndarray,
    scores: int,
    low: float,
    high: float,
    top: float,
    x: float,
    z: float,
) -> float:
    return float(table_at(values, scores, low, high, top, x, z))


@pytest.mark.parametrize("knots", [1, 2, 7])
def test_curves_are_linear_and_held_outside(knots: int) -> None:
    rng = np.random.default_rng(knots)
    values = rng.normal(0, 1, knots)
    places = np.linspace(10.0, 30.0, knots) if knots > 1 else np.array([10.0])
    for x in (*rng.uniform(0, 40, 200), *places, 10.0, 30.0):
        assert curve(values, 10.0, 30.0, float(x)) == pytest.approx(np.interp(x, places, values), abs=1e-12)
    assert curve(values, 10.0, 30.0, math.inf) == values[-1]
    assert curve(values, 10.0, 30.0, -math.inf) == values[0]


@pytest.mark.parametrize(("rows", "scores"), [(1, 3), (2, 5), (9, 17)])
def test_tables_are_linear_in_both_and_held_outside(rows: int, scores: int) -> None:
    rng = np.random.default_rng(rows)
    values = rng.normal(0, 1, (rows, scores))
    entries, places = np.linspace(-3, 3, scores), np.linspace(10.0, 30.0, rows)
    xs, zs = rng.uniform(0, 40, 300).tolist(), rng.normal(0, 2, 300).tolist()
    for x, z in (*zip(xs, zs, strict=True), (10.0, -3.0), (30.0, 3.0), (20.0, 0.0)):
        along = [np.interp(z, entries, row) for row in values]
        expected = np.interp(x, places, along) if rows > 1 else along[0]
        assert table(values.reshape(-1), scores, 10.0, 30.0, 3.0, x, z) == pytest.approx(expected, abs=1e-12)


def test_knots_are_met_exactly() -> None:
    values = np.array([0.1, 0.7, 0.3, 1e-300, -5.5])
    assert [curve(values, 0.0, 4e8, float(x)) for x in range(0, 5 * 10**8, 10**8)] == values.tolist()
