"""Pulses of open loops and writes that bypass the controller, for ranges of cells. Specification, sections 12 and 18.

A range changes its own cells and rows only and adds what was cut to the window to ``hits_out[0]``. So ranges that begin
and end between rows can run at the same time, and how cells are split into ranges cannot change a result.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.batch import new_batch
from pulsetrain.array.devices import draw_devices
from pulsetrain.array.record import (
    COUNTS,
    FLAGGED,
    PER_STEP,
    SOFT,
    STUCK,
    Block,
    conductances,
    flags,
    header,
    parts_of,
    reals,
    writes,
)
from pulsetrain.array.steps import Shares, draw_pulses, plain_step, take_pulses, take_writes
from pulsetrain.array.store import load, store_all
from pulsetrain.numerics.compiled import compiled
from pulsetrain.numerics.noise import BLOCK, first_uniforms
from pulsetrain.numerics.quantiles import quantiles

_WHOLE = (1, 1, 1, 1)


@compiled
def misplaced(cells: NDArray[np.int64], count: int) -> int:
    """The first position at which ``cells`` do not rise or leave 0 … ``count`` − 1; −1 if there is none."""
    before = np.int64(-1)
    for i in range(cells.size):
        if cells[i] <= before or cells[i] >= count:
            return i
        before = cells[i]
    return -1


def apply_range(
    block: Block,
    cells: NDArray[np.int64],
    counts: NDArray[np.int16],
    first: int,
    last: int,
    hits_out: NDArray[np.int64],
) -> None:
    """Apply whole pulses to ``cells[first:last]``, each its entry of ``counts``: + SET, − RESET. No disturb."""
    apply_whole(block, cells, counts, first, last, True, hits_out)


def apply_whole(
    block: Block,
    cells: NDArray[np.int64],
    counts: NDArray[np.int16],
    first: int,
    last: int,
    noisy: bool,
    hits_out: NDArray[np.int64],
) -> None:
    """As ``apply_range``; without ``noisy`` pulses draw no noise (a cut pulse carries it, with one draw per step)."""
    apply = apply_plain if parts_of(block).measured is None else _apply_measured  # only one of them is compiled
    hits_out[0] += apply(block, cells, counts, first, last, noisy)


@compiled(nogil=True)
def apply_plain(
    block: Block, cells: NDArray[np.int64], counts: NDArray[np.int16], first: int, last: int, noisy: bool
) -> int:
    """Pulses of section 12. An entry of a batch is one pulse, or with one draw per step all pulses of a cell."""
    head = header(block)
    conductance, flag, numbers = conductances(block), flags(block), reals(block)
    seed, number, sigma = head.seed, head.operation, numbers.write_noise
    low, high, is_soft = np.int64(head.low), np.int64(head.high), head.kind == SOFT
    step_set, step_reset = numbers.step_set, numbers.step_reset
    per_step, flagged = (head.effects & PER_STEP) != 0, (head.effects & FLAGGED) != 0
    at, index, times = np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    start = np.empty(BLOCK, np.int64)  # fetched together, for memory to answer while the noise is drawn
    z, scratch = np.zeros(BLOCK), np.empty(3 * BLOCK)
    i, k, hits, g = first, 0, 0, np.int64(0)
    while i < last:
        filled = 0
        while filled < BLOCK and i < last:
            cell, count = cells[i], np.int64(counts[i])
            if count == 0 or (flagged and flag[cell]):
                i += 1
                continue
            k += 1
            at[filled], index[filled], start[filled] = cell, k, conductance[cell]
            times[filled] = count if per_step else (1 if count > 0 else -1)
            filled += 1
            if per_step or k == abs(count):
                i += 1
                k = 0
        if noisy and sigma > 0.0:
            first_uniforms(seed, number, at, index, z[:filled])
            quantiles(z[:filled], scratch)
        for j in range(filled):
            if j == 0 or at[j] != at[j - 1]:
                g = start[j]
            is_reset = times[j] < 0
            nominal = step_reset if is_reset else step_set
            left = abs(times[j])
            while left > 0:
                step = plain_step(nominal, is_soft, is_reset, float(low), float(high), g)
                change = -step if is_reset else step
                if left == 1:
                    change = change + sigma * z[j]
                target = g + np.int64(np.rint(change))
                g = min(max(target, low), high)
                hits += g != target
                left -= 1
            conductance[at[j]] = g
    return hits


@compiled(nogil=True)
def _apply_measured(
    block: Block, cells: NDArray[np.int64], counts: NDArray[np.int16], first: int, last: int, noisy: bool
) -> int:
    """Pulses of section 18. What a cell's last pulse that did not fail leaves is stored."""
    head = header(block)
    effects, flag, counted = head.effects, flags(block), writes(block)
    per_step, batch, hits, i = (effects & PER_STEP) != 0, new_batch(BLOCK), 0, first
    times = np.empty(BLOCK, np.int64)
    devices, resets, slots, at, nth, index = (
        batch.cell,
        batch.is_reset,
        batch.slot,
        batch.at,
        batch.nth,
        batch.noise_index,
    )
    while i < last:
        n = 0
        while n < BLOCK and i < last:
            cell, count = cells[i], np.int64(counts[i])
            i += 1
            if count != 0 and flag[cell] == 0:
                devices[n], resets[n], times[n] = cell, count < 0, abs(count)
                n += 1
            elif effects & COUNTS:
                counted[cell] += np.uint32(abs(count))
        load(block, batch, n)
        draw_devices(block, batch, n)
        j, k = 0, 0
        while j < n:
            m = 0
            while m < BLOCK and j < n:
                k += 1
                slots[m], at[m], nth[m], index[m] = j, devices[j], k, k
                if per_step or not noisy:
                    index[m] = 1 if noisy and k == times[j] else 0
                m += 1
                if k == times[j]:
                    j += 1
                    k = 0
            draw_pulses(block, batch, m)
            hits += take_pulses(block, batch, m, _WHOLE)
        if effects & COUNTS:
            for slot in range(n):
                counted[devices[slot]] += np.uint32(times[slot])
        store_all(block, batch, n)
    return hits


