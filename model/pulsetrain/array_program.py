"""Ideal programming of an array by its host, and the error that write-and-verify leaves. Specification, section 18."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array_block import (
    AT_PROGRAM,
    AT_RELAX,
    COLUMNS,
    INDEX_PROGRAM,
    PROGRAM_HIGH,
    PROGRAM_KNOTS,
    PROGRAM_LOW,
    PROGRAMMINGS,
    SEED,
    STUCK,
    Block,
    conductances,
    flags,
    reals,
)
from pulsetrain.array_devices import count_of, count_write, device_of, window_of
from pulsetrain.array_store import store
from pulsetrain.array_tables import curve_at
from pulsetrain.compiled import compiled
from pulsetrain.noise import normal_of


@compiled
def program(block: Block, targets: NDArray[np.float64], outside: NDArray[np.bool_]) -> None:
    """Set all devices to ``targets``: whole picosiemens, one a cell, infinities allowed.

    The programming error is added, and the sum cut to the device's own window. ``outside``: whether the target itself
    lies outside that window. All cells are formed then; each counts a write and begins a new age. Stuck cells are set,
    too, but show no apparent noise. The caller counts the programming.
    """
    numbers, knots, scratch = reals(block), block[PROGRAM_KNOTS], np.empty(1)
    seed, number = np.uint64(block[SEED]), np.uint64(block[PROGRAMMINGS])
    errors = block[block[AT_PROGRAM] : block[AT_RELAX]].view(np.float64)
    flag, low, high = flags(block), numbers[PROGRAM_LOW], numbers[PROGRAM_HIGH]
    for cell in range(targets.size):
        count_write(block, cell)
        flag[cell] &= np.uint8(STUCK)
        target = targets[cell]
        bottom, top = window_of(block, cell, device_of(block, cell, scratch))
        outside[cell] = target < bottom or target > top
        if knots > 0:
            mean = curve_at(errors[:knots], low, high, target)
            sigma = curve_at(errors[knots:], low, high, target)
            target = np.rint(target + mean + sigma * normal_of(seed, number, cell, INDEX_PROGRAM, scratch))
        inside = int(min(max(target, float(bottom)), float(top)))
        store(block, cell, cell // block[COLUMNS], inside, count_of(block, cell), scratch)
        if flag[cell]:
            conductances(block)[cell] = inside
