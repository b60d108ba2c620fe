"""The memory of a golden array, one block of 64-bit words, and how a cell answers a pulse. Specification, section 12.

One address is then enough for whatever acts on the array: Python, compiled loops, or a simulator at the crossbar pins.
A block begins with ``HEADER`` integers (their indices below), then come real numbers and the arrays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array_parameters import PICOSIEMENS, ArrayParameters, picosiemens
from pulsetrain.compiled import compiled, inlined
from pulsetrain.noise import SCRATCH, normal_of, second_normal_of, uniform_of

# Numbers of operations at the crossbar pins (section 8).
SET, RESET, FORM = 1, 2, 3

# Integers of the header. CYCLES and LEVELS: the nominal ones of operation k in word CYCLES + k.
(WORDS, ROWS, COLUMNS, PAIR, LOW, HIGH, REFERENCE, FORMED, SOFT, SEED, READ_SEED, OPERATION, READS, CLIPPED,
 WINDOW_HITS, DAC_MAX, ADC_MAX, ADC_COUNT, AT_REALS, AT_OFFSETS, AT_SCRATCH, AT_NORMALS, AT_SUMS, AT_DRIVEN,
 AT_CONDUCTANCE, AT_FLAGS, AT_PULSES) = range(27)  # fmt: skip
CYCLES, LEVELS = 27, 31
HEADER = 36

# Real numbers behind the header, in picosiemens but for the last.
STEP_SET, STEP_RESET, WRITE_NOISE, READ_NOISE, ADC_OFFSET, FORM_YIELD = range(6)

# Flags of a cell.
STUCK, FRESH = 1, 2

STUCK_PULSE = 2**32 - 1
"""The pulse index whose uniform decides whether a cell is stuck."""

Block = NDArray[np.int64]


def new_block(rows: int, columns: int, pair: int, parameters: ArrayParameters) -> Block:
    """The block of an array without seeds and flags, all cells at G_ref."""
    cells, lines = rows * columns, max(rows, columns)
    sizes = {
        AT_REALS: 6,
        AT_OFFSETS: rows + columns,  # z_l of each line: columns first, then rows
        AT_SCRATCH: SCRATCH,
        AT_NORMALS: lines,
        AT_SUMS: lines,
        AT_DRIVEN: (lines + 1) // 2,  # int32: the code of each driven device line
        AT_CONDUCTANCE: (cells + 1) // 2,  # int32
        AT_FLAGS: (cells + 7) // 8,  # uint8
        AT_PULSES: (cells + 1) // 2,  # uint32: pulses of each cell within the operation
    }
    block = np.zeros(HEADER + sum(sizes.values()), np.int64)
    at = HEADER
    for name, size in sizes.items():
        block[name] = at
        at += size
    block[[WORDS, ROWS, COLUMNS, PAIR]] = at, rows, columns, pair
    block[[LOW, HIGH]] = picosiemens(parameters.g_min), picosiemens(parameters.g_max)
    block[[REFERENCE, FORMED]] = picosiemens(parameters.g_reference), picosiemens(parameters.g_formed)
    block[SOFT] = parameters.bounds == "soft"
    block[HEADER : HEADER + 6].view(np.float64)[:] = (
        picosiemens(parameters.step_set),
        picosiemens(parameters.step_reset),
        parameters.write_noise * PICOSIEMENS,
        parameters.read_noise * PICOSIEMENS,
        parameters.adc_offset * PICOSIEMENS,
        parameters.form_yield,
    )
    conductances(block)[:] = block[REFERENCE]
    return block


@inlined
def reals(block: Block) -> NDArray[np.float64]:
    """The real numbers of a block."""
    return block[block[AT_REALS] : block[AT_OFFSETS]].view(np.float64)


@inlined
def conductances(block: Block) -> NDArray[np.int32]:
    """Conductance of each cell in picosiemens."""
    return block[block[AT_CONDUCTANCE] : block[AT_FLAGS]].view(np.int32)


@inlined
def flags(block: Block) -> NDArray[np.uint8]:
    """Flags of each cell."""
    return block[block[AT_FLAGS] : block[AT_PULSES]].view(np.uint8)


@inlined
def pulses(block: Block) -> NDArray[np.uint32]:
    """Pulses of each cell within the operation so far."""
    return block[block[AT_PULSES] : block[WORDS]].view(np.uint32)


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
        return float(step * ((g - low) / (middle - low)) if block[SOFT] else step)
    step = numbers[STEP_SET]
    return float(step * ((high - g) / (high - middle)) if block[SOFT] else step)


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
