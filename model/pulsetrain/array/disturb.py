"""Write disturb: half-selected devices on the lines of a pulsed one. Specification, section 18.

Serial, for a pulse moves devices of other rows. The cost follows the devices that are moved, not those of the lines.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.batch import new_batch
from pulsetrain.array.devices import draw_windows, window_in
from pulsetrain.array.record import (
    APPARENT,
    ENDURES,
    G_TOP,
    INDEX_COLUMN,
    INDEX_ROW,
    SPREAD,
    TIMED,
    Block,
    bases,
    conductances,
    flags,
    header,
    reals,
)
from pulsetrain.array.store import load
from pulsetrain.numerics.compiled import compiled
from pulsetrain.numerics.noise import uniform_of
from pulsetrain.numerics.quantiles import log_of

_DRAWS = 4095


@compiled
def _move(block: Block, cell: int, up: bool) -> int:
    """Move one device by a disturb, persistent and present conductance alike. Returns 1 if it was cut, else 0."""
    head = header(block)
    if flags(block)[cell]:
        return 0
    low, high = head.low, head.high
    if head.effects & (SPREAD | ENDURES):
        device = new_batch(1)
        device.cell[0] = cell
        load(block, device, 1)
        draw_windows(block, device, 1)
        bottom, top = window_in(block, device, 0, device.writes[0])
        low, high = int(bottom), int(top)
    kept = (head.effects & (APPARENT | TIMED)) != 0
    before = int(bases(block)[cell]) if kept else int(conductances(block)[cell])
    step = int(reals(block).disturb_step)
    wanted = before + step if up else before - step
    after = min(max(wanted, low), high)
    if kept:
        bases(block)[cell] = after
        after = min(max(int(conductances(block)[cell]) + (after - before), 0), G_TOP)
    conductances(block)[cell] = after
    return 1 if wanted < low or wanted > high else 0


@compiled
def _walk(block: Block, cell: int, k: int, up: bool, along_column: bool, scratch: NDArray[np.float64]) -> int:
    """Walk along a line of the pulsed device ``cell`` by gaps. Returns how many devices were cut to their window."""
    head = header(block)
    numbers, columns = reals(block), head.columns
    row, column = cell // columns, cell % columns
    if along_column:
        q, own, others, index = numbers.disturb_column, row, head.rows - 1, INDEX_COLUMN
    else:
        q, own, others, index = numbers.disturb_row, column, columns - 1, INDEX_ROW
    if 1.0 - q == 1.0:
        return 0
    seed, number = head.seed, head.operation
    index += (k & 0xFFF) << 12
    none, position, cut = log_of(1.0 - q, scratch), -1, 0
    for n in range(_DRAWS):
        gap = np.floor(log_of(uniform_of(seed, number, cell, index + n), scratch) / none)
        if gap >= others:
            break
        position += 1 + int(gap)
        if position >= others:
            break
        place = position + 1 if position >= own else position
        cut += _move(block, place * columns + column if along_column else row * columns + place, up)
    return cut


@compiled
def disturb(block: Block, cell: int, k: int, up: bool) -> int:
    """What pulse ``k`` (from 1) of the operation at ``cell`` does to its column, then to its row.

    Returns how many devices were cut to their window.
    """
    scratch = np.empty(1)
    hits = _walk(block, cell, k, up, True, scratch)
    return hits + _walk(block, cell, k, up, False, scratch)


@compiled
def disturb_after(block: Block, cells: NDArray[np.int64], counts: NDArray[np.int16], cut: NDArray[np.int8]) -> int:
    """All disturbs of an open loop after its pulses: of ``cells`` ascending, pulses in turn, and last a cut pulse.

    ``cut``: +1 SET or −1 RESET where the last slot was cut short, else 0. Returns how many devices were cut to their
    window.
    """
    hits = 0
    for i in range(cells.size):
        times = int(abs(np.int64(counts[i])))
        for k in range(1, times + 1):
            hits += disturb(block, cells[i], k, counts[i] > 0)
        if cut[i] != 0:
            hits += disturb(block, cells[i], times + 1, cut[i] > 0)
    return hits
