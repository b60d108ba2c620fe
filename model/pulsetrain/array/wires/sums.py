"""Line resistance of a crossbar: sums of code × conductance as they arrive at the converters. Specification, 18.

The network, here with three rows and three columns; ``=`` is a segment of r_row, ``‖`` one of r_column::

              column 0   column 1   column 2
    row 0  o==+==========+==========+            +  two nodes, one of the row and one of the column,
              ‖          ‖          ‖               and a device of conductance g between them
    row 1  o==+==========+==========+            o  the end of a line: its driver or its converter
              ‖          ‖          ‖
    row 2  o==+==========+==========+
              ‖          ‖          ‖
              o          o          o

Every line ends at one side only, rows before column 0 and columns after the last row, in a selector that connects it to
a driver or to a converter. Drivers are ideal sources, converters ideal grounds whose current is measured. A forward
read drives the rows and senses the columns, a backward read drives the columns and senses the rows of the same network,
so the current of column j for a voltage on row i alone is that of row i for the same voltage on column j (reciprocity).
In a read of one row the transistors of all other rows are off, and only that row's devices conduct. Resistance of
drivers, selectors and transistors is not part of it; that of a transistor belongs to the device's conductance.

``wired_sums`` solves the network approximately. A pass solves first all driven lines exactly, with the voltages of the
sensed lines as they are (0 at first), then all sensed lines exactly with the new voltages of the driven ones (block
Gauss-Seidel on the nodal equations, each block a tridiagonal system; Varga, Matrix Iterative Analysis, 1962). Where
voltages vary slowly the error shrinks per pass by about

    a = q_row / (1 + q_row) · q_column / (1 + q_column),   q = 8 / π² · r · (mean over lines of Σ_k k · g_k),

k = 1, 2, … the segments from the end of the line (exact for equal conductances), so the result of several passes is
extrapolated from the last two: I_n + e · (I_n − I_(n−1)), e = a / (1 − a), at most 1. The result is linear in the
codes, reciprocal up to rounding, and without resistance the exact product. Up to which error it differs from the exact
one: of any sensed line, relative to the largest output with all lines driven fully, for n × n devices of mean
conductance ḡ (all equal, or random between 0 and 2·ḡ), r ohm a segment of both lines, forward and backward, and codes
that are all equal, random, random of either sign, or 10 % at the top and the others 0; first of the product that
ignores the lines:

    | r·ḡ·n² at most | product | 1 pass | 2 passes | 3 passes | 4 passes | for example                 |
    |           0.06 | 0.06    | 0.0006 | 0.00000003 | 1e-9   | 1e-9     | 32 lines, 0.5 ohm, 100 µS   |
    |           0.21 | 0.3     | 0.009  | 0.000004 | 0.00000003 | 1e-8   | 64 lines, 0.5 ohm, 100 µS   |
    |           0.41 | 0.5     | 0.03   | 0.00005  | 0.0000007 | 3e-8    | 64 lines, 1 ohm, 100 µS     |
    |           0.82 | 0.8     | 0.07   | 0.0004   | 0.00002  | 0.000001 | 64 lines, 2 ohm, 100 µS     |
    |            1.7 | 1.4     | 0.15   | 0.003    | 0.0002   | 0.00002  | 128 lines, 1 ohm, 100 µS    |
    |            3.3 | 2.1     | 0.2    | 0.015    | 0.001    | 0.0002   | 128 lines, 2 ohm, 100 µS    |
    |            6.6 | 3.2     | 0.25   | 0.05     | 0.015    | 0.006    | 256 lines, 1 ohm, 100 µS    |
    |             14 | 5       | 0.25   | 0.15     | 0.1      | 0.07     | 256 lines, 2 ohm, 100 µS    |
    |            263 | 25      | 0.3    | 0.2      | 0.15     | 0.15     | 256 lines, 10 ohm, 400 µS   |

(Measured over 32 … 256 lines, 0.5 … 10 ohm, 20 … 400 µS, with a fifth to spare.) One pass takes about 5 ns a cell and
two take 12, most of it for two divisions a cell and pass; the bare product takes 0.1, a whole read with converters
0.7. Where r·ḡ·n² is large, more passes help little; ``pulsetrain.array.wires.exact`` solves to any tolerance.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pulsetrain.numerics.compiled import compiled, copy_to, inlined

LANES = 16
"""Lines that are solved at once."""
SIEMENS = 1e-12
"""The unit of conductance here, in siemens: codes count as volts, so currents are in code × picosiemens."""
SMOOTHEST = 8 / math.pi**2
"""The largest eigenvalue of a long line of equal devices (4·n²/π² · r·g, n devices) over its r · Σ k·g_k."""
EXTRAPOLATION_LIMIT = 1.0
"""The most of the last correction that is added once more."""


def scratch_size(rows: int, columns: int) -> int:
    """How many float64 ``wired_sums`` and ``wired_row`` need: 8 bytes a cell, 408 a line of the longer side."""
    longest = -(-max(rows, columns) // LANES) * LANES
    return rows * columns + (3 * LANES + 3) * longest + 2 * LANES


@compiled
def wired_sums(
    conductance: NDArray[np.int32], codes: NDArray[np.int32], backward: bool, r_row: float, r_column: float,
    passes: int, scratch: NDArray[np.float64], out: NDArray[np.float64],
) -> None:  # fmt: skip
    """What arrives of Σ code · conductance at the end of each sensed line, to ``out``, in code × picosiemens.

    ``conductance``: (rows, columns), picosiemens, 0 … 2^31 − 1. ``codes``: one for each driven line, the rows, or the
    columns if ``backward``; ``out``: one for each of the others. ``r_row``, ``r_column``: ohms a segment, not negative.
    ``passes``: at least 1. ``scratch``: ``scratch_size`` float64, of any values. Nothing is checked.
    """
    rows, columns = conductance.shape
    longest, cells = (max(rows, columns) + LANES - 1) // LANES * LANES, rows * columns
    voltages = scratch[:cells].reshape(rows, columns)
    blocks = scratch[cells : cells + 3 * LANES * longest].reshape(3, longest, LANES)
    blocks[:] = 0.0  # lines beyond the last are solved, too: as lines without devices
    ends = scratch[cells + 3 * LANES * longest :]
    drivers, grounds, currents = ends[:longest], ends[longest : 2 * longest], ends[2 * longest : 3 * longest]
    carry = ends[3 * longest : 3 * longest + 2 * LANES].reshape(2, LANES)
    drivers[:] = 0.0
    copy_to(drivers[: codes.size], codes)
    grounds[:] = 0.0
    for half in range(2 * passes):  # the driven lines, then the sensed ones: one call for both is compiled once
        sensed = half % 2 == 1
        rows_now, last = backward == sensed, half == 2 * passes - 1
        resistance, ports = r_row if rows_now else r_column, grounds if sensed else drivers
        _solve_all(conductance, voltages, rows_now, resistance, ports, half == 0, last, blocks, carry, currents)
        if sensed:
            extra = _extrapolation(conductance, r_row, r_column, drivers) if last and half > 1 else 0.0
            for k in range(out.size):
                out[k] = currents[k] + extra * (currents[k] - out[k]) if half > 1 else currents[k]


@compiled
def wired_row(
    conductance: NDArray[np.int32], code: int, row: int, r_row: float, r_column: float, scratch: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:  # fmt: skip
    """What arrives of code · conductance of ``row`` alone at the end of each column, to ``out``: exact, not in passes.

    Each device has all segments of its column from its row on in series. Arguments as of ``wired_sums``.
    """
    rows, columns = conductance.shape
    below, along = r_column * SIEMENS * (rows - row), r_row * SIEMENS
    seen = 0.0
    for j in range(columns - 1, -1, -1):
        g = float(conductance[row, j])
        out[j] = np.true_divide(g, 1.0 + below * g)
        seen += out[j]
        scratch[j] = np.true_divide(1.0, 1.0 + along * seen)
        seen *= scratch[j]
    voltage = float(code)
    for j in range(columns):
        voltage *= scratch[j]
        out[j] *= voltage


@inlined
def _extrapolation(conductance: NDArray[np.int32], r_row: float, r_column: float, sums: NDArray[np.float64]) -> float:
    """How much of the last correction is added once more: a / (1 − a) of the head of this file, at most the limit.

    ``sums``: scratch, as long as a row.
    """
    rows, columns = conductance.shape
    sums[:columns] = 0.0
    along_columns = 0.0
    for i in range(rows):
        total = np.int64(0)
        for j in range(columns):
            total += np.int64(conductance[i, j])
            sums[j] += float(conductance[i, j])
        along_columns += float(total) * (rows - i)
    along_rows = 0.0
    for j in range(columns):
        along_rows += sums[j] * (j + 1)
    q_row = SMOOTHEST * SIEMENS * r_row * along_rows / rows
    q_column = SMOOTHEST * SIEMENS * r_column * along_columns / columns
    a = q_row / (1.0 + q_row) * (q_column / (1.0 + q_column))
    return float(min(a / (1.0 - a), EXTRAPOLATION_LIMIT))


@inlined
def _solve_all(
    conductance: NDArray[np.int32], voltages: NDArray[np.float64], rows: bool, resistance: float,
    ports: NDArray[np.float64], first: bool, last: bool, blocks: NDArray[np.float64], carry: NDArray[np.float64],
    currents: NDArray[np.float64],
) -> None:  # fmt: skip
    """Solve all rows, or all columns: ``voltages``, those of the crossing lines, become those of these lines.

    ``ports``: the voltages at the ends of the lines. ``first``: the crossing lines are at 0, not at ``voltages``.
    ``last``: ``voltages`` stay. ``currents``: those out of lines whose port is at 0.
    """
    lines, length = conductance.shape[0 if rows else 1], conductance.shape[1 if rows else 0]
    g, x, f = blocks[0, :length], blocks[1, :length], blocks[2, :length]
    for begin in range(0, lines, LANES):
        end = min(begin + LANES, lines)
        if rows:
            _load_rows(conductance[begin:end], voltages[begin:end], g, x)
        else:
            _load_columns(conductance, voltages, begin, end - begin, g, x)
        if first:
            x[:] = 0.0
        _solve(g, x, f, carry, resistance * SIEMENS, rows, ports[begin : begin + LANES], not last)
        if not last and rows:
            _store_rows(voltages[begin:end], x)
        elif not last:
            _store_columns(voltages, begin, end - begin, x)
        copy_to(currents[begin:end], carry[1])


@inlined
def _solve(
    g: NDArray[np.float64], x: NDArray[np.float64], f: NDArray[np.float64], carry: NDArray[np.float64],
    r: float, port_first: bool, ports: NDArray[np.float64], back: bool,
) -> None:  # fmt: skip
    """Solve ``LANES`` lines, (cells, lines); ``x``: the voltages across from the cells become those on the lines.

    From the far end of a line on: what lies at and beyond cell k draws Y·u − S at the voltage u of the cell, with
    Y = g_k + f·Y and S = g_k·x_k + f·S, f = 1 / (1 + r·Y) and Y, S on the right those of the cell before. Then from the
    port back: u_k = f_k·(u + r·S_k), u the voltage one segment nearer to the port. No differences, so nothing cancels,
    and r = 0 is no special case. Leaves f·S of the cell at the port in ``carry[1]``: the current out of a port at 0.
    ``port_first``: the port is before the first cell, not after the last. ``back``: else ``x`` is of no use afterwards.
    """
    cells = g.shape[0]
    y, s = carry[0], carry[1]
    y[:] = 0.0
    s[:] = 0.0
    for n in range(cells):
        k = cells - 1 - n if port_first else n
        for m in range(LANES):
            admittance, source = g[k, m] + y[m], g[k, m] * x[k, m] + s[m]
            f[k, m] = np.true_divide(1.0, 1.0 + r * admittance)
            x[k, m] = r * source
            y[m] = f[k, m] * admittance
            s[m] = f[k, m] * source
    if back:
        copy_to(y, ports)
        for n in range(cells):
            k = n if port_first else cells - 1 - n
            for m in range(LANES):
                y[m] = f[k, m] * (y[m] + x[k, m])
                x[k, m] = y[m]


@inlined
def _load_rows(
    conductance: NDArray[np.int32], voltages: NDArray[np.float64], g: NDArray[np.float64], x: NDArray[np.float64],
) -> None:  # fmt: skip
    """Some rows to blocks (cells of a row, rows). Lines of the block beyond them are left without devices."""
    g[:, conductance.shape[0] :] = 0.0
    for m in range(conductance.shape[0]):
        for k in range(conductance.shape[1]):
            g[k, m] = conductance[m, k]
        for k in range(conductance.shape[1]):
            x[k, m] = voltages[m, k]


@inlined
def _load_columns(
    conductance: NDArray[np.int32], voltages: NDArray[np.float64], begin: int, count: int, g: NDArray[np.float64],
    x: NDArray[np.float64],
) -> None:  # fmt: skip
    """``count`` columns from ``begin`` on to blocks (cells of a column, columns), as above."""
    g[:, count:] = 0.0
    for k in range(conductance.shape[0]):
        for m in range(count):
            g[k, m] = conductance[k, begin + m]
        for m in range(count):
            x[k, m] = voltages[k, begin + m]


@inlined
def _store_rows(voltages: NDArray[np.float64], x: NDArray[np.float64]) -> None:
    for k in range(voltages.shape[1]):
        for m in range(voltages.shape[0]):
            voltages[m, k] = x[k, m]


@inlined
def _store_columns(voltages: NDArray[np.float64], begin: int, count: int, x: NDArray[np.float64]) -> None:
    for k in range(voltages.shape[0]):
        for m in range(count):
            voltages[k, begin + m] = x[k, m]
