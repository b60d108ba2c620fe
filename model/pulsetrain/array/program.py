"""Ideal programming of an array by its host, and the error that write-and-verify leaves. Specification, section 18."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.batch import new_batch
from pulsetrain.array.devices import draw_windows, window_in
from pulsetrain.array.record import (
    COUNTS,
    INDEX_PROGRAM,
    STUCK,
    Block,
    conductances,
    flags,
    header,
    program_values,
    reals,
    writes,
)
from pulsetrain.array.store import load, store_all
from pulsetrain.array.tables import curve_at
from pulsetrain.numerics.compiled import compiled
from pulsetrain.numerics.noise import BLOCK, first_uniforms
from pulsetrain.numerics.quantiles import quantiles


@compiled
def program(block: Block, targets: NDArray[np.float64], outside: NDArray[np.bool_]) -> None:
    """Set all devices to ``targets``: whole picosiemens, one a cell, infinities allowed.

    The programming error is added, and the sum cut to the device's own window. ``outside``: whether the target itself
    lies outside that window. All cells are formed then; each counts a write and begins a new age. Stuck cells are set,
    too, but show no apparent noise. The caller counts the programming.
    """
    head = header(block)
    numbers, knots, batch = reals(block), head.program_knots, new_batch(BLOCK)
    seed, number = head.seed, np.uint64(head.programmings)
    errors = program_values(block)
    flag, counted, conductance = flags(block), writes(block), conductances(block)
    low, high, z = numbers.program_low, numbers.program_high, batch.z
    for first in range(0, targets.size, BLOCK):
        n = min(BLOCK, targets.size - first)
        for j in range(n):
            batch.cell[j] = first + j
            flag[first + j] &= np.uint8(STUCK)
            if head.effects & COUNTS:
                counted[first + j] += np.uint32(1)
        load(block, batch, n)
        draw_windows(block, batch, n)
        if knots > 0:
            batch.noise_index[:n] = INDEX_PROGRAM
            first_uniforms(seed, number, batch.cell, batch.noise_index, z[:n])
            quantiles(z[:n], batch.scratch)
        for j in range(n):
            target = targets[first + j]
            bottom, top = window_in(block, batch, j, batch.writes[j])
            outside[first + j] = target < bottom or target > top
            if knots > 0:
                mean = curve_at(errors[:knots], low, high, target)
                sigma = curve_at(errors[knots:], low, high, target)
                target = np.rint(target + mean + sigma * z[j])
            batch.g[j], batch.stored[j] = np.int64(min(max(target, bottom), top)), batch.writes[j]
        store_all(block, batch, n)
        for j in range(n):
            if flag[first + j]:
                conductance[first + j] = batch.g[j]
