"""Sums of code × conductance in a golden array: exact integers, or as its lines let through. Sections 12 and 18."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.record import (
    SLOW,
    WARM,
    Block,
    Part,
    conductances,
    driven_codes,
    header,
    line_normals,
    line_sums,
    reals,
    slow_noise,
    wire_scratch,
)
from pulsetrain.array.slow_noise import as_read
from pulsetrain.array.wires.sums import wired_row, wired_sums
from pulsetrain.numerics.compiled import compiled, copy_to, inlined


@inlined
def _add_row(sums: NDArray[np.int64], code: np.int32, row: NDArray[np.int32]) -> None:
    for j in range(sums.size):
        sums[j] += np.int64(code) * np.int64(row[j])


@inlined
def _dot(codes: NDArray[np.int32], row: NDArray[np.int32]) -> np.int64:
    total = np.int64(0)
    for j in range(codes.size):
        total += np.int64(codes[j]) * np.int64(row[j])
    return total


@inlined
def _add_noisy_row(sums: NDArray[np.int64], code: np.int32, row: NDArray[np.int32], o: NDArray[np.int32]) -> None:
    for j in range(sums.size):
        sums[j] += np.int64(code) * as_read(row[j], o[j])


@inlined
def _noisy_dot(codes: NDArray[np.int32], row: NDArray[np.int32], o: NDArray[np.int32]) -> np.int64:
    total = np.int64(0)
    for j in range(codes.size):
        total += np.int64(codes[j]) * as_read(row[j], o[j])
    return total


@inlined
def _matrix(block: Block, first: int, last: int) -> NDArray[np.int32]:
    """The conductances that the lines see, (rows, columns), valid in rows ``first`` … ``last`` − 1."""
    head = header(block)
    rows, columns = head.rows, head.columns
    g = conductances(block)[: rows * columns]
    if head.effects & SLOW:
        o, seen = slow_noise(block), wire_scratch(block).view(np.int32)[: rows * columns]
        for i in range(first * columns, last * columns):
            seen[i] = np.int32(as_read(g[i], o[i]))
        g = seen
    return g.reshape(rows, columns)


@inlined
def _free_scratch(block: Block) -> NDArray[np.float64]:
    """Room to solve the network, behind the conductances that ``_matrix`` leaves there."""
    head = header(block)
    noisy = (head.rows * head.columns + 1) // 2 if head.effects & SLOW else 0
    return wire_scratch(block)[noisy:]


@compiled
def _wired(block: Block, codes: NDArray[np.int32], side: np.int64, first: int, sums: NDArray[np.int64]) -> None:
    """Σ c·g of sensed device lines from ``first`` on, as the lines let through, rounded: to ``sums``.

    ``side``: which is driven, 0 the rows, 1 the columns (an integer: a constant bool would be compiled twice).
    """
    head = header(block)
    numbers, rows, backward = reals(block), head.rows, side != 0
    lines = rows if backward else head.columns
    out = line_normals(block)[:lines]  # free until the noise is drawn
    wired_sums(
        _matrix(block, 0, rows), codes, backward, numbers.wire_row, numbers.wire_column, head.wire_passes,
        _free_scratch(block), out,
    )  # fmt: skip
    for k in range(sums.size):
        sums[k] = np.int64(np.rint(out[first + k]))


@inlined
def _warm(block: Block, sums: NDArray[np.int64]) -> None:
    """Σ c·g at the array's temperature."""
    if header(block).effects & WARM:
        factor = reals(block).warmth
        for k in range(sums.size):
            sums[k] = np.int64(np.rint(float(sums[k]) * factor))


@inlined
def _weigh(block: Block, sums: NDArray[np.int64], weights: int, total: int | np.int64) -> None:
    """From device columns to ``weights`` weights, in place: less the reference for codes of the sum ``total``."""
    head = header(block)
    if head.pair:
        for k in range(weights):
            sums[k] = sums[2 * k] - sums[2 * k + 1]
    else:
        reference = total * head.reference
        for k in range(weights):
            sums[k] -= reference


