"""Arrays that users give, brought to the one type, shape and range that is worked with."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.errors import PulsetrainError, check_array


def checked_real_array(thing: str, values: ArrayLike, shape: tuple[int, int]) -> NDArray[np.float64]:
    """``values`` as float64 of ``shape``. Raises PulsetrainError for another shape, or what is not real and finite."""
    array = check_array(thing, values)
    if array.dtype.kind not in "iuf":
        raise PulsetrainError(f"{thing} must be real numbers, not {array.dtype}")
    if array.shape != shape:
        raise PulsetrainError(f"{thing} must have shape {shape} (rows, columns), not {array.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.ascontiguousarray(array, np.float64)
        suspect = not np.isfinite(array.sum())  # quicker than looking at each; a sum may overflow, too
    if suspect and not np.isfinite(array).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise PulsetrainError(f"{thing} must be finite, not {array[row, column]} at row {row}, column {column}")
    return array


def checked_codes(thing: str, codes: ArrayLike, lines: int, limit: int) -> NDArray[np.int32]:
    """``codes`` as int32 (n, ``lines``), contiguous. Raises PulsetrainError unless they are integers within ±limit."""
    array = check_array(thing, codes)
    if array.dtype.kind not in "iu":
        raise PulsetrainError(f"{thing} must be integers, not {array.dtype}")
    if array.ndim != 2 or array.shape[1] != lines:
        raise PulsetrainError(f"{thing} must have shape (n, {lines}) (vectors, driven lines), not {array.shape}")
    if array.size and (int(array.max()) > limit or int(array.min()) < -limit):
        vector, line = (int(i) for i in np.argwhere((array > limit) | (array < -limit))[0])
        raise PulsetrainError(
            f"{thing} must be between {-limit} and {limit}, not {int(array[vector, line])} "
            f"in vector {vector}, line {line}"
        )
    return np.ascontiguousarray(array, np.int32)
