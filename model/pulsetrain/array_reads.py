"""Reads of a golden array: exact sums of code × conductance, noise, and converters. Specification, section 12."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array_block import (
    ADC_COUNT,
    ADC_MAX,
    ADC_OFFSET,
    AT_CONDUCTANCE,
    AT_DRIVEN,
    AT_NORMALS,
    AT_OFFSETS,
    AT_SCRATCH,
    AT_SUMS,
    CLIPPED,
    COLUMNS,
    DAC_MAX,
    PAIR,
    READ_NOISE,
    READ_SEED,
    READS,
    REFERENCE,
    ROWS,
    Block,
    conductances,
    reals,
)
from pulsetrain.compiled import compiled, inlined
from pulsetrain.noise import normals_of_lines

FULL_SCALE_UNIT = 1e5
"""One unit of full scale in picosiemens: 0.1 µS."""


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


@compiled
def _forward_sums(block: Block, codes: NDArray[np.int32], first: int, last: int) -> None:
    """S of weight columns ``first`` … ``last`` − 1, ``codes`` on the rows, to the block's sums. All integers, exact."""
    columns, devices = block[COLUMNS], 1 + block[PAIR]
    g = conductances(block)
    sums = block[block[AT_SUMS] : block[AT_SUMS] + devices * (last - first)]
    sums[:] = 0
    total = 0
    for i in range(block[ROWS]):
        if codes[i] != 0:
            total += codes[i]
            _add_row(sums, codes[i], g[i * columns + devices * first : i * columns + devices * last])
    for k in range(last - first):
        sums[k] = sums[2 * k] - sums[2 * k + 1] if devices == 2 else sums[k] - total * block[REFERENCE]


@compiled
def _backward_sums(block: Block, codes: NDArray[np.int32], first: int, last: int) -> None:
    """S of rows ``first`` … ``last`` − 1, ``codes`` on the weight columns (in pairs the negative on G⁻), as above."""
    columns, g = block[COLUMNS], conductances(block)
    sums = block[block[AT_SUMS] : block[AT_SUMS] + last - first]
    driven = block[block[AT_DRIVEN] : block[AT_CONDUCTANCE]].view(np.int32)[:columns]
    total = np.int64(0)
    if block[PAIR]:
        for m in range(columns // 2):
            driven[2 * m], driven[2 * m + 1] = codes[m], -codes[m]
    else:
        driven[:] = codes[:columns]
        for m in range(columns):
            total += codes[m]
    for k in range(last - first):
        row = first + k
        sums[k] = _dot(driven, g[row * columns : (row + 1) * columns]) - total * block[REFERENCE]


@compiled
def _sample(
    block: Block,
    backward: bool,
    number: int,
    first: int,
    length: float,
    converters: tuple[int, int, int],
    out: NDArray[np.signedinteger],
) -> None:
    """Codes of lines ``first``, ``first`` + 1, … from the block's sums.

    ``length``: √(Σ c²) of the codes driven; ``converters``: full scale, c_max, a_max.
    """
    full_scale, dac_max, adc_max = converters
    numbers, count = reals(block), out.size
    z = block[block[AT_NORMALS] : block[AT_NORMALS] + count].view(np.float64)
    offsets = block[block[AT_OFFSETS] : block[AT_SCRATCH]].view(np.float64)
    offset_first = first + block[COLUMNS] if backward else first
    sums_first = block[AT_SUMS]
    noise = numbers[READ_NOISE] * length
    noisy, shifted = numbers[READ_NOISE] > 0.0, numbers[ADC_OFFSET] > 0.0
    if noisy:
        scratch = block[block[AT_SCRATCH] : block[AT_NORMALS]].view(np.float64)
        normals_of_lines(np.uint64(block[READ_SEED]), np.uint64(number), first, int(backward), z, scratch)
    divisor = (full_scale * FULL_SCALE_UNIT) * dac_max
    for k in range(count):
        value = float(block[sums_first + k])
        if noisy:
            value = value + noise * z[k]
        if shifted:
            value = value + dac_max * (numbers[ADC_OFFSET] * offsets[offset_first + k])
        code = np.rint((value * adc_max) / divisor)
        if abs(code) > adc_max:
            block[CLIPPED] += 1
            code = math.copysign(adc_max, code)
        out[k] = int(code)


@compiled
def _length(codes: NDArray[np.int32]) -> float:
    total = np.int64(0)
    for i in range(codes.size):
        total += np.int64(codes[i]) * np.int64(codes[i])
    return math.sqrt(float(total))


@compiled
def convert(
    block: Block,
    backward: bool,
    whole: bool,
    row: int,
    full_scale: int,
    group: int,
    first: bool,
    dac: NDArray[np.int32],
    codes: NDArray[np.int32],
) -> None:
    """One conversion at the crossbar pins: the K codes of ``group``, 0 beyond the last line.

    ``whole``: every line of the driven side carries its code of ``dac``; else ``row`` alone is driven, with c_max.
    ``first``: the first conversion of a read, which takes the next read number.
    """
    rows, devices = block[ROWS], 1 + block[PAIR]
    weights = block[COLUMNS] // devices
    lines, count = rows if backward else weights, block[ADC_COUNT]
    begin = min(group * count, lines)
    end = min(begin + count, lines)
    if first:
        block[READS] += 1
    length = float(block[DAC_MAX])
    if not whole:
        g, at = conductances(block), row * block[COLUMNS]
        for k in range(end - begin):
            m = at + devices * (begin + k)
            w = np.int64(g[m]) - np.int64(g[m + 1]) if devices == 2 else np.int64(g[m]) - block[REFERENCE]
            block[block[AT_SUMS] + k] = block[DAC_MAX] * w
    elif backward:
        length = _length(dac[:weights])
        _backward_sums(block, dac, begin, end)
    else:
        length = _length(dac[:rows])
        _forward_sums(block, dac, begin, end)
    converters = (full_scale, block[DAC_MAX], block[ADC_MAX])
    _sample(block, backward, block[READS] - 1, begin, length, converters, codes[: end - begin])
    codes[end - begin : count] = 0


@compiled
def read(
    block: Block, backward: bool, vectors: NDArray[np.int32], converters: tuple[int, int, int], out: NDArray[np.int16]
) -> None:
    """Whole reads of all lines at once, one of each of the ``vectors`` (n, driven lines)."""
    for i in range(vectors.shape[0]):
        if backward:
            _backward_sums(block, vectors[i], 0, out.shape[1])
        else:
            _forward_sums(block, vectors[i], 0, out.shape[1])
        block[READS] += 1
        _sample(block, backward, block[READS] - 1, 0, _length(vectors[i]), converters, out[i])
