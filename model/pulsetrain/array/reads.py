"""Reads of a golden array: sums of code × conductance, noise, and converters. Specification, sections 12 and 18."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.record import (
    ADC_COUNT,
    ADC_MAX,
    ADC_OFFSET,
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
    ROWS,
    Block,
    reals,
)
from pulsetrain.array.slow_noise import begin_read
from pulsetrain.array.sums import backward_sums, forward_sums, row_sums
from pulsetrain.numerics.compiled import compiled
from pulsetrain.numerics.noise import normals_of_lines

FULL_SCALE_UNIT = 1e5
"""One unit of full scale in picosiemens: 0.1 µS."""


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
    rows, weights = block[ROWS], block[COLUMNS] // (1 + block[PAIR])
    lines, count = rows if backward else weights, block[ADC_COUNT]
    begin = min(group * count, lines)
    end = min(begin + count, lines)
    if first:
        begin_read(block)
    length = float(block[DAC_MAX])
    if not whole:
        row_sums(block, row, begin, end)
    elif backward:
        length = _length(dac[:weights])
        backward_sums(block, dac, begin, end)
    else:
        length = _length(dac[:rows])
        forward_sums(block, dac, begin, end)
    converters = (full_scale, block[DAC_MAX], block[ADC_MAX])
    _sample(block, backward, block[READS] - 1, begin, length, converters, codes[: end - begin])
    codes[end - begin : count] = 0


@compiled
def read(
    block: Block, backward: bool, vectors: NDArray[np.int32], converters: tuple[int, int, int], out: NDArray[np.int16]
) -> None:
    """Whole reads of all lines at once, one of each of the ``vectors`` (n, driven lines)."""
    first, last = int(np.int64(0)), out.shape[1]  # a constant 0 would be compiled for itself
    for i in range(vectors.shape[0]):
        begin_read(block)
        if backward:
            backward_sums(block, vectors[i], first, last)
        else:
            forward_sums(block, vectors[i], first, last)
        _sample(block, backward, block[READS] - 1, first, _length(vectors[i]), converters, out[i])
