"""Numbers of a device: its window and factors, drawn from the noise seed. Specification, section 18."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.batch import Batch
from pulsetrain.array.record import (
    ENDURES,
    G_TOP,
    INDEX_NOISE,
    INDEX_STEPS,
    INDEX_WEAR,
    INDEX_WINDOW,
    SPREAD,
    SPREAD_NORMAL,
    Block,
    header,
    reals,
)
from pulsetrain.numerics.compiled import compiled, inlined
from pulsetrain.numerics.noise import both_uniforms, first_uniforms
from pulsetrain.numerics.quantiles import exponentials, quantiles


@compiled
def _factors(is_normal: bool, sigma: float, z: NDArray[np.float64], scratch: NDArray[np.float64]) -> None:
    """Turn normal numbers z into factors, in place: max(0, 1 + s·z), or exp(s·z − (s·s)/2). s = 0 makes exactly 1."""
    if is_normal:
        for i in range(z.size):
            z[i] = max(0.0, 1.0 + sigma * z[i])
    else:
        for i in range(z.size):
            z[i] = sigma * z[i] - (sigma * sigma) / 2.0
        exponentials(z, scratch)


@compiled
def draw_windows(block: Block, batch: Batch, n: int) -> None:
    """The windows of the first ``n`` devices of a batch and their endurance N, before wear."""
    head = header(block)
    numbers, effects, seed, zero = reals(block), head.effects, head.seed, np.uint64(0)
    cell, index, low, high = batch.cell[:n], batch.noise_index[:n], batch.low[:n], batch.high[:n]
    if effects & SPREAD and (numbers.spread_low > 0.0 or numbers.spread_high > 0.0):
        middle = (head.low + head.high) // 2
        index[:] = INDEX_WINDOW
        both_uniforms(seed, zero, cell, index, low, high)
        quantiles(low, batch.scratch)
        quantiles(high, batch.scratch)
        for i in range(n):
            low[i] = min(max(np.rint(head.low + numbers.spread_low * low[i]), 0.0), float(middle))
            high[i] = min(max(np.rint(head.high + numbers.spread_high * high[i]), float(middle + 1)), float(G_TOP))
    else:
        low[:], high[:] = head.low, head.high
    if effects & ENDURES:
        endurance = batch.endurance[:n]
        if numbers.endurance_spread > 0.0:
            index[:] = INDEX_WEAR
            first_uniforms(seed, zero, cell, index, endurance)
            quantiles(endurance, batch.scratch)
            for i in range(n):
                endurance[i] = numbers.endurance_spread * endurance[i]
            exponentials(endurance, batch.scratch)
            for i in range(n):
                endurance[i] = numbers.endurance * endurance[i]
        else:
            endurance[:] = numbers.endurance


@compiled
def draw_devices(block: Block, batch: Batch, n: int) -> None:
    """All numbers of the first ``n`` devices of a batch: windows, and the factors on step and noise."""
    head = header(block)
    draw_windows(block, batch, n)
    numbers, effects, seed, zero = reals(block), head.effects, head.seed, np.uint64(0)
    cell, index, factor, both, noise = (
        batch.cell[:n],
        batch.noise_index[:n],
        batch.factor[:n],
        batch.both[:n],
        batch.noise[:n],
    )
    factor[:], both[:], noise[:] = 1.0, 1.0, 1.0
    if effects & SPREAD == 0:
        return
    is_normal, scratch = (effects & SPREAD_NORMAL) != 0, batch.scratch
    spread_set, spread_reset = numbers.spread_set, numbers.spread_reset
    if spread_set > 0.0 or spread_reset > 0.0:
        index[:] = INDEX_STEPS
        both_uniforms(seed, zero, cell, index, factor, both)
        for i in range(n):
            factor[i] = both[i] if batch.is_reset[i] else factor[i]
        both[:] = 1.0
        quantiles(factor, scratch)
        for i in range(n):
            factor[i] = (spread_reset if batch.is_reset[i] else spread_set) * factor[i]
        if is_normal:
            for i in range(n):
                factor[i] = max(0.0, 1.0 + factor[i])
        else:
            for i in range(n):
                sigma = spread_reset if batch.is_reset[i] else spread_set
                factor[i] = factor[i] - (sigma * sigma) / 2.0
            exponentials(factor, scratch)
    if numbers.spread_noise > 0.0 or numbers.spread_both > 0.0:
        index[:] = INDEX_NOISE
        both_uniforms(seed, zero, cell, index, noise, both)
        for values, sigma in ((noise, numbers.spread_noise), (both, numbers.spread_both)):
            if sigma > 0.0:
                quantiles(values, scratch)
                _factors(is_normal, sigma, values, scratch)
            else:
                values[:] = 1.0


@inlined
def closed_end(end: float, closes_to: float, exponent: int, write: int, endurance: float) -> float:
    """An end of a window, picosiemens, after ``write`` writes of a device whose endurance N is ``endurance``."""
    part = np.true_divide(float(write), endurance)
    power = part
    for _ in range(exponent - 1):
        power = power * part
    return float(np.rint(closes_to + (end - closes_to) * np.true_divide(1.0, 1.0 + power)))


@compiled
def window_in(block: Block, batch: Batch, j: int, write: int) -> tuple[float, float]:
    """The window of device ``j`` of a batch, picosiemens, as far as its ``write``-th write leaves it open."""
    head = header(block)
    low, high = batch.low[j], batch.high[j]
    if head.effects & ENDURES:
        closes_to, exponent, endurance = reals(block).closes_to, head.endurance_exponent, batch.endurance[j]
        low = closed_end(low, closes_to, exponent, write, endurance)
        high = closed_end(high, closes_to, exponent, write, endurance)
    return low, high