@compiled
def apply_cut(
    block: Block, cells: NDArray[np.int64], indices: NDArray[np.int64], is_reset: bool, shares: Shares
) -> int:
    """Apply one pulse that was cut short to each of ``cells``, with the noise of ``indices``; no disturb.

    Returns how many were cut to the window.
    """
    head = header(block)
    batch, n = new_batch(cells.size), 0
    for i in range(cells.size):
        if head.effects & COUNTS:
            writes(block)[cells[i]] += np.uint32(1)
        if flags(block)[cells[i]] == 0:
            batch.cell[n], batch.is_reset[n], batch.at[n] = cells[i], is_reset, cells[i]
            batch.slot[n], batch.nth[n], batch.p[n] = n, 0, float(indices[i])
            n += 1
    load(block, batch, n)
    draw_devices(block, batch, n)
    for i in range(n):
        batch.noise_index[i] = np.int64(batch.p[i])
    draw_pulses(block, batch, n)
    hits = take_pulses(block, batch, n, shares)
    store_all(block, batch, n)
    return hits


def write_range(
    block: Block,
    cells: NDArray[np.int64],
    changes: NDArray[np.float64],
    first: int,
    last: int,
    noisy: bool,
    hits_out: NDArray[np.int64],
) -> None:
    """Write ``changes`` (picosiemens, finite) to ``cells[first:last]``; fresh cells are formed."""
    write = _write_plain if parts_of(block).measured is None else _write_measured  # only one of them is compiled
    write(block, cells, changes, first, last, noisy, hits_out)


@compiled(nogil=True)
def _write_plain(
    block: Block,
    cells: NDArray[np.int64],
    changes: NDArray[np.float64],
    first: int,
    last: int,
    noisy: bool,
    hits_out: NDArray[np.int64],
) -> None:
    """Writes to devices of section 12."""
    head = header(block)
    conductance, flag, sigma = conductances(block), flags(block), reals(block).write_noise
    seed, number, low, high = head.seed, head.operation, np.int64(head.low), np.int64(head.high)
    ones, z, scratch = np.ones(BLOCK, np.int64), np.zeros(BLOCK), np.empty(3 * BLOCK)
    draws, hits = noisy and sigma > 0.0, np.int64(0)
    for start in range(first, last, BLOCK):
        n = min(BLOCK, last - start)
        if draws:
            first_uniforms(seed, number, cells[start : start + n], ones[:n], z[:n])
            quantiles(z[:n], scratch)
        for i in range(n):
            cell = cells[start + i]
            if flag[cell] & STUCK:
                continue
            flag[cell] = np.uint8(0)
            change = changes[start + i]
            if draws:
                change = change + sigma * z[i]
            target = conductance[cell] + np.int64(np.rint(change))
            g = min(max(target, low), high)
            hits += g != target
            conductance[cell] = g
    hits_out[0] += hits


@compiled(nogil=True)
def _write_measured(
    block: Block,
    cells: NDArray[np.int64],
    changes: NDArray[np.float64],
    first: int,
    last: int,
    noisy: bool,
    hits_out: NDArray[np.int64],
) -> None:
    """Writes to devices of section 18."""
    head = header(block)
    flag, counted, batch, i = flags(block), writes(block), new_batch(BLOCK), first
    wanted, devices, resets, at = np.empty(BLOCK), batch.cell, batch.is_reset, batch.at
    while i < last:
        n = 0
        while n < BLOCK and i < last:
            cell, change = cells[i], changes[i]
            i += 1
            if flag[cell] & STUCK == 0:
                flag[cell] = np.uint8(0)
                devices[n], at[n], resets[n], wanted[n] = cell, cell, change < 0.0, change
                n += 1
            elif head.effects & COUNTS:
                counted[cell] += np.uint32(1)
        load(block, batch, n)
        draw_devices(block, batch, n)
        batch.noise_index[:n] = 1
        if noisy:
            draw_pulses(block, batch, n)
        hits_out[0] += take_writes(block, batch, n, wanted, noisy)
        if head.effects & COUNTS:
            for j in range(n):
                counted[devices[j]] += np.uint32(1)
        store_all(block, batch, n)
