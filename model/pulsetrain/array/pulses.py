"""Pulses of closed loops. Specification, sections 12 and 18."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.batch import Batch, new_batch
from pulsetrain.array.devices import draw_devices, window_in
from pulsetrain.array.disturb import disturb
from pulsetrain.array.record import (
    COUNTS,
    DISTURBS,
    FORM,
    FRESH,
    RESET,
    SOFT,
    STUCK,
    Block,
    Part,
    conductances,
    flags,
    header,
    pulses,
    reals,
    scratch_numbers,
    writes,
)
from pulsetrain.array.steps import Shares, draw_pulses, plain_step, share, take_pulses
from pulsetrain.array.store import load, store_all
from pulsetrain.numerics.compiled import compiled
from pulsetrain.numerics.noise import normal_of, second_normal_of, uniform_of

_FORMING = 2
"""Marks a device of a batch that is being formed, in place of whether it takes a RESET."""


@compiled
def _take(block: Block, operation: int, batch: Batch, n: int, shares: Shares) -> int:
    """One pulse at each of the first ``n`` devices of a batch. Returns how many were cut to the window."""
    head = header(block)
    flag, index, numbers = flags(block), pulses(block), reals(block)
    seed, number = head.seed, head.operation
    left, taken, is_forming = 0, 0, False
    for j in range(n):
        cell = batch.cell[j]
        index[cell] += np.uint32(1)
        k = int(index[cell])
        if head.effects & COUNTS:
            writes(block)[cell] += np.uint32(1)
        if flag[cell] & STUCK:
            continue
        batch.cell[left], batch.is_reset[left] = cell, operation == RESET
        if flag[cell] & FRESH:
            if operation != FORM or uniform_of(seed, number, cell, k) >= numbers.form_yield:
                continue
            flag[cell] = np.uint8(0)
            batch.is_reset[left], is_forming = _FORMING, True
        else:
            batch.slot[taken], batch.at[taken], batch.nth[taken] = left, cell, 0
            taken += 1
        left += 1
    load(block, batch, left)
    draw_devices(block, batch, left)
    for i in range(taken):
        batch.noise_index[i] = index[batch.at[i]]
    draw_pulses(block, batch, taken)
    hits = take_pulses(block, batch, taken, shares)
    if is_forming:
        for j in range(left):
            if batch.is_reset[j] == _FORMING:
                cell = batch.cell[j]
                z = second_normal_of(seed, number, cell, int(index[cell]), batch.scratch)
                target = np.rint(head.formed + (numbers.write_noise * batch.noise[j]) * z)
                low, high = window_in(block, batch, j, batch.writes[j])
                inside = min(max(target, low), high)
                hits += inside != target
                batch.g[j], batch.stored[j] = np.int64(inside), batch.writes[j]
    store_all(block, batch, left)
    return hits


@compiled
def _pulse_plain(block: Block, operation: int, row: int, columns: NDArray[np.uint64], shares: Shares) -> int:
    """``pulse`` for the cells of section 12, without a batch: a pulse of a few of them costs no more than its noise."""
    head = header(block)
    width, numbers, hits = head.columns, reals(block), 0
    conductance, flag, index = conductances(block), flags(block), pulses(block)
    scratch = scratch_numbers(block)
    seed, number, sigma = head.seed, head.operation, numbers.write_noise
    low, high, is_soft, is_reset = float(head.low), float(head.high), head.kind == SOFT, operation == RESET
    nominal = numbers.step_reset if is_reset else numbers.step_set
    for column in range(width):
        if (columns[column >> 6] >> np.uint64(column & 63)) & np.uint64(1) == np.uint64(0):
            continue
        cell = row * width + column
        index[cell] += np.uint32(1)
        k = int(index[cell])
        if flag[cell] & STUCK:
            continue
        if flag[cell] & FRESH:
            if operation != FORM or uniform_of(seed, number, cell, k) >= numbers.form_yield:
                continue
            flag[cell] = np.uint8(0)
            target = np.rint(head.formed + sigma * second_normal_of(seed, number, cell, k, scratch))
        else:
            g = np.int64(conductance[cell])
            step = plain_step(nominal, is_soft, is_reset, low, high, g)
            step = share(share(step, shares[0], shares[1]), shares[2], shares[3])
            change = -step if is_reset else step
            if sigma > 0.0:
                change = change + sigma * normal_of(seed, number, cell, k, scratch)
            target = g + np.rint(change)
        inside = min(max(target, low), high)
        hits += inside != target
        conductance[cell] = np.int32(inside)
    return hits


@compiled
def _pulse_measured(
    block: Block, operation: int, row: int, columns: NDArray[np.uint64], shares: Shares, disturbs: Part
) -> int:
    """``pulse`` for the cells of section 18; one by one if each disturbs its lines, otherwise together."""
    head = header(block)
    width, taken, one_by_one = head.columns, np.int64(0), (head.effects & DISTURBS) != 0
    for column in range(width):
        taken += np.int64((columns[column >> 6] >> np.uint64(column & 63)) & np.uint64(1))
    batch, hits, n = new_batch(1 if one_by_one else int(taken)), 0, 0
    for column in range(width):
        if (columns[column >> 6] >> np.uint64(column & 63)) & np.uint64(1) == np.uint64(0):
            continue
        cell = row * width + column
        batch.cell[n] = cell
        n += 1
        if disturbs is not None and one_by_one:
            hits += _take(block, operation, batch, n, shares)
            hits += disturb(block, cell, int(pulses(block)[cell]), operation != RESET)
            n = 0
    if n > 0:
        hits += _take(block, operation, batch, n, shares)
    return hits


@compiled
def pulse(
    block: Block,
    operation: int,
    row: int,
    cycles: int,
    level: int,
    columns: NDArray[np.uint64],
    measured: Part,
    disturbs: Part,
) -> None:
    """Apply one pulse of a closed loop at once: SET, RESET or FORM on the ``columns`` (a bit each) of ``row``.

    ``cycles``: how long the strobe was high; ``level``: the bit code of SET and FORM, the source code of RESET.
    Cells count their pulses within the operation, whatever becomes of them. Each pulse disturbs its lines at once.
    """
    head = header(block)
    shares = (level, head.levels[operation], cycles, head.cycles[operation])
    if measured is not None:
        head.window_hits += _pulse_measured(block, operation, row, columns, shares, disturbs)
    else:
        head.window_hits += _pulse_plain(block, operation, row, columns, shares)
