"""Line resistance of a crossbar, solved to a tolerance: conjugate gradients on the voltages across the devices.

The network, its ends and its two kinds of reads are those at the head of ``sums``. With y the voltages
across the devices, g·y are their currents, and the drops along the rows and along the columns are sums of those:

    y + K(g·y) = V,    K(i)_ab = r_row · Σ_d min(b, d)' · i_ad + r_column · Σ_c min(a, c)' · i_cb,

min' counting the segments that two cells of a line have in common on their way to its end. K is two running sums each
way, and y ↦ y + K(g·y) is symmetric and at least 1 in the product <x, y> = Σ g·x·y, so conjugate gradients (Hestenes
and Stiefel, 1952, doi:10.6028/jres.049.044) converge without any preconditioner, for zero resistance in one step, and
an error is never larger than the residual: that of each current is at most

    tolerance · √(G · P),    G the sum of the sensed line's conductances, P = Σ g·V² the power without resistance.

All sums have a fixed order, so results are the same bits on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.array.wires.reference import check_network
from pulsetrain.errors import PulsetrainError, check_real
from pulsetrain.numerics.compiled import compiled, inlined

TOGETHER = 4
"""Rows whose running sums are taken at once, as each waits for its last sum."""


def solve(
    conductance: ArrayLike,
    volts: ArrayLike,
    r_row: float,
    r_column: float,
    *,
    backward: bool = False,
    tolerance: float = 1e-12,
) -> NDArray[np.float64]:
    """The currents out of the sensed lines, in amperes, within the error at the head of this file.

    ``conductance``: (rows, columns), siemens, finite, not negative. ``volts``: one finite voltage for each driven line:
    the rows, or the columns if ``backward``. ``r_row``, ``r_column``: 0 … 10,000 ohm a segment. ``tolerance``: 1e-14 …
    0.1. Raises PulsetrainError, also if resistance times conductance is too large to converge.
    """
    g, v, r_row, r_column = check_network(conductance, volts, r_row, r_column, backward)
    tolerance = check_real("Tolerance", tolerance, low=1e-14, high=0.1)
    rows, columns = g.shape
    more = -rows % TOGETHER  # rows without devices at the far ends of the columns change nothing
    whole, y, r, p, s = np.zeros((5, more + rows, columns))
    whole[more:] = g
    r[more:] = v if backward else v[:, None]
    steps = _conjugate_gradients(whole, r_row, r_column, tolerance, 10 * (rows + columns) + 1000, y, r, p, s)
    if steps < 0:
        largest = max(r_row, r_column) * g.max()
        raise PulsetrainError(
            f"Resistance of a segment times conductance must be small enough to converge, not {largest:g}"
        )
    return _currents(g, y[more:], backward)


@compiled
def _currents(g: NDArray[np.float64], y: NDArray[np.float64], backward: bool) -> NDArray[np.float64]:
    """The sums of g·y along the sensed lines."""
    rows, columns = g.shape
    currents = np.zeros(rows if backward else columns)
    for i in range(rows):
        for j in range(columns):
            currents[i if backward else j] += g[i, j] * y[i, j]
    return currents


@compiled
def _conjugate_gradients(
    g: NDArray[np.float64], r_row: float, r_column: float, tolerance: float, limit: int, y: NDArray[np.float64],
    r: NDArray[np.float64], p: NDArray[np.float64], s: NDArray[np.float64],
) -> int:  # fmt: skip
    """Solve y + K(g·y) = r. Returns the number of steps, −1 if ``limit`` were not enough; r, p, s are used up."""
    rows, columns = g.shape
    sums, partial = np.zeros(columns), np.zeros((columns, TOGETHER))
    y[:] = 0.0
    p[:] = r
    for i in range(rows):
        for j in range(columns):
            sums[j] += g[i, j] * r[i, j] * r[i, j]
    rho = _total(sums)
    enough = rho * tolerance * tolerance
    for step in range(limit):
        if rho <= enough:
            return step
        _apply(g, r_row, r_column, p, s, sums, partial)
        sums[:] = 0.0
        for i in range(rows):
            for j in range(columns):
                sums[j] += g[i, j] * p[i, j] * s[i, j]
        alpha = np.true_divide(rho, _total(sums))
        sums[:] = 0.0
        for i in range(rows):
            for j in range(columns):
                y[i, j] += alpha * p[i, j]
                r[i, j] -= alpha * s[i, j]
                sums[j] += g[i, j] * r[i, j] * r[i, j]
        before, rho = rho, _total(sums)
        beta = np.true_divide(rho, before)
        for i in range(rows):
            for j in range(columns):
                p[i, j] = r[i, j] + beta * p[i, j]
    return -1


@inlined
def _total(sums: NDArray[np.float64]) -> float:
    total = 0.0
    for j in range(sums.size):
        total += sums[j]
    return total


@inlined
def _apply(
    g: NDArray[np.float64], r_row: float, r_column: float, p: NDArray[np.float64], s: NDArray[np.float64],
    sums: NDArray[np.float64], partial: NDArray[np.float64],
) -> None:  # fmt: skip
    """s = p + K(g·p). A segment carries the currents of all cells beyond it, a cell sees the drops of all before it."""
    rows, columns = g.shape
    sums[:] = 0.0
    for i in range(rows):
        for j in range(columns):
            sums[j] += g[i, j] * p[i, j]
            s[i, j] = r_column * sums[j]
    sums[:] = 0.0
    for i in range(rows - 1, -1, -1):
        for j in range(columns):
            sums[j] += s[i, j]
            s[i, j] = p[i, j] + sums[j]
    for i in range(0, rows, TOGETHER):
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        for j in range(columns - 1, -1, -1):
            a += g[i, j] * p[i, j]
            b += g[i + 1, j] * p[i + 1, j]
            c += g[i + 2, j] * p[i + 2, j]
            d += g[i + 3, j] * p[i + 3, j]
            partial[j, 0], partial[j, 1], partial[j, 2], partial[j, 3] = a, b, c, d
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        for j in range(columns):
            a += r_row * partial[j, 0]
            b += r_row * partial[j, 1]
            c += r_row * partial[j, 2]
            d += r_row * partial[j, 3]
            s[i, j] += a
            s[i + 1, j] += b
            s[i + 2, j] += c
            s[i + 3, j] += d
