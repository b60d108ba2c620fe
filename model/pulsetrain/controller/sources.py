"""Update sources: the deltas that two or four vectors of codes stand for. Specification, section 15."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.array import checked_codes
from pulsetrain.config import ControllerConfig
from pulsetrain.errors import PulsetrainError


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
    deltas = _products(config, "A", rows_a, columns_a)
    if rows_b is not None and columns_b is not None:
        deltas -= _products(config, "B", rows_b, columns_b)
    return deltas.astype(np.int16 if config.delta_bits <= 16 else np.int32)


def _products(config: ControllerConfig, which: str, rows: ArrayLike, columns: ArrayLike) -> NDArray[np.int32]:
    x = checked_codes(f"Rows {which}", np.asarray(rows)[np.newaxis], config.rows, config.dac_max)
    y = checked_codes(f"Columns {which}", np.asarray(columns)[np.newaxis], config.weight_columns, config.dac_max)
    return x.reshape(-1, 1) * y
