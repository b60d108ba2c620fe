"""The change of devices by pulses: hard and soft bounds, curves and tables. Specification, sections 12 and 18."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.batch import Batch
from pulsetrain.array.devices import closed_end, window_in
from pulsetrain.array.record import (
    CURVE,
    ENDURES,
    FAILS,
    RELATIVE,
    SOFT,
    TABLE,
    Block,
    Reals,
    header,
    reals,
    step_values,
)
from pulsetrain.array.tables import curve_at, table_at
from pulsetrain.numerics.compiled import compiled, inlined
from pulsetrain.numerics.noise import both_uniforms, first_uniforms
from pulsetrain.numerics.quantiles import quantiles

Shares = tuple[int, int, int, int]
"""Level and nominal level, cycles and nominal cycles of a pulse."""


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
    head = header(block)
    if high <= low:
        return float(head.low)
    return float(head.low + (g - low) * np.true_divide(float(head.high - head.low), high - low))


@inlined
def _table(block: Block, numbers: Reals, steps: NDArray[np.float64], is_reset: bool, x: float, z: float) -> float:
    """T(x, z) of a polarity, with its sign. ``steps``: the table's area of the block."""
    head = header(block)
    size = head.knots * head.scores
    values = steps[size:] if is_reset else steps[:size]
    return table_at(values, head.scores, numbers.steps_low, numbers.steps_high, numbers.steps_score, x, z)


@inlined
def _curve(block: Block, numbers: Reals, steps: NDArray[np.float64], part: int, x: float) -> float:
    """Part 0 … 3 of the curve at x: SET mean, RESET mean, SET σ, RESET σ."""
    knots = header(block).knots
    return curve_at(steps[part * knots : (part + 1) * knots], numbers.steps_low, numbers.steps_high, x)


@inlined
def _sigma(block: Block, numbers: Reals, steps: NDArray[np.float64], is_reset: bool, x: float, step: float) -> float:
    """The standard deviation of a pulse whose mean is ``step``, before the device's factor; ``x``: place on a curve."""
    head = header(block)
    sigma = _curve(block, numbers, steps, 3 if is_reset else 2, x) if head.kind == CURVE else numbers.write_noise
    if head.effects & RELATIVE:
        relative = numbers.noise_relative * step
        sigma = math.sqrt(sigma * sigma + relative * relative)
    return float(sigma)


@compiled
def draw_pulses(block: Block, batch: Batch, m: int) -> None:
    """z and, where pulses can fail, p' of the first ``m`` pulses of a batch; z = 0 where the index is 0."""
    head = header(block)
    seed, number, numbers = head.seed, head.operation, reals(block)
    at, index, z = batch.at[:m], batch.noise_index[:m], batch.z[:m]
    if head.effects & FAILS:
        both_uniforms(seed, number, at, index, z, batch.p[:m])
    elif head.kind >= CURVE or numbers.write_noise > 0.0 or head.effects & RELATIVE:
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
    head = header(block)
    numbers, kind, effects, hits = reals(block), head.kind, head.effects, 0
    steps = step_values(block)
    slots, nths, zs, ps = batch.slot, batch.nth, batch.z, batch.p  # a field of a tuple costs more than an element
    resets, writes, gs, stored = batch.is_reset, batch.writes, batch.g, batch.stored
    lows, highs, factors, both, noise = batch.low, batch.high, batch.factor, batch.both, batch.noise
    endurance, closes_to, exponent = batch.endurance, numbers.closes_to, head.endurance_exponent
    is_soft, fails, endures = kind == SOFT, (effects & FAILS) != 0, (effects & ENDURES) != 0
    for i in range(m):
        j, z = slots[i], zs[i]
        is_reset, g, write = resets[j] != 0, gs[j], (writes[j] + nths[i]) & 0xFFFFFFFF
        if fails and ps[i] < (numbers.fail_reset if is_reset else numbers.fail_set):
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
            step = plain_step(numbers.step_reset if is_reset else numbers.step_set, is_soft, is_reset, low, high, g)
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
    head = header(block)
    numbers, kind, hits = reals(block), head.kind, 0
    steps = step_values(block)
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
