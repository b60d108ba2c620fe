"""Devices and pulses that are worked on together: their numbers in arrays, so that loops can be vectorised."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pulsetrain.numerics.compiled import compiled


class Batch(NamedTuple):
    """Room for devices (a slot each) and for pulses at them, in order.

    Of a device: index of its cell, whether it takes a RESET, writes so far, the conductance acted on, the count of the
    write to be stored (−1: none), then its numbers (``array.devices``). Of a pulse: slot of its device, cell, index of
    its noise, how many writes of this operation there are with it, z and p'. ``scratch`` is 3 times as long.
    """

    cell: NDArray[np.int64]
    is_reset: NDArray[np.int64]
    writes: NDArray[np.int64]
    g: NDArray[np.int64]
    stored: NDArray[np.int64]
    slot: NDArray[np.int64]
    at: NDArray[np.int64]
    noise_index: NDArray[np.int64]
    nth: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    factor: NDArray[np.float64]
    both: NDArray[np.float64]
    noise: NDArray[np.float64]
    endurance: NDArray[np.float64]
    z: NDArray[np.float64]
    p: NDArray[np.float64]
    scratch: NDArray[np.float64]


@compiled
def new_batch(size: int) -> Batch:
    """A batch of up to ``size`` devices and as many pulses."""
    whole, real = np.empty((9, size), np.int64), np.empty((8, size))
    return Batch(
        whole[0], whole[1], whole[2], whole[3], whole[4], whole[5], whole[6], whole[7], whole[8],
        real[0], real[1], real[2], real[3], real[4], real[5], real[6], real[7], np.empty(3 * size),
    )  # fmt: skip
