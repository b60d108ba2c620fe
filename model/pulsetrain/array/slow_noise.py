"""Slow noise of a golden array: flicker and telegraph noise, held from read to read. Specification, section 18.

Each device has one integer o of picosiemens, the sum of its octaves of flicker and of its telegraph state. Reads see
G + o cut to 0 … 2.1·10⁹ pS. All of them are made anew when the number of the read that begins asks for it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.record import (
    G_TOP,
    INDEX_OCTAVE,
    INDEX_STATE,
    INDEX_TELEGRAPH,
    SLOW,
    Block,
    Part,
    conductances,
    header,
    reals,
    slow_noise,
)
from pulsetrain.numerics.compiled import compiled, inlined
from pulsetrain.numerics.noise import LOW_WORD, philox_block, uniform_from
from pulsetrain.numerics.quantiles import quantiles

_BLOCK = 256  # cells at once: their sums and normals stay in the first cache


@inlined
def as_read(g: np.int32, o: np.int32) -> np.int64:
    """The conductance that reads see of a device at ``g`` with the slow noise ``o``, picosiemens."""
    return min(max(np.int64(g) + np.int64(o), np.int64(0)), np.int64(G_TOP))


@compiled
def begin_read(block: Block, slow: Part) -> None:
    """Take the next read number, and make the slow noise anew if that number asks for it."""
    head = header(block)
    number = head.reads
    head.reads += np.uint64(1)
    if slow is not None and head.effects & SLOW and is_due(block, number):
        renew(block, number, 0, head.rows * head.columns)
        head.slow_reads = head.reads


@compiled
def is_due(block: Block, number: np.uint64) -> bool:
    """Whether any octave or state of read ``number`` is another than that of the read that made the slow noise.

    ``slow_reads`` is that read's number + 1, and 0 if there was none. (Where number + 1 wraps to 0, the next read is
    number 0, which is due in any case: 2^64 − 1 lies in no first period.)
    """
    head = header(block)
    if head.slow_reads == np.uint64(0):
        return True
    before = head.slow_reads - np.uint64(1)
    for held in (head.flicker_reads, head.telegraph_reads):
        if held > 0 and number // np.uint64(held) != before // np.uint64(held):
            return True
    return False


@compiled
def renew(block: Block, number: np.uint64, first: int, last: int) -> None:
    """The slow noise of cells ``first`` … ``last`` − 1 at read ``number``, with their conductances as they are."""
    head = header(block)
    o, total = slow_noise(block), np.empty(_BLOCK)
    z, scratch = np.empty(_BLOCK), np.empty(4 * _BLOCK)
    for begin in range(first, last, _BLOCK):
        count = min(_BLOCK, last - begin)
        total[:] = 0.0
        if head.flicker_reads > 0:
            _add_flicker(block, number, begin, total[:count], z[:count], scratch)
        for i in range(count):
            total[i] = np.rint(total[i])
        if head.telegraph_reads > 0:
            _add_telegraph(block, number, begin, total[:count], z[:count], scratch[:count])
        for i in range(count):  # more than any conductance makes no difference, and fits into the integer
            o[begin + i] = np.int32(min(max(total[i], -float(G_TOP)), float(G_TOP)))


@compiled
def _add_flicker(
    block: Block,
    number: np.uint64,
    first: int,
    total: NDArray[np.float64],
    z: NDArray[np.float64],
    scratch: NDArray[np.float64],
) -> None:
    """Add Σ (s + r·G)·z over the octaves, in that order, of the cells from ``first`` on."""
    head = header(block)
    numbers, g = reals(block), conductances(block)
    sigma, relative = numbers.flicker_sigma, numbers.flicker_relative
    part = number // np.uint64(head.flicker_reads)
    for k in range(head.flicker_octaves):
        _uniforms_of_cells(head.read_seed, part >> np.uint64(k), first, INDEX_OCTAVE + k, z)
        quantiles(z, scratch)
        for i in range(total.size):
            total[i] += (sigma + relative * float(g[first + i])) * z[i]


@compiled
def _uniforms_of_cells(seed: np.uint64, number: np.uint64, first: int, index: int, out: NDArray[np.float64]) -> None:
    k0, k1, n0, n1 = seed & LOW_WORD, seed >> np.uint64(32), number & LOW_WORD, number >> np.uint64(32)
    for i in range(out.size):
        x0, x1, _, _ = philox_block(np.uint64(first + i), np.uint64(index), n0, n1, k0, k1)
        out[i] = uniform_from(x0, x1)


@compiled
def _add_telegraph(
    block: Block,
    number: np.uint64,
    first: int,
    total: NDArray[np.float64],
    chosen: NDArray[np.float64],
    state: NDArray[np.float64],
) -> None:
    """Subtract rint(r·G + step) for the cells from ``first`` on that have telegraph noise and are in the lower state.

    ``chosen``, ``state``: as long as ``total``, overwritten.
    """
    head = header(block)
    numbers, g = reals(block), conductances(block)
    share, occupancy = numbers.telegraph_share, numbers.telegraph_occupancy
    relative, step = numbers.telegraph_relative, numbers.telegraph_step
    part = number // np.uint64(head.telegraph_reads)
    _uniforms_of_cells(head.seed, np.uint64(0), first, INDEX_TELEGRAPH, chosen)
    _uniforms_of_cells(head.read_seed, part, first, INDEX_STATE, state)
    for i in range(total.size):
        drop = np.rint(relative * float(g[first + i]) + step)
        total[i] -= drop if chosen[i] < share and state[i] < occupancy else 0.0
