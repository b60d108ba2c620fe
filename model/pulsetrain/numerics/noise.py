"""Counter-based noise: a pure function of seed, operation, cell and pulse. Specification, sections 12 and 13.

Nothing here has a state, so neither the order of cells and pulses, nor how a request is split, nor threads can change a
result. The generator is Philox4x32-10 (Salmon et al., SC 2011, doi 10.1145/2063384.2063405); normal numbers come from
``pulsetrain.numerics.quantiles``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsetrain.numerics.compiled import compiled, inlined
from pulsetrain.numerics.quantiles import quantile_of, quantiles

LOW_WORD = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)


BLOCK = 256
"""A good number of them to draw at once: few calls, and all in the nearest cache."""

SCRATCH = 3 * BLOCK
"""Elements of a scratch array of the functions below, 1 where they take single numbers."""

Block = tuple[np.uint64, np.uint64, np.uint64, np.uint64]


@inlined
def philox_block(c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64) -> Block:
    """Philox4x32-10: four 32-bit counter words and two key words (all as uint64) to four 32-bit output words."""
    for _ in range(10):
        p0 = _M0 * c0
        p1 = _M1 * c2
        c0, c2 = (p1 >> _32) ^ c1 ^ k0, (p0 >> _32) ^ c3 ^ k1
        c1, c3 = p1 & LOW_WORD, p0 & LOW_WORD
        k0 = (k0 + _W0) & LOW_WORD
        k1 = (k1 + _W1) & LOW_WORD
    return c0, c1, c2, c3


@inlined
def uniform_from(low: np.uint64, high: np.uint64) -> float:
    """The uniform p of section 12 from two words of a block, never 0 or 1."""
    return (np.float64(np.int64(((high << _32) | low) >> np.uint64(12))) + 0.5) * 2.0**-52


@compiled
def block_of(seed: np.uint64, number: np.uint64, cell: int, pulse: int) -> Block:
    return philox_block(
        np.uint64(cell), np.uint64(pulse), number & LOW_WORD, number >> _32, seed & LOW_WORD, seed >> _32
    )  # fmt: skip


@compiled
def uniform_of(seed: np.uint64, number: np.uint64, cell: int, pulse: int) -> float:
    """The uniform p of one cell and pulse (compiled callers only, as the three below)."""
    x0, x1, _, _ = block_of(seed, number, cell, pulse)
    return uniform_from(x0, x1)


@compiled
def normal_of(seed: np.uint64, number: np.uint64, cell: int, pulse: int, scratch: NDArray[np.float64]) -> float:
    """The normal z of one cell and pulse. ``scratch``: one element."""
    return quantile_of(uniform_of(seed, number, cell, pulse), scratch)


@compiled
def second_normal_of(seed: np.uint64, number: np.uint64, cell: int, pulse: int, scratch: NDArray[np.float64]) -> float:
    """The normal z' from the words x2, x3 of the same block (forming)."""
    _, _, x2, x3 = block_of(seed, number, cell, pulse)
    return quantile_of(uniform_from(x2, x3), scratch)


@compiled
def quantiles_of_all(p: NDArray[np.float64], scratch: NDArray[np.float64]) -> None:
    """The normals of any number of uniforms ``p``, in place. ``scratch``: ``SCRATCH`` elements."""
    for first in range(0, p.size, BLOCK):
        quantiles(p[first : first + BLOCK], scratch)


