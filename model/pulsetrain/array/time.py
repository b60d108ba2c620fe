"""How conductances change by themselves as time passes: relaxation and drift. Specification, section 18.

What a device is depends only on what was written, on its own numbers and on the last of the ages
(``array.layout.Ages``) that it has reached, so how time is split into waits and operations cannot change a result. The
cost follows the devices that reach an age: rows without one are skipped, and of others only the clocks are looked at.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.record import (
    APPARENT,
    G_TOP,
    INDEX_APPARENT,
    INDEX_RELAX,
    INDEX_WEAR,
    TIMED,
    Block,
    age_parts,
    age_times,
    bases,
    begun,
    conductances,
    due_times,
    flags,
    header,
    reached,
    reals,
    relax_values,
    writes,
)
from pulsetrain.array.tables import between, table_at
from pulsetrain.numerics.compiled import compiled, copy_to
from pulsetrain.numerics.noise import BLOCK, block_of, uniform_from, uniform_of
from pulsetrain.numerics.quantiles import exp_of, quantiles
from pulsetrain.numerics.threads import run_blocks

CLOCK_LIMIT = 2**62
"""Nanoseconds at which the clock of an array stops: 146 years."""
NEVER = 2**63 - 1
"""When a row is due in which no device will reach a further age."""

_LOOK = 32  # clocks that are looked at together


def advance(block: Block, nanoseconds: int) -> None:
    """Let ``nanoseconds`` (0 or more) pass: move the clock, which stops at its limit, and bring all devices up to date.

    Large arrays are looked through by several threads (``pulsetrain.numerics.threads``).
    """
    if nanoseconds == 0:
        return
    head = header(block)
    head.now = min(int(head.now) + nanoseconds, CLOCK_LIMIT)
    if head.effects & TIMED:
        run_blocks(partial(update_rows, block), int(head.rows), int(head.columns))


@compiled(nogil=True)
def update_rows(block: Block, first: int, last: int) -> int:
    """Bring the devices of rows ``first`` … ``last`` − 1 up to date. Returns how many have reached a further age.

    Writes to cells of these rows only, so that blocks of rows may be brought up to date side by side.
    """
    head = header(block)
    now, width, count, found = head.now, head.columns, head.age_count, 0
    ages = np.empty(count + 1, np.int64)
    copy_to(ages[:count], age_times(block))
    ages[count] = NEVER
    due, began, seen = due_times(block), begun(block), reached(block)
    cells, work, waiting = np.empty(BLOCK + width, np.int64), np.empty((9, BLOCK)), 0
    for row in range(first, last):
        if due[row] <= now:
            begin, end = row * width, (row + 1) * width
            many, nearest = _due_cells(now, ages, began[begin:end], seen[begin:end], begin, cells[waiting:])
            due[row] = now + nearest if nearest < NEVER - now else NEVER
            waiting, found = waiting + many, found + many
        while waiting >= BLOCK or (waiting > 0 and row == last - 1):
            some = min(waiting, BLOCK)
            _take_states(block, cells[waiting - some : waiting], work)
            waiting -= some
    return found


@compiled
def _due_cells(
    now: int, ages: NDArray[np.int64], began: NDArray[np.int64], seen: NDArray[np.uint8], begin: int,
    cells: NDArray[np.int64],
) -> tuple[int, int]:  # fmt: skip
    """The devices of a row that have reached a further age, to ``cells``: how many, and how long until the next one.

    ``ages``: those of the block and one that is never reached. ``began``, ``seen``: those of the row, whose first cell
    is ``begin``; ``seen`` is brought up to date.
    """
    many, nearest = 0, NEVER
    for start in range(0, began.size, _LOOK):
        some_began, some_seen, left = began[start : start + _LOOK], seen[start : start + _LOOK], NEVER
        for i in range(some_began.size):
            left = min(left, ages[some_seen[i]] - (now - some_began[i]))
        if left <= 0:
            left = NEVER
            for i in range(some_began.size):
                elapsed, age = now - some_began[i], int(some_seen[i])
                if ages[age] <= elapsed:
                    while ages[age] <= elapsed:
                        age += 1
                    some_seen[i] = age
                    cells[many] = begin + start + i
                    many += 1
                left = min(left, ages[age] - elapsed)
        nearest = min(nearest, left)
    return many, nearest


@compiled
def recompute_ages(block: Block) -> None:
    """Set what follows from the clock and the times of the writes: the ages reached, and when each row is due.

    The conductances stay as they are.
    """
    head = header(block)
    now, width, count = head.now, head.columns, head.age_count
    ages = age_times(block)
    due, began, seen = due_times(block), begun(block), reached(block)
    for row in range(head.rows):
        due[row] = NEVER
        for cell in range(row * width, (row + 1) * width):
            elapsed, age = now - began[cell], 0
            while age < count and ages[age] <= elapsed:
                age += 1
            seen[cell] = age
            if age < count and ages[age] - elapsed < NEVER - now:
                due[row] = min(due[row], now + (ages[age] - elapsed))


@compiled
def _take_states(block: Block, due: NDArray[np.int64], work: NDArray[np.float64]) -> None:
    """Give up to ``BLOCK`` devices the conductance at the age that each has reached, unless it is stuck or fresh.

    ``work``: float64 (9, ``BLOCK``).
    """
    head = header(block)
    numbers, count, effects = reals(block), head.age_count, head.effects
    parts = age_parts(block)
    seen, flag, seed = reached(block), flags(block), head.seed
    base, conductance, write = bases(block), conductances(block), writes(block)
    scratch, values, z = work.reshape(-1)[: 3 * BLOCK], work[3], work[4]
    picked = work[5].view(np.int64)
    size = 0
    for i in range(due.size):
        picked[size] = due[i]
        size += flag[due[i]] == 0
    cells = picked[:size]
    for i in range(size):
        values[i] = float(base[cells[i]])
    if numbers.drift != 0.0 or numbers.drift_spread > 0.0:
        if numbers.drift_spread > 0.0:
            for i in range(size):
                _, _, x2, x3 = block_of(seed, np.uint64(0), cells[i], INDEX_WEAR)
                z[i] = uniform_from(x2, x3)
            quantiles(z[:size], scratch)
        else:
            z[:size] = 0.0
        for i in range(size):
            log_time = parts[2 * count + seen[cells[i]] - 1]
            if log_time != 0.0:
                exponent = numbers.drift + numbers.drift_spread * z[i]
                values[i] = values[i] * exp_of(-exponent * log_time, scratch)
    if effects & APPARENT:
        for i in range(size):
            z[i] = uniform_of(seed, np.uint64(write[cells[i]]), cells[i], INDEX_APPARENT)
        quantiles(z[:size], scratch)
        for i in range(size):
            if write[cells[i]] != 0:  # what was never written shows what it is
                values[i] = values[i] + np.rint(numbers.apparent_noise * z[i])
    if head.relax_times > 0:
        _add_relaxation(block, cells, values, work)
    for i in range(size):
        conductance[cells[i]] = int(min(max(np.rint(values[i]), 0.0), float(G_TOP)))


@compiled
def _add_relaxation(
    block: Block, cells: NDArray[np.int64], values: NDArray[np.float64], work: NDArray[np.float64]
) -> None:
    """Add the change δ since its write to the value of each device. ``work``: rows 0 … 2, 4 and 6 … 8 are free.

    Knot by knot: all devices that have reached the interval of knot k or a later one draw its score.
    """
    head = header(block)
    numbers, count, times = reals(block), head.age_count, head.relax_times
    rows, scores = head.relax_rows, head.relax_scores
    low, high, score_max = numbers.relax_low, numbers.relax_high, numbers.relax_score
    relax, parts = relax_values(block), age_parts(block)
    seen, base, write, seed = reached(block), bases(block), writes(block), head.seed
    scratch, z, score, change = work.reshape(-1)[: 3 * BLOCK], work[4], work[6], work[7]
    left, size = work[8].view(np.int64), 0  # places in ``cells`` of the devices that need this knot or a later one
    for i in range(cells.size):
        left[size] = i
        size += parts[count + seen[cells[i]] - 1] > 0.0
        score[i], change[i] = 0.0, 0.0
    for k in range(times):
        if k == 0 or relax[k] < 1.0:  # at a correlation of 1 scores stay as they are
            for j in range(size):
                cell = cells[left[j]]
                z[j] = uniform_of(seed, np.uint64(write[cell]), cell, INDEX_RELAX + k)
            quantiles(z[:size], scratch)
            for j in range(size):
                score[left[j]] = z[j] if k == 0 else relax[k] * score[left[j]] + relax[times + k] * z[j]
        start = 2 * times + k * rows * scores
        table, still = relax[start : start + rows * scores], 0
        for j in range(size):
            i = left[j]
            age = int(seen[cells[i]]) - 1
            knot, place = int(parts[age]), parts[count + age]
            if k == knot or (k == knot - 1 and place < 1.0):
                delta = table_at(table, scores, low, high, score_max, float(base[cells[i]]), score[i])
                change[i] = between(change[i], delta, place) if k == knot else delta
            left[still] = i
            still += k < knot
        size = still
        if size == 0:
            break
    for i in range(cells.size):
        values[i] = values[i] + change[i]
