"""The decision: how many pulses a cell gets for its delta and its random word. Specification, section 5."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsetrain.numerics.compiled import compiled


@compiled
def _decide(
    deltas: NDArray[np.signedinteger],
    words: NDArray[np.unsignedinteger],
    t: int,
    max_pulses: int,
    counts: NDArray[np.int16],
) -> int:
    mask = (1 << t) - 1
    saturated = 0
    for i in range(deltas.size):
        d = int(np.int64(deltas[i]))
        m = abs(d)
        n = (m >> t) + ((int(np.int64(words[i])) & mask) < (m & mask))
        saturated += n > max_pulses
        n = min(n, max_pulses)
        counts[i] = -n if d < 0 else n
    return saturated


def decide(
    deltas: NDArray[np.signedinteger],
    words: NDArray[np.unsignedinteger],
    *,
    threshold_log2: int,
    max_pulses: int,
) -> tuple[NDArray[np.int16], int]:
    """Pulse counts of any number of cells, and how many of them were saturated. Specification, section 5.

    ``deltas``: signed integers (their width checked by the caller), any shape; ``words``: unsigned integers, as many,
    of which the low ``threshold_log2`` bits decide. Returns counts int16 of the shape of ``deltas``, positive for SET,
    negative for RESET, 0 for cells that do not fire, each at most ``max_pulses`` in magnitude. No rounding: the mean
    over all words of the unsaturated count times 2^threshold_log2 is the magnitude of the delta.
    """
    counts = np.empty(deltas.shape, np.int16)
    flat = np.ascontiguousarray(deltas).reshape(-1)
    saturated = _decide(flat, words.reshape(-1), threshold_log2, max_pulses, counts.reshape(-1))
    return counts, int(saturated)