@inlined
def both_uniforms(
    seed: np.uint64,
    number: np.uint64,
    cells: NDArray[np.int64],
    indices: NDArray[np.int64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
) -> None:
    """The uniforms p and p' of ``cells`` and ``indices`` to ``first`` and ``second``, all of one length."""
    k0, k1, o0, o1 = seed & LOW_WORD, seed >> _32, number & LOW_WORD, number >> _32
    for i in range(first.size):
        x0, x1, x2, x3 = philox_block(np.uint64(cells[i]), np.uint64(indices[i]), o0, o1, k0, k1)
        first[i], second[i] = uniform_from(x0, x1), uniform_from(x2, x3)


@inlined
def first_uniforms(
    seed: np.uint64,
    number: np.uint64,
    cells: NDArray[np.int64],
    indices: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:
    """The uniforms p of ``cells`` and ``indices`` to ``out``, all of one length."""
    k0, k1, o0, o1 = seed & LOW_WORD, seed >> _32, number & LOW_WORD, number >> _32
    for i in range(out.size):
        x0, x1, _, _ = philox_block(np.uint64(cells[i]), np.uint64(indices[i]), o0, o1, k0, k1)
        out[i] = uniform_from(x0, x1)


@inlined
def uniforms_of_writes(
    seed: np.uint64, writes: NDArray[np.int64], cells: NDArray[np.int64], index: int, out: NDArray[np.float64]
) -> None:
    """The uniforms p of ``cells`` at one index and the counts of their ``writes``, all of one length."""
    k0, k1, c1 = seed & LOW_WORD, seed >> _32, np.uint64(index)
    for i in range(out.size):
        x0, x1, _, _ = philox_block(np.uint64(cells[i]), c1, np.uint64(writes[i]), np.uint64(0), k0, k1)
        out[i] = uniform_from(x0, x1)


@compiled
def uniforms_of_lines(seed: np.uint64, number: np.uint64, first: int, pulse: int, out: NDArray[np.float64]) -> None:
    """The uniforms p of cells ``first``, ``first`` + 1, … at one pulse, to ``out``."""
    k0, k1 = seed & LOW_WORD, seed >> _32
    o0, o1 = number & LOW_WORD, number >> _32
    c1 = np.uint64(pulse)
    for i in range(out.size):
        x0, x1, _, _ = philox_block(np.uint64(first + i), c1, o0, o1, k0, k1)
        out[i] = uniform_from(x0, x1)


@compiled
def normals_of_lines(
    seed: np.uint64, number: np.uint64, first: int, pulse: int, out: NDArray[np.float64], scratch: NDArray[np.float64]
) -> None:
    """The normals z of cells ``first``, ``first`` + 1, … at one pulse, to ``out``."""
    uniforms_of_lines(seed, number, first, pulse, out)
    quantiles_of_all(out, scratch)


@compiled
def _uniforms(
    key: np.uint64, operation: np.uint64, cells: NDArray[np.int64], pulses: NDArray[np.int64], out: NDArray[np.float64]
) -> None:
    k0, k1 = np.uint64(key) & LOW_WORD, np.uint64(key) >> _32
    o0, o1 = np.uint64(operation) & LOW_WORD, np.uint64(operation) >> _32
    for i in range(cells.size):
        x0, x1, _, _ = philox_block(np.uint64(cells[i]), np.uint64(pulses[i]), o0, o1, k0, k1)
        out[i] = uniform_from(x0, x1)


@compiled
def round_steps(
    steps: NDArray[np.float64],
    scale: float,
    limit: float,
    key: np.uint64,
    operation: np.uint64,
    first_cell: int,
    deltas: NDArray[np.signedinteger],
) -> int:
    """``rounded_steps`` of contiguous steps to ``deltas`` of one size, compiled. Returns how many were clipped."""
    k0, k1 = np.uint64(key) & LOW_WORD, np.uint64(key) >> _32
    o0, o1 = np.uint64(operation) & LOW_WORD, np.uint64(operation) >> _32
    uniform = np.empty(1024, np.uint64)
    clipped = 0
    for first in range(0, steps.size, uniform.size):
        some, out = steps[first : first + uniform.size], deltas[first : first + uniform.size]
        for i in range(some.size):
            _, _, x2, x3 = philox_block(np.uint64(first_cell + first + i) & LOW_WORD, np.uint64(0), o0, o1, k0, k1)
            uniform[i] = ((x2 << _32) | x3) >> np.uint64(11)
        for i in range(some.size):
            x = np.floor(some[i] * scale + np.float64(np.int64(uniform[i])) * 2.0**-53)
            if x > limit:
                x = limit
                clipped += 1
            if x < -limit:
                x = -limit
                clipped += 1
            out[i] = np.int32(x)
    return clipped


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Philox4x32-10 of one counter and key, all words 0 … 2^32 − 1."""
    block = philox_block(*(np.uint64(word) for word in (*counter, *key)))
    return int(block[0]), int(block[1]), int(block[2]), int(block[3])


def uniforms(seed: int, operation: int, cells: NDArray[np.int64], pulses: NDArray[np.int64]) -> NDArray[np.float64]:
    """The uniforms p of section 12, above 0 and below 1, one per entry of ``cells`` and ``pulses``: float64 (n,).

    ``seed`` and ``operation``: 0 … 2^64 − 1; cells and pulses: 0 … 2^32 − 1, pulses of a write counting from 1.
    """
    out = np.empty(cells.shape, np.float64)
    _uniforms(np.uint64(seed), np.uint64(operation), cells, pulses, out)
    return out


def normals(seed: int, operation: int, cells: NDArray[np.int64], pulses: NDArray[np.int64]) -> NDArray[np.float64]:
    """Standard normal numbers z of section 12. Arguments and shape as for ``uniforms``."""
    out = uniforms(seed, operation, cells, pulses)
    quantiles_of_all(out, np.empty(SCRATCH))
    return out


def rounded_steps(
    steps: NDArray[np.float64],
    scale: float,
    limit: int,
    seed: int,
    operation: int,
    dtype: type[np.signedinteger] = np.int32,
    *,
    first_cell: int = 0,
) -> tuple[NDArray[np.signedinteger], int]:
    """Deltas of weight steps by stochastic rounding, and how many were clipped. Section 13.

    ``steps``: float64 of any shape, finite, cells in row-major order from ``first_cell`` on; ``scale``: delta units per
    unit of weight.
    d = clip(⌊steps·scale + v⌋, ±limit), product and sum rounded to float64 one after the other, v uniform in [0, 1).
    Returns ``dtype`` (wide enough for ``limit``) of the same shape.
    """
    deltas = np.empty(steps.shape, dtype)
    flat = np.ascontiguousarray(steps).reshape(-1)
    numbers = (np.uint64(seed), np.uint64(operation), first_cell)
    clipped = round_steps(flat, scale, float(limit), *numbers, deltas.reshape(-1))
    return deltas, int(clipped)
