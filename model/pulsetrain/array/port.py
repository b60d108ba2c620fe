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
from pulsetrain.array.record import END, Block, header
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


def _pulse(context: Any, operation: int, row: int, cycles: int, level: int, columns: Any) -> None:
    block = _block_at(context)
    words = carray(columns, (header(block).columns + 63) // 64)
    pulse(block, numba.int64(operation), numba.int64(row), numba.int64(cycles), numba.int64(level), words)


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
    block = _block_at(context)
    head = header(block)
    driven = carray(dac, head.columns if backward != 0 else head.rows)
    out = carray(codes, head.adc_count)
    convert(
        block, backward != 0, whole != 0, numba.int64(row), numba.int64(full_scale), numba.int64(group), first != 0,
        driven, out,
    )  # fmt: skip


@cache
def _functions() -> tuple[Any, Any]:
    context, word = types.CPointer(types.int64), types.uint32
    codes = types.CPointer(types.int32)
    return (
        c_function(_pulse, context, *[word] * 4, types.CPointer(types.uint64)),
        c_function(_convert, context, *[word] * 6, codes, codes),
    )


def port_of(block: Block) -> ArrayPort:
    """The port of the array with that block. Compiles the functions at the first call of a process."""
    pulse_function, convert_function = _functions()
    return ArrayPort(block.ctypes.data, pulse_function.address, convert_function.address)
