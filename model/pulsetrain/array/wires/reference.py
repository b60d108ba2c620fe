"""The plain nodal solution of a crossbar with line resistance, by scipy: what ``sums`` and ``exact`` must match.

The network, its ends and its two kinds of reads are those at the head of ``sums``. Kirchhoff's law of
currents at each of the 2 · rows · columns nodes is one sparse system, solved directly. Slow; for tests and for a look
at the voltages inside.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.errors import PulsetrainError, check_array, check_real, check_type

RESISTANCE_LIMIT = 1e4
"""The most ohms a segment."""


def solve_nodal(
    conductance: ArrayLike, volts: ArrayLike, r_row: float, r_column: float, *, backward: bool = False
) -> NDArray[np.float64]:
    """The currents out of the sensed lines, in amperes.

    ``conductance``: (rows, columns), siemens, finite, not negative. ``volts``: one finite voltage for each driven line:
    the rows, or the columns if ``backward``. ``r_row``, ``r_column``: 0 … 10,000 ohm a segment. Raises PulsetrainError.
    """
    row, column = nodal_voltages(conductance, volts, r_row, r_column, backward=backward)
    currents = np.asarray(conductance, float) * (column - row if backward else row - column)
    return np.asarray(currents.sum(axis=1 if backward else 0), float)


def nodal_voltages(
    conductance: ArrayLike, volts: ArrayLike, r_row: float, r_column: float, *, backward: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The voltages of the nodes of the rows and of those of the columns, both (rows, columns). Arguments as above."""
    import scipy.sparse  # here: half a second that nothing else needs
    import scipy.sparse.linalg

    g, v, r_row, r_column = check_network(conductance, volts, r_row, r_column, backward)
    rows, columns = g.shape
    nodes = np.arange(rows * columns).reshape(rows, columns)
    at_rows = np.repeat(np.zeros(rows) if backward else v, columns).reshape(rows, columns)
    at_columns = np.tile(v if backward else np.zeros(columns), (rows, 1))
    # A line without resistance is at the voltage of its end everywhere: its nodes are known, not solved for.
    known = np.concatenate([np.full(g.size, r_row == 0), np.full(g.size, r_column == 0)])
    voltages = np.concatenate([at_rows.ravel(), at_columns.ravel()])
    branches = [(nodes.ravel(), nodes.ravel() + g.size, g.ravel())]
    to_ends = np.zeros(2 * g.size)
    if r_row > 0:
        branches.append((nodes[:, :-1].ravel(), nodes[:, 1:].ravel(), np.full(rows * (columns - 1), 1 / r_row)))
        to_ends[nodes[:, 0]] = 1 / r_row
    if r_column > 0:
        below, above = nodes[1:].ravel() + g.size, nodes[:-1].ravel() + g.size
        branches.append((above, below, np.full((rows - 1) * columns, 1 / r_column)))
        to_ends[nodes[-1] + g.size] = 1 / r_column
    a, b, each = (np.concatenate(parts) for parts in zip(*branches, strict=True))
    i, j = np.concatenate([a, b, a, b]), np.concatenate([a, b, b, a])
    matrix = scipy.sparse.csr_array((np.concatenate([each, each, -each, -each]), (i, j)))
    matrix = matrix + scipy.sparse.diags_array(to_ends)
    free = ~known
    if free.any():
        right = to_ends[free] * voltages[free] - matrix[free][:, known] @ voltages[known]
        voltages[free] = scipy.sparse.linalg.spsolve(matrix[free][:, free].tocsc(), right)
    return voltages[: g.size].reshape(g.shape), voltages[g.size :].reshape(g.shape)


def check_network(
    conductance: ArrayLike, volts: ArrayLike, r_row: Any, r_column: Any, backward: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]:
    """The arguments of ``solve_nodal`` as they must be, or a PulsetrainError."""
    check_type("backward", backward, bool)
    g = _numbers("Conductances", conductance, 2)
    if g.size == 0 or not np.all(g >= 0):
        rule = "not negative" if g.size else "of at least one row and one column"
        raise PulsetrainError(f"Conductances must be {rule}, not {g.min() if g.size else g.shape}")
    v = _numbers("Voltages", volts, 1)
    driven, lines = g.shape[1 if backward else 0], "columns" if backward else "rows"
    if v.size != driven:
        raise PulsetrainError(f"Voltages must be one for each of the {driven} {lines}, not {v.size}")
    r_row = check_real("Resistance of a row segment", r_row, low=0, high=RESISTANCE_LIMIT, unit="ohm")
    r_column = check_real("Resistance of a column segment", r_column, low=0, high=RESISTANCE_LIMIT, unit="ohm")
    return g, v, r_row, r_column


def _numbers(thing: str, values: ArrayLike, dimensions: int) -> NDArray[np.float64]:
    array = check_array(thing, values)
    if array.dtype.kind not in "iuf":
        raise PulsetrainError(f"{thing} must be real numbers, not {array.dtype}")
    if array.ndim != dimensions:
        raise PulsetrainError(f"{thing} must be an array of {dimensions} dimension(s), not {array.ndim}")
    wrong = array[~np.isfinite(array)]
    if wrong.size:
        raise PulsetrainError(f"{thing} must be finite, not {wrong[0]}")
    return np.ascontiguousarray(array, np.float64)
