"""Reads of a golden array: sums of code × conductance, noise, and converters. Specification, sections 12 and 18."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.record import (
    Block,
    Part,
    converter_offsets,
    header,
    line_normals,
    line_sums,
    reals,
    scratch_numbers,
)
from pulsetrain.array.slow_noise import begin_read
from pulsetrain.array.sums import backward_sums, forward_sums, row_sums
from pulsetrain.contract.enumerations import FULL_SCALE_UNIT
from pulsetrain.numerics.compiled import compiled
from pulsetrain.numerics.noise import BLOCK, normals_of_lines, quantiles_of_all, uniforms_of_lines

_UNIT = float(FULL_SCALE_UNIT)
"""One unit of full scale in picosiemens: 0.1 µS."""


@compiled
def _sample(
    block: Block,
    backward: bool,
    number: np.uint64,
    first: int,
    length: float,
    converters: tuple[int, int, int],
    sums: NDArray[np.integer | np.floating],
    out: NDArray[np.signedinteger],
) -> None:
    """Codes of lines ``first``, ``first`` + 1, … from their ``sums``, whole numbers.

    ``length``: √(Σ c²) of the codes driven; ``converters``: full scale, c_max, a_max.
    """
    head, z = header(block), line_normals(block)[: out.size]
    if reals(block).read_noise > 0.0:
        normals_of_lines(head.read_seed, number, first, int(backward), z, scratch_numbers(block))
    _convert_lines(block, backward, first, length, converters, sums, z, out)


@compiled
def _convert_lines(
    block: Block,
    backward: bool,
    first: int,
    length: float,
    converters: tuple[int, int, int],
    sums: NDArray[np.integer | np.floating],
    z: NDArray[np.float64],
    out: NDArray[np.signedinteger],
) -> None:
    """As ``_sample``, with the normal numbers ``z`` of the lines, which are not looked at where there is no noise."""
    head, numbers, offsets = header(block), reals(block), converter_offsets(block)
    full_scale, dac_max, adc_max = converters
    offset_first = first + head.columns if backward else first
    noise = numbers.read_noise * length
    noisy, shifted = numbers.read_noise > 0.0, numbers.adc_offset > 0.0
    divisor = (full_scale * _UNIT) * dac_max
    for k in range(out.size):
        value = float(sums[k])
        if noisy:
            value = value + noise * z[k]
        if shifted:
            value = value + dac_max * (numbers.adc_offset * offsets[offset_first + k])
        code = np.rint((value * adc_max) / divisor)
        if abs(code) > adc_max:
            head.clipped += 1
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
    slow: Part,
    wires: Part,
) -> None:
    """One conversion at the crossbar pins: the K codes of ``group``, 0 beyond the last line.

    ``whole``: every line of the driven side carries its code of ``dac``; else ``row`` alone is driven, with c_max.
    ``first``: the first conversion of a read, which takes the next read number.
    """
    head = header(block)
    rows, weights = head.rows, head.columns // (1 + head.pair)
    lines, count = rows if backward else weights, head.adc_count
    begin = min(group * count, lines)
    end = min(begin + count, lines)
    if first:
        begin_read(block, slow)
    length = float(head.dac_max)
    if not whole:
        row_sums(block, row, begin, end, slow, wires)
    elif backward:
        length = _length(dac[:weights])
        backward_sums(block, dac, begin, end, slow, wires)
    else:
        length = _length(dac[:rows])
        forward_sums(block, dac, begin, end, slow, wires)
    converters = (full_scale, head.dac_max, head.adc_max)
    number, sums = head.reads - np.uint64(1), line_sums(block)
    _sample(block, backward, number, begin, length, converters, sums, codes[: end - begin])
    codes[end - begin : count] = 0


@compiled
def read(
    block: Block,
    backward: bool,
    vectors: NDArray[np.int32],
    converters: tuple[int, int, int],
    out: NDArray[np.int16],
    slow: Part,
    wires: Part,
) -> None:
    """Whole reads of all lines at once, one of each of the ``vectors`` (n, driven lines)."""
    head = header(block)
    first, last = int(np.int64(0)), out.shape[1]  # a constant 0 would be compiled for itself
    for i in range(vectors.shape[0]):
        begin_read(block, slow)
        if backward:
            backward_sums(block, vectors[i], first, last, slow, wires)
        else:
            forward_sums(block, vectors[i], first, last, slow, wires)
        number, length = head.reads - np.uint64(1), _length(vectors[i])
        _sample(block, backward, number, first, length, converters, line_sums(block), out[i])


@compiled(nogil=True)
def sample_all(
    block: Block,
    backward: bool,
    vectors: NDArray[np.int32],
    converters: tuple[int, int, int],
    sums: NDArray[np.float64],
    out: NDArray[np.int16],
) -> None:
    """As ``read``, of an array without slow noise, from the ``sums`` (n, sampled lines) that somebody has formed."""
    head, first, lines = header(block), int(np.int64(0)), out.shape[1]
    some = max(1, BLOCK // lines)  # vectors whose noise is drawn together: few numbers at a time take longer
    z, noisy = np.empty((some, lines)), reals(block).read_noise > 0.0
    for start in range(0, out.shape[0], some):
        count = min(some, out.shape[0] - start)
        if noisy:
            for i in range(count):
                uniforms_of_lines(head.read_seed, head.reads + np.uint64(i), first, int(backward), z[i])
            quantiles_of_all(z[:count].reshape(-1), scratch_numbers(block))
        for i in range(start, start + count):
            _convert_lines(block, backward, first, _length(vectors[i]), converters, sums[i], z[i - start], out[i])
        head.reads += np.uint64(count)
