"""The nodal solution against closed forms: one cell, ladders, symmetry, reciprocity, and the ends of the lines."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pulsetrain.array.wires.reference import nodal_voltages, solve_nodal
from pulsetrain.errors import PulsetrainError


def test_one_cell_is_three_resistors_in_series() -> None:
    found = solve_nodal([[4e-4]], [0.2], 3.0, 5.0)
    assert found == pytest.approx([0.2 / (1 / 4e-4 + 3 + 5)], rel=1e-12)


@pytest.mark.parametrize("row", [0, 1, 2])
@pytest.mark.parametrize("column", [0, 1, 2, 3])
def test_a_lone_device_has_the_segments_to_both_ends_in_series(row: int, column: int) -> None:
    g = np.zeros((3, 4))
    g[row, column] = 1e-3
    expected = np.zeros(4)
    expected[column] = 1 / (1000 + 7 * (column + 1) + 11 * (3 - row))
    assert solve_nodal(g, np.ones(3), 7.0, 11.0) == pytest.approx(expected, rel=1e-12, abs=1e-20)
    backward = solve_nodal(g, np.ones(4), 7.0, 11.0, backward=True)
    assert backward[row] == pytest.approx(expected[column], rel=1e-12)
    assert np.count_nonzero(np.abs(backward) > 1e-15) == 1


def ladder(g: np.ndarray[Any, Any], volt: float, r: float, r_below: float) -> np.ndarray[Any, Any]:
    """Currents of the columns of one row: resistances combined from the far end, then divided voltages."""
    branch = [1 / each + r_below for each in g]
    seen = [math.inf] * (len(g) + 1)
    for j in reversed(range(len(g))):
        seen[j] = r + 1 / (1 / branch[j] + 1 / seen[j + 1])
    currents, u = [], volt
    for j in range(len(g)):
        u *= (seen[j] - r) / seen[j]
        currents.append(u / branch[j])
    return np.array(currents)


def test_one_row_is_a_ladder() -> None:
    g = np.random.default_rng(1).uniform(1e-6, 4e-4, 40)
    assert solve_nodal([g], [0.3], 6.0, 9.0) == pytest.approx(ladder(g, 0.3, 6.0, 9.0), rel=1e-11)


def test_one_column_driven_backward_is_a_ladder() -> None:
    g = np.random.default_rng(2).uniform(1e-6, 4e-4, 40)
    found = solve_nodal(g[:, None], [0.3], 9.0, 6.0, backward=True)
    assert found[::-1] == pytest.approx(ladder(g[::-1], 0.3, 6.0, 9.0), rel=1e-11)


def test_an_endless_ladder_has_the_input_resistance_of_the_closed_form() -> None:
    """Z = r + 1 / (g + 1 / Z)."""
    r, g = 10.0, 1e-3
    z = (r + math.sqrt(r * r + 4 * r / g)) / 2
    assert solve_nodal(np.full((1, 500), g), [1.0], r, 0.0).sum() == pytest.approx(1 / z, rel=1e-12)


def test_an_array_symmetric_about_its_other_diagonal_reads_alike_both_ways() -> None:
    rng = np.random.default_rng(3)
    g = rng.uniform(0, 4e-4, (9, 9))
    g = g + g[::-1, ::-1].T
    v = rng.normal(size=9)
    forward = solve_nodal(g, v, 8.0, 8.0)
    assert solve_nodal(g, v[::-1], 8.0, 8.0, backward=True)[::-1] == pytest.approx(forward, rel=1e-11)
    assert solve_nodal(g, v, 8.0, 8.0, backward=True)[::-1] != pytest.approx(forward, rel=1e-3)


def test_reads_both_ways_are_reciprocal() -> None:
    g = np.random.default_rng(4).uniform(0, 4e-4, (5, 7))
    forward = np.array([solve_nodal(g, each, 15.0, 25.0) for each in np.eye(5)])
    backward = np.array([solve_nodal(g, each, 15.0, 25.0, backward=True) for each in np.eye(7)])
    assert forward == pytest.approx(backward.T, rel=1e-11)
    assert np.all(forward > 0)


def test_the_currents_are_those_of_the_last_segments() -> None:
    rng = np.random.default_rng(5)
    g, v = rng.uniform(0, 4e-4, (6, 8)), rng.normal(size=6)
    row, column = nodal_voltages(g, v, 4.0, 3.0)
    assert column[-1] / 3.0 == pytest.approx(solve_nodal(g, v, 4.0, 3.0), rel=1e-10)
    assert (v - row[:, 0]) / 4.0 == pytest.approx((g * (row - column)).sum(axis=1), rel=1e-9)
    _, column = nodal_voltages(g, np.ones(8), 4.0, 3.0, backward=True)
    assert (1 - column[-1]) / 3.0 == pytest.approx(-(g * (row_of(g) - column)).sum(axis=0), rel=1e-9)


def row_of(g: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return nodal_voltages(g, np.ones(g.shape[1]), 4.0, 3.0, backward=True)[0]


@pytest.mark.parametrize("backward", [False, True])
def test_without_resistance_it_is_the_product(backward: bool) -> None:
    rng = np.random.default_rng(6)
    g = rng.uniform(0, 4e-4, (6, 4))
    v = rng.normal(size=4 if backward else 6)
    product = g @ v if backward else g.T @ v
    assert solve_nodal(g, v, 0, 0, backward=backward) == pytest.approx(product, rel=1e-14)
    for row, column in ((1e-6, 0.0), (0.0, 1e-6)):
        assert solve_nodal(g, v, row, column, backward=backward) == pytest.approx(product, rel=1e-6)


def test_one_line_without_resistance_leaves_only_the_other() -> None:
    g = np.full((1, 2), 1e-3)
    assert solve_nodal(g, [1.0], 0.0, 500.0) == pytest.approx([1 / 1500, 1 / 1500], rel=1e-13)
    assert solve_nodal(g.T, [1.0, 1.0], 500.0, 0.0) == pytest.approx([2 / 1500], rel=1e-13)


def test_devices_of_no_conductance_are_no_trouble() -> None:
    assert np.array_equal(solve_nodal(np.zeros((3, 2)), np.ones(3), 1.0, 1.0), np.zeros(2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1e-4]], [1.0], -1.0, 1.0), "Resistance of a row segment must be a finite number at least 0"),
        (([[1e-4]], [1.0], 1.0, math.nan), "Resistance of a column segment must be a finite number at least 0"),
        (([[1e-4]], [1.0], 1.0, 2e4), "and at most 10000 ohm, not 20000.0"),
        (([[1e-4, math.nan]], [1.0], 1.0, 1.0), "Conductances must be finite, not nan"),
        (([[1e-4, -1e-9]], [1.0], 1.0, 1.0), "Conductances must be not negative, not -1e-09"),
        (([1e-4], [1.0], 1.0, 1.0), r"Conductances must be an array of 2 dimension\(s\), not 1"),
        ((np.zeros((0, 3)), [], 1.0, 1.0), r"Conductances must be of at least one row and one column, not \(0, 3\)"),
        (([["a"]], [1.0], 1.0, 1.0), "Conductances must be real numbers, not <U1"),
        (([[1e-4], [1e-4, 2e-4]], [1.0], 1.0, 1.0), "Conductances must be an array with rows of one length"),
        (([[1e-4]], [math.inf], 1.0, 1.0), "Voltages must be finite, not inf"),
        (([[1e-4, 1e-4]], [1.0, 1.0], 1.0, 1.0), "Voltages must be one for each of the 1 rows, not 2"),
        (([[1e-4]], [[1.0]], 1.0, 1.0), r"Voltages must be an array of 1 dimension\(s\), not 2"),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        solve_nodal(*arguments)


def test_wrong_arguments_of_backward_reads_are_named() -> None:
    with pytest.raises(PulsetrainError, match="Voltages must be one for each of the 2 columns, not 1"):
        solve_nodal([[1e-4, 1e-4]], [1.0], 1.0, 1.0, backward=True)
    with pytest.raises(PulsetrainError, match="backward must be of type bool, not 1"):
        solve_nodal([[1e-4]], [1.0], 1.0, 1.0, backward=1)  # type: ignore[arg-type]
