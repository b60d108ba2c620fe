"""Vectors of DAC codes as callers give them, checked once. Specification, sections 12 and 15."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.errors import PulsetrainError, check_array


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
