"""The change of devices by pulses: hard and soft bounds, curves and tables. Specification, sections 12 and 18."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.batch import Batch
from pulsetrain.array.devices import closed_end, window_in
from pulsetrain.array.record import (
    AT_PROGRAM,
    AT_STEPS,
    CLOSES_TO,
    CURVE,
    EFFECTS,
    ENDURANCE_EXPONENT,
    ENDURES,
    FAIL_RESET,
    FAIL_SET,
    FAILS,
    FLAGGED,
    HIGH,
    KIND,
    KNOTS,
    LOW,
    NOISE_RELATIVE,
    OPERATION,
    PER_STEP,
    RELATIVE,
    SCORES,
    SEED,
    SLOW,
    SOFT,
    STEP_RESET,
    STEP_SET,
    STEPS_HIGH,
    STEPS_LOW,
    STEPS_SCORE,
    TABLE,
    WARM,
    WRITE_NOISE,
    Block,
    reals,
)
from pulsetrain.array.tables import curve_at, table_at
from pulsetrain.numerics.compiled import compiled, inlined
from pulsetrain.numerics.noise import both_uniforms, first_uniforms
from pulsetrain.numerics.quantiles import quantiles

Shares = tuple[int, int, int, int]
"""Level and nominal level, cycles and nominal cycles of a pulse."""


@inlined
def is_plain(block: Block) -> bool:
    """Whether pulses do no more than section 12 says."""
    return bool(block[EFFECTS] & ~(PER_STEP | WARM | SLOW | FLAGGED) == 0 and block[KIND] <= SOFT)


@inlined
def share(step: float, part: int, whole: int) -> float:
    """The share part/whole of a step; as it is if the share is 1 or there is nothing to compare with."""
    return step if part == whole or whole == 0 else (step * part) / whole


@inlined
def plain_step(step: float, is_soft: bool, is_reset: bool, low: float, high: float, g: int | np.int64) -> float:
    """The step of section 12 at conductance ``g``, without its sign; a window that has closed leaves none."""
    if not is_soft:
        return step
    middle = (low + high) / 2
    if high <= low:
        return 0.0
    part = np.true_divide(g - low, middle - low) if is_reset else np.true_divide(high - g, high - middle)
    return float(step * part)


@inlined
def _stretched(block: Block, g: int, low: float, high: float) -> float:
    """Where ``g`` lies in the nominal window if the device's own is stretched to it; a closed one lies at its foot."""
    if high <= low:
        return float(block[LOW])
    return float(block[LOW] + (g - low) * np.true_divide(float(block[HIGH] - block[LOW]), high - low))


@inlined
def _table(
    block: Block, numbers: NDArray[np.float64], steps: NDArray[np.float64], is_reset: bool, x: float, z: float
) -> float:
    """T(x, z) of a polarity, with its sign. ``steps``: the table's area of the block."""
    size = block[KNOTS] * block[SCORES]
    values = steps[size:] if is_reset else steps[:size]
    return table_at(values, block[SCORES], numbers[STEPS_LOW], numbers[STEPS_HIGH], numbers[STEPS_SCORE], x, z)


@inlined
def _curve(block: Block, numbers: NDArray[np.float64], steps: NDArray[np.float64], part: int, x: float) -> float:
    """Part 0 … 3 of the curve at x: SET mean, RESET mean, SET σ, RESET σ."""
    knots = block[KNOTS]
    return curve_at(steps[part * knots : (part + 1) * knots], numbers[STEPS_LOW], numbers[STEPS_HIGH], x)


@inlined
def _sigma(
    block: Block, numbers: NDArray[np.float64], steps: NDArray[np.float64], is_reset: bool, x: float, step: float
) -> float:
    """The standard deviation of a pulse whose mean is ``step``, before the device's factor; ``x``: place on a curve."""
    sigma = _curve(block, numbers, steps, 3 if is_reset else 2, x) if block[KIND] == CURVE else numbers[WRITE_NOISE]
    if block[EFFECTS] & RELATIVE:
        relative = numbers[NOISE_RELATIVE] * step
        sigma = math.sqrt(sigma * sigma + relative * relative)
    return float(sigma)