@compiled
def forward_sums(block: Block, codes: NDArray[np.int32], first: int, last: int, slow: Part, wires: Part) -> None:
    """S of weight columns ``first`` … ``last`` − 1, ``codes`` on the rows, to the block's sums. All integers, exact
    but for the resistance of the lines and the temperature."""
    head = header(block)
    columns, devices, rows = head.columns, 1 + head.pair, head.rows
    begin, end = devices * first, devices * last
    g, sums = conductances(block), line_sums(block)[: end - begin]
    total = np.int64(0)
    sums[:] = 0
    if wires is not None and head.wire_passes > 0:
        for i in range(rows):
            total += codes[i]
        _wired(block, codes[:rows], np.int64(0), begin, sums)
    elif slow is not None and head.effects & SLOW:
        o = slow_noise(block)
        for i in range(rows):
            if codes[i] != 0:
                total += codes[i]
                at, to = i * columns + begin, i * columns + end
                _add_noisy_row(sums, codes[i], g[at:to], o[at:to])
    else:
        for i in range(rows):
            if codes[i] != 0:
                total += codes[i]
                _add_row(sums, codes[i], g[i * columns + begin : i * columns + end])
    _warm(block, sums)
    _weigh(block, sums, last - first, total)


@compiled
def backward_sums(block: Block, codes: NDArray[np.int32], first: int, last: int, slow: Part, wires: Part) -> None:
    """S of rows ``first`` … ``last`` − 1, ``codes`` on the weight columns (in pairs the negative on G⁻), as above."""
    head = header(block)
    columns, g = head.columns, conductances(block)
    sums = line_sums(block)[: last - first]
    driven = driven_codes(block)[:columns]
    total = np.int64(0)
    if head.pair:
        for m in range(columns // 2):
            driven[2 * m], driven[2 * m + 1] = codes[m], -codes[m]
    else:
        copy_to(driven, codes)
        for m in range(columns):
            total += codes[m]
    if wires is not None and head.wire_passes > 0:
        _wired(block, driven, np.int64(1), first, sums)
    elif slow is not None and head.effects & SLOW:
        o = slow_noise(block)
        for k in range(last - first):
            at, to = (first + k) * columns, (first + k + 1) * columns
            sums[k] = _noisy_dot(driven, g[at:to], o[at:to])
    else:
        for k in range(last - first):
            sums[k] = _dot(driven, g[(first + k) * columns : (first + k + 1) * columns])
    _warm(block, sums)
    reference = total * head.reference
    for k in range(last - first):
        sums[k] -= reference


@compiled
def row_sums(block: Block, row: int, first: int, last: int, slow: Part, wires: Part) -> None:
    """S of weight columns ``first`` … ``last`` − 1 with c_max on ``row`` alone, to the block's sums."""
    head = header(block)
    columns, devices = head.columns, 1 + head.pair
    begin, end = devices * first, devices * last
    g, at = conductances(block), row * columns
    sums = line_sums(block)[: end - begin]
    if wires is not None and head.wire_passes > 0:
        _wired_row(block, row, begin, sums)
    elif slow is not None and head.effects & SLOW:
        o = slow_noise(block)
        for k in range(sums.size):
            sums[k] = head.dac_max * as_read(g[at + begin + k], o[at + begin + k])
    else:
        for k in range(sums.size):
            sums[k] = head.dac_max * np.int64(g[at + begin + k])
    _warm(block, sums)
    _weigh(block, sums, last - first, head.dac_max)


@compiled
def _wired_row(block: Block, row: int, first: int, sums: NDArray[np.int64]) -> None:
    """c_max·g of device columns from ``first`` on, ``row`` alone conducting, as the lines let through, rounded."""
    head, numbers = header(block), reals(block)
    out = line_normals(block)[: head.columns]
    wired_row(
        _matrix(block, row, row + 1), head.dac_max, row, numbers.wire_row, numbers.wire_column,
        _free_scratch(block), out,
    )  # fmt: skip
    for k in range(sums.size):
        sums[k] = np.int64(np.rint(out[first + k]))
