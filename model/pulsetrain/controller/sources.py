"""Update sources: the deltas that two or four vectors of codes stand for. Specification, section 15."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.controller.codes import checked_codes
from pulsetrain.errors import PulsetrainError
from pulsetrain.numerics.compiled import compiled
from pulsetrain.numerics.threads import run_blocks


def outer_deltas(
    config: ControllerConfig,
    rows_a: ArrayLike,
    columns_a: ArrayLike,
    rows_b: ArrayLike | None = None,
    columns_b: ArrayLike | None = None,
) -> NDArray[np.signedinteger]:
    """rows_a · columns_a, or rows_a · columns_a − rows_b · columns_b, of every cell: (rows, weights of a row).

    Rows and columns are vectors of integers within ``dac_bits``. The products are exact, int16 for ``delta_bits`` up to
    16 and int32 above, as updates take them. Raises PulsetrainError for another shape, type or range.
    """
    if (rows_b is None) != (columns_b is None):
        missing = "Rows B" if rows_b is None else "Columns B"
        raise PulsetrainError(f"{missing} must be given with its companion, not None")
    x, y = _codes(config, "A", rows_a, columns_a)
    second = None if rows_b is None or columns_b is None else _codes(config, "B", rows_b, columns_b)
    u, v = (np.zeros_like(x), y) if second is None else second
    shape = (config.rows, config.weight_columns)
    deltas = np.empty(shape, np.int16 if config.delta_bits <= 16 else np.int32)
    run_blocks(lambda first, last: _differences(x, y, u, v, first, last, deltas), *shape)
    return deltas


def _codes(
    config: ControllerConfig, which: str, rows: ArrayLike, columns: ArrayLike
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    x = checked_codes(f"Rows {which}", np.asarray(rows)[np.newaxis], config.rows, config.dac_max)
    y = checked_codes(f"Columns {which}", np.asarray(columns)[np.newaxis], config.weight_columns, config.dac_max)
    return x[0], y[0]


@compiled(nogil=True)
def _differences(
    x: NDArray[np.int32],
    y: NDArray[np.int32],
    u: NDArray[np.int32],
    v: NDArray[np.int32],
    first: int,
    last: int,
    out: NDArray[np.signedinteger],
) -> None:
    """x · y − u · v for rows first … last − 1; most rows of a training step have a code of 0."""
    for i in range(first, last):
        a, b = np.int32(x[i]), np.int32(u[i])
        row = out[i]
        if a == 0 and b == 0:
            row[:] = 0
        elif b == 0:
            for j in range(row.size):
                row[j] = np.int32(a * y[j])
        else:
            for j in range(row.size):
                row[j] = np.int32(a * y[j] - b * v[j])
