"""The golden array as C functions, for a simulator at the crossbar pins. Specification, sections 8 and 12.

    void pulse(void *context, uint32_t operation, uint32_t row, uint32_t cycles, uint32_t level,
               const uint64_t *columns);
    void convert(void *context, uint32_t backward, uint32_t whole, uint32_t row, uint32_t full_scale, uint32_t group,
                 uint32_t first, const int32_t *dac, int32_t *codes);

They are ``array.pulses.pulse`` and ``array.reads.convert``, so whoever drives the pins has the results of the golden
model. ``columns`` has ⌈C/64⌉ words, ``dac`` a code for each line of the driven side (it may be NULL unless ``whole``),
``codes`` room for K. Arguments are not checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numba
from numba import carray, types

from pulsetrain.array.pulses import pulse
from pulsetrain.array.reads import convert
from pulsetrain.array.record import END, Block, Part, header, parts_of
from pulsetrain.numerics.compiled import c_function, inlined


@dataclass(frozen=True)
class ArrayPort:
    """Addresses of the array's block and of the two functions. The first is valid while the array lives."""

    context: int
    pulse: int
    convert: int


@inlined
def _block_at(context: Any) -> Block:
    block: Block = carray(context, carray(context, END + 1)[END])
    return block


@inlined
def _pulse_at(
    context: Any, operation: int, row: int, cycles: int, level: int, columns: Any, measured: Part, disturbs: Part
) -> None:
    block = _block_at(context)
    words = carray(columns, (header(block).columns + 63) // 64)
    pulse(
        block, numba.int64(operation), numba.int64(row), numba.int64(cycles), numba.int64(level), words, measured,
        disturbs,
    )  # fmt: skip


def _pulse(context: Any, operation: int, row: int, cycles: int, level: int, columns: Any) -> None:
    _pulse_at(context, operation, row, cycles, level, columns, numba.int64(1), numba.int64(1))


def _pulse_plain(context: Any, operation: int, row: int, cycles: int, level: int, columns: Any) -> None:
    _pulse_at(context, operation, row, cycles, level, columns, None, None)


@inlined
def _convert_at(
    context: Any,
    backward: int,
    whole: int,
    row: int,
    full_scale: int,
    group: int,
    first: int,
    dac: Any,
    codes: Any,
    slow: Part,
    wires: Part,
) -> None:
    block = _block_at(context)
    head = header(block)
    driven = carray(dac, head.columns if backward != 0 else head.rows)
    out = carray(codes, head.adc_count)
    convert(
        block, backward != 0, whole != 0, numba.int64(row), numba.int64(full_scale), numba.int64(group), first != 0,
        driven, out, slow, wires,
    )  # fmt: skip


def _convert(
    context: Any,
    backward: int,
    whole: int,
    row: int,
    full_scale: int,
    group: int,
    first: int,
    dac: Any,
    codes: Any,
) -> None:
    _convert_at(
        context, backward, whole, row, full_scale, group, first, dac, codes, numba.int64(1), numba.int64(1)
    )  # fmt: skip


def _convert_plain(
    context: Any,
    backward: int,
    whole: int,
    row: int,
    full_scale: int,
    group: int,
    first: int,
    dac: Any,
    codes: Any,
) -> None:
    _convert_at(context, backward, whole, row, full_scale, group, first, dac, codes, None, None)


@cache
def _pulse_function(plain: bool) -> Any:
    word = types.uint32
    function = _pulse_plain if plain else _pulse
    return c_function(function, types.CPointer(types.int64), *[word] * 4, types.CPointer(types.uint64))


@cache
def _convert_function(plain: bool) -> Any:
    codes = types.CPointer(types.int32)
    function = _convert_plain if plain else _convert
    return c_function(function, types.CPointer(types.int64), *[types.uint32] * 6, codes, codes)


def port_of(block: Block) -> ArrayPort:
    """The port of the array with that block. Compiles the functions at the first call of a process that needs them."""
    parts = parts_of(block)
    pulse_function = _pulse_function(parts.measured is None)
    convert_function = _convert_function(parts.slow is None and parts.wires is None)
    return ArrayPort(block.ctypes.data, pulse_function.address, convert_function.address)
