"""Pair mode: which devices take the pulses of a weight. Specification, section 15."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsetrain.contract.enumerations import PairPolicy
from pulsetrain.controller.fired import FiredCells


def device_counts(counts: NDArray[np.int16], policy: PairPolicy) -> NDArray[np.int16]:
    """Pulses of the devices for those of the weights: int16 (rows, weights) to int16 (rows, 2 · weights).

    Positive for SET, negative for RESET; columns 2m and 2m + 1 are G⁺ and G⁻ of weight m.
    """
    up, down = np.maximum(counts, 0), np.minimum(counts, 0)
    devices = np.zeros((counts.shape[0], counts.shape[1], 2), np.int16)
    if policy is not PairPolicy.RESET_ONLY:
        devices[:, :, 0] += up
        devices[:, :, 1] -= down
    if policy is not PairPolicy.SET_ONLY:
        devices[:, :, 0] += down
        devices[:, :, 1] -= up
    return devices.reshape(counts.shape[0], -1)


def fired_devices(weights: FiredCells, policy: PairPolicy) -> FiredCells:
    """As ``device_counts``, from the weights that fired to the devices that fired."""
    shape = (weights.shape[0], 2 * weights.shape[1])
    cells, counts = 2 * weights.cells, weights.counts
    if policy is PairPolicy.SET_ONLY:
        return FiredCells(cells + (counts < 0), np.abs(counts), shape)
    if policy is PairPolicy.RESET_ONLY:
        return FiredCells(cells + (counts > 0), -np.abs(counts), shape)
    both = np.stack([cells, cells + 1], axis=1), np.stack([counts, -counts], axis=1)
    return FiredCells(both[0].reshape(-1), both[1].reshape(-1), shape)