@compiled
def draw_pulses(block: Block, batch: Batch, m: int) -> None:
    """z and, where pulses can fail, p' of the first ``m`` pulses of a batch; z = 0 where the index is 0."""
    seed, number, numbers = np.uint64(block[SEED]), np.uint64(block[OPERATION]), reals(block)
    at, index, z = batch.at[:m], batch.noise_index[:m], batch.z[:m]
    if block[EFFECTS] & FAILS:
        both_uniforms(seed, number, at, index, z, batch.p[:m])
    elif block[KIND] >= CURVE or numbers[WRITE_NOISE] > 0.0 or block[EFFECTS] & RELATIVE:
        first_uniforms(seed, number, at, index, z)
    else:
        z[:] = 0.0
        return
    quantiles(z, batch.scratch)
    for i in range(m):
        z[i] = 0.0 if index[i] == 0 else z[i]


@compiled
def take_pulses(block: Block, batch: Batch, m: int, shares: Shares) -> int:
    """Have devices of a batch take its first ``m`` pulses in turn. Returns how many were cut to the window."""
    numbers, kind, effects, hits = reals(block), block[KIND], block[EFFECTS], 0
    steps = block[block[AT_STEPS] : block[AT_PROGRAM]].view(np.float64)
    slots, nths, zs, ps = batch.slot, batch.nth, batch.z, batch.p  # a field of a tuple costs more than an element
    resets, writes, gs, stored = batch.is_reset, batch.writes, batch.g, batch.stored
    lows, highs, factors, both, noise = batch.low, batch.high, batch.factor, batch.both, batch.noise
    endurance, closes_to, exponent = batch.endurance, numbers[CLOSES_TO], block[ENDURANCE_EXPONENT]
    is_soft, fails, endures = kind == SOFT, (effects & FAILS) != 0, (effects & ENDURES) != 0
    for i in range(m):
        j, z = slots[i], zs[i]
        is_reset, g, write = resets[j] != 0, gs[j], (writes[j] + nths[i]) & 0xFFFFFFFF
        if fails and ps[i] < (numbers[FAIL_RESET] if is_reset else numbers[FAIL_SET]):
            continue
        low, high = lows[j], highs[j]
        if endures:
            low = closed_end(low, closes_to, exponent, write, endurance[j])
            high = closed_end(high, closes_to, exponent, write, endurance[j])
        x = _stretched(block, g, low, high) if kind >= CURVE else 0.0
        if kind == TABLE:
            step = _table(block, numbers, steps, is_reset, x, z)
        elif kind == CURVE:
            step = _curve(block, numbers, steps, 1 if is_reset else 0, x)
        else:
            step = plain_step(numbers[STEP_RESET] if is_reset else numbers[STEP_SET], is_soft, is_reset, low, high, g)
        step = step * factors[j] * both[j]
        step = share(share(step, shares[0], shares[1]), shares[2], shares[3])
        if kind == TABLE:
            change = step
        else:
            change = -step if is_reset else step
            if z != 0.0:
                change = change + (_sigma(block, numbers, steps, is_reset, x, step) * noise[j]) * z
        target = g + np.rint(change)
        inside = min(max(target, low), high)
        hits += inside != target
        gs[j], stored[j] = np.int64(inside), write
    return hits


@compiled
def take_writes(block: Block, batch: Batch, n: int, changes: NDArray[np.float64], noisy: bool) -> int:
    """Add ``changes`` (picosiemens) to the first ``n`` devices of a batch, a write each, as ``take_pulses``."""
    numbers, kind, hits = reals(block), block[KIND], 0
    steps = block[block[AT_STEPS] : block[AT_PROGRAM]].view(np.float64)
    for j in range(n):
        change, g, z, is_reset = changes[j], batch.g[j], batch.z[j], batch.is_reset[j] != 0
        write = (batch.writes[j] + 1) & 0xFFFFFFFF
        low, high = window_in(block, batch, j, write)
        if noisy and z != 0.0:
            x = _stretched(block, g, low, high) if kind >= CURVE else 0.0
            if kind == TABLE:
                noise = _table(block, numbers, steps, is_reset, x, z) - _table(block, numbers, steps, is_reset, x, 0.0)
                change = change + noise * batch.noise[j]
            else:
                change = change + (_sigma(block, numbers, steps, is_reset, x, change) * batch.noise[j]) * z
        target = g + np.rint(change)
        inside = min(max(target, low), high)
        hits += inside != target
        batch.g[j], batch.stored[j] = np.int64(inside), write
    return hits
