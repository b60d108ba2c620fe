"""How a cell answers a pulse. Specification, sections 12 and 18."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array_block import (
    AT_NORMALS,
    AT_SCRATCH,
    COLUMNS,
    CYCLES,
    FORM,
    FORM_YIELD,
    FORMED,
    FRESH,
    HIGH,
    KIND,
    LEVELS,
    LOW,
    OPERATION,
    RESET,
    SEED,
    SET,
    SOFT,
    STEP_RESET,
    STEP_SET,
    STUCK,
    WINDOW_HITS,
    WRITE_NOISE,
    Block,
    conductances,
    flags,
    pulses,
    reals,
)
from pulsetrain.compiled import compiled, inlined
from pulsetrain.noise import normal_of, second_normal_of, uniform_of


@inlined
def share(step: float, part: int, whole: int) -> float:
    """The share part/whole of a step; as it is if the share is 1 or there is nothing to compare with."""
    return step if part == whole or whole == 0 else (step * part) / whole


@compiled
def mean_step(block: Block, operation: int, g: int) -> float:
    """The size of a whole pulse before the noise at conductance ``g``, in picosiemens, without its sign."""
    numbers = reals(block)
    low, high = float(block[LOW]), float(block[HIGH])
    middle = (low + high) / 2
    if operation == RESET:
        step = numbers[STEP_RESET]
        return float(step * ((g - low) / (middle - low)) if block[KIND] == SOFT else step)
    step = numbers[STEP_SET]
    return float(step * ((high - g) / (high - middle)) if block[KIND] == SOFT else step)


@inlined
def in_window(block: Block, target: int) -> int:
    """``target`` cut to the window; a cut is counted."""
    low, high = block[LOW], block[HIGH]
    if target < low or target > high:
        block[WINDOW_HITS] += 1
        target = min(max(target, low), high)
    return target


@compiled
def pulse(block: Block, operation: int, row: int, cycles: int, level: int, columns: NDArray[np.uint64]) -> None:
    """Apply one pulse of a closed loop at once: SET, RESET or FORM on the ``columns`` (a bit each) of ``row``.

    ``cycles``: how long the strobe was high; ``level``: the bit code of SET and FORM, the source code of RESET.
    Cells count their pulses within the operation, whatever becomes of them.
    """
    width, numbers = block[COLUMNS], reals(block)
    conductance, flag, index = conductances(block), flags(block), pulses(block)
    scratch = block[block[AT_SCRATCH] : block[AT_NORMALS]].view(np.float64)
    seed, number, sigma = np.uint64(block[SEED]), np.uint64(block[OPERATION]), numbers[WRITE_NOISE]
    for column in range(width):
        if (columns[column >> 6] >> np.uint64(column & 63)) & np.uint64(1) == np.uint64(0):
            continue
        cell = row * width + column
        index[cell] += np.uint32(1)
        k, g = int(index[cell]), int(conductance[cell])
        if flag[cell] & STUCK:
            continue
        if flag[cell] & FRESH:
            if operation != FORM or uniform_of(seed, number, cell, k) >= numbers[FORM_YIELD]:
                continue
            flag[cell] = np.uint8(0)
            target = int(np.rint(block[FORMED] + sigma * second_normal_of(seed, number, cell, k, scratch)))
        else:
            step = share(mean_step(block, operation, g), level, block[LEVELS + operation])
            step = share(step, cycles, block[CYCLES + operation])
            change = -step if operation == RESET else step
            if sigma > 0.0:
                change = change + sigma * normal_of(seed, number, cell, k, scratch)
            target = g + int(np.rint(change))
        conductance[cell] = in_window(block, target)


@compiled
def apply_counts(
    block: Block, cells: NDArray[np.int64], counts: NDArray[np.int16], z: NDArray[np.float64], every: bool
) -> None:
    """Apply whole pulses to cells that are neither stuck nor fresh, as open loops do.

    ``z`` has one entry per pulse (``every``) or one per cell, for its last pulse.
    """
    conductance, sigma = conductances(block), reals(block)[WRITE_NOISE]
    drawn = 0
    for i in range(cells.size):
        operation = SET if counts[i] > 0 else RESET
        times = int(abs(np.int64(counts[i])))
        g = int(conductance[cells[i]])
        for k in range(times):
            step = mean_step(block, operation, g)
            change = -step if operation == RESET else step
            if every or k == times - 1:
                change = change + sigma * z[drawn]
                drawn += 1
            g = in_window(block, g + int(np.rint(change)))
        conductance[cells[i]] = g


@compiled
def apply_cut(
    block: Block, cells: NDArray[np.int64], operation: int, cycles: int, width: int, z: NDArray[np.float64]
) -> None:
    """Apply a pulse that lasted ``cycles`` of ``width`` to such cells, with ``z`` for each of them."""
    conductance, sigma = conductances(block), reals(block)[WRITE_NOISE]
    for i in range(cells.size):
        g = int(conductance[cells[i]])
        step = share(mean_step(block, operation, g), cycles, width)
        change = (-step if operation == RESET else step) + sigma * z[i]
        conductance[cells[i]] = in_window(block, g + int(np.rint(change)))
