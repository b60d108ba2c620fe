"""Decisions of whole requests, straight from the packed random words to the list of cells that fire.

The same as ``RandomSource.fields``, then ``decide``, then a list of the counts that are not 0, without their arrays:
some rows at a time are decided in a few kilobytes, first all cells at once (is u < |d|, with u the low bits of
the word?), then the few for which that holds one by one. Specification, sections 4 and 5.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pulsetrain.controller.fired import FiredCells
from pulsetrain.controller.random_source import PackedWords
from pulsetrain.numerics.compiled import compiled, trailing_zeros
from pulsetrain.numerics.threads import run_blocks

_ONE, _63 = np.uint64(1), np.uint64(63)
_LOWEST_BITS = np.uint64(0x0102_0408_1020_4080)
"""Multiplied by it, the lowest bits of the eight bytes of a word come together in the top byte, in order."""

CELLS_AT_ONCE = 1024
"""About as many cells are decided at once: few enough for the fastest memory, enough to be worth the beginning."""

KINDS = {8: np.uint8, 16: np.uint16, 32: np.uint32}

Part = tuple[NDArray[np.int64], NDArray[np.int16], int]


@compiled
def _nothing(deltas: NDArray[np.signedinteger]) -> bool:
    """Whether all ``deltas`` are 0."""
    for first in range(0, deltas.size, 256):
        together = 0
        some = deltas[first : first + 256]
        for i in range(some.size):
            together |= int(np.int64(some[i]))
        if together != 0:
            return False
    return True


@compiled
def _aligned_lows(
    stream: NDArray[np.uint64],
    position: int,
    step: int,
    beats: int,
    words: int,
    mask: np.uint64,
    out: NDArray[np.uint64],
) -> None:
    """Low bits of the words of ``beats`` beats, in order: ``words`` whole 64-bit words per generator and beat."""
    size = np.uint64(words)
    generators = np.uint64(stream.shape[0])
    for g in range(stream.shape[0]):
        source = stream[g]
        target = np.uint64(g) * size
        at = np.uint64(position)
        for _ in range(beats):
            first, low = at >> np.uint64(6), at & _63
            high = _63 - low
            for k in range(size):  # two shifts to the left, because one by 64 is undefined
                word = (source[first + k] >> low) | ((source[first + k + _ONE] << _ONE) << high)
                out[target + k] = word & mask
            at += np.uint64(step)
            target += generators * size


@compiled
def _unpacked_lows(
    stream: NDArray[np.uint64],
    position: int,
    step: int,
    beats: int,
    bits: int,
    t: int,
    out: NDArray[np.unsignedinteger],
) -> None:
    """Low bits of the words of ``beats`` beats, one after the other, whatever their width and number."""
    lanes = out.size // (beats * stream.shape[0])
    mask = np.uint64((1 << t) - 1)
    i = 0
    for beat in range(beats):
        for g in range(stream.shape[0]):
            at = position + beat * step
            for _ in range(lanes):
                word, low = at >> 6, at & 63
                value = stream[g, word] >> np.uint64(low)
                if low + bits > 64:
                    value |= stream[g, word + 1] << np.uint64(64 - low)
                out[i] = value & mask
                i += 1
                at += bits


@compiled
def _mark(deltas: NDArray[np.signedinteger], lows: NDArray[np.unsignedinteger], marks: NDArray[np.uint8]) -> None:
    """Mark by 1 the cells that may fire: u < |d|, true for all above the threshold; by 0 those that do not.

    The marks after the last cell become 0, too, up to a multiple of 64.
    """
    for i in range(deltas.size):
        marks[i] = np.int64(lows[i]) < abs(np.int64(deltas[i]))
    for i in range(deltas.size, (deltas.size + 63) // 64 * 64):
        marks[i] = 0


@compiled
def _list(
    deltas: NDArray[np.signedinteger],
    lows: NDArray[np.unsignedinteger],
    marks: NDArray[np.uint64],
    t: int,
    max_pulses: int,
    offset: int,
    cells: NDArray[np.int64],
    counts: NDArray[np.int16],
    found: int,
) -> tuple[int, int]:
    """Decide the cells marked in ``marks``, eight to a word. Returns how many fired so far, and saturated ones."""
    mask = (1 << t) - 1
    saturated = 0
    for first in range(np.uint64(0), np.uint64((deltas.size + 63) // 64 * 8), np.uint64(8)):
        together = np.uint64(0)
        for k in range(np.uint64(8)):
            together |= marks[first + k]
        if together == np.uint64(0):
            continue
        bits = np.uint64(0)
        for k in range(np.uint64(8)):
            bits |= ((marks[first + k] * _LOWEST_BITS) >> np.uint64(56)) << (k << np.uint64(3))
        while bits != np.uint64(0):
            i = (first << np.uint64(3)) + trailing_zeros(bits)
            bits &= bits - _ONE
            d = int(np.int64(deltas[i]))
            m = abs(d)
            n = (m >> t) + int(np.int64(lows[i]) < (m & mask))
            saturated += n > max_pulses
            n = min(n, max_pulses)
            if n != 0:
                cells[found] = offset + np.int64(i)
                counts[found] = -n if d < 0 else n
                found += 1
    return found, saturated


@compiled(nogil=True)
def fire(
    deltas: NDArray[np.signedinteger],
    columns: int,
    rows: tuple[int, int],
    piece: int,
    stream: NDArray[np.uint64],
    words: tuple[int, int, int, int, int],
    decision: tuple[int, int],
    mask: np.uint64,
    aligned: NDArray[np.uint64],
    lows: NDArray[np.unsignedinteger],
    mark_words: NDArray[np.uint64],
    marks: NDArray[np.uint8],
    cells: NDArray[np.int64],
    counts: NDArray[np.int16],
) -> tuple[int, int, int]:
    """Decide rows until the outputs may overflow. Returns the row to go on with, cells that fired, and saturated ones.

    ``deltas``: those of all rows; ``piece``: rows at once. ``words``: bit position of row 0, step, beats of a row, bits
    of a word, aligned words of a generator in a beat or 0; ``decision``: threshold_log2, max_pulses; ``mask``: that of
    the low bits of all words in 64 bits. ``aligned`` and ``lows`` are the same memory, a piece or more, as are
    ``mark_words`` and ``marks``.
    """
    position, step, beats, bits, together = words
    t, max_pulses = decision
    found, saturated = int(np.int64(0)), int(np.int64(0))  # constants would be compiled for themselves
    row, last = rows
    while row < last:
        end = min(row + piece, last)
        some = deltas[row * columns : end * columns]
        if found + some.size > cells.size:
            break
        if not _nothing(some):
            at = position + row * beats * step
            if together:
                _aligned_lows(stream, at, step, (end - row) * beats, together, mask, aligned)
            else:
                _unpacked_lows(stream, at, step, (end - row) * beats, bits, t, lows[: some.size])
            _mark(some, lows, marks)
            found, more = _list(some, lows, mark_words, t, max_pulses, row * columns, cells, counts, found)
            saturated += more
        row = end
    return row, found, saturated


def decide_fired(
    deltas: NDArray[np.signedinteger], words: PackedWords, *, threshold_log2: int, max_pulses: int
) -> tuple[FiredCells, int]:
    """The cells that fire, and how many of them were saturated: ``decide`` for whole rows (section 5).

    ``deltas``: int16 or int32, (rows, columns), contiguous (checked by the caller); ``words``: one
    for each, ``rows`` · ``columns`` / lanes beats. Large requests run on several threads (``numerics.threads``).
    """
    rows, columns = deltas.shape
    stream, bits = words.stream, words.bits
    beats = columns // (stream.shape[0] * words.lanes)
    numbers = (words.position, words.step, beats, bits, words.aligned)
    decision = (threshold_log2, max_pulses)
    mask = low_mask(bits, threshold_log2)
    kind = KINDS[bits] if words.aligned else np.uint32

    flat = deltas.reshape(-1)
    piece = max(1, CELLS_AT_ONCE // columns)
    words64 = 8 * -(-piece * columns // 64)

    def block(first: int, last: int) -> list[Part]:
        aligned, marks = np.empty(4 * words64, np.uint64), np.empty(words64, np.uint64)
        parts = []
        while first < last:
            size = (last - first) * columns // 8 + piece * columns  # more parts if more fire
            cells, counts = np.empty(size, np.int64), np.empty(size, np.int16)
            first, found, saturated = fire(
                flat, columns, (first, last), piece, stream, numbers, decision, mask, aligned, aligned.view(kind),
                marks, marks.view(np.uint8), cells, counts,
            )  # fmt: skip
            parts.append((cells[:found], counts[:found], saturated))
        return parts

    parts = [part for some in run_blocks(block, rows, columns) for part in some]
    cells, counts, saturated = parts[0]
    if len(parts) > 1:
        cells, counts = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
        saturated = sum(part[2] for part in parts)
    return FiredCells(cells, counts, (rows, columns)), saturated


@cache
def low_mask(bits: int, t: int) -> np.uint64:
    """The mask of the low ``t`` bits of as many words of ``bits`` as fill 64."""
    return np.uint64(sum(((1 << t) - 1) << lane for lane in range(0, 64 - bits + 1, bits)))
