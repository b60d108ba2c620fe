"""A whole update of a tile in one compiled call: rounding, decision, pulses. For grids, whose tiles may be small.

The parts are those that a tile calls one after the other (``numerics.noise``, ``controller.firing``,
``array.open_loop``, ``controller.slots``), so the results are the same to the last bit; what is saved is Python
between them, which takes longer than the arithmetic of a tile of 64 × 64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.open_loop import apply_plain
from pulsetrain.array.record import Block
from pulsetrain.controller.fired import FiredCells
from pulsetrain.controller.firing import CELLS_AT_ONCE, KINDS, fire, low_mask
from pulsetrain.controller.slots import slot_number
from pulsetrain.numerics.compiled import compiled
from pulsetrain.numerics.noise import round_steps
from pulsetrain.tiles.model import ModelTile
from pulsetrain.tiles.places import Place
from pulsetrain.tiles.reports import COUNTED

_NAMES = ("cells_set", "cells_reset", "pulses_set", "pulses_reset", "saturated", "clipped", "slots", "window_hits")
"""What the compiled call counts, in its order; the number of cells that fired follows."""
_PLACES = np.array([COUNTED.index(name) for name in _NAMES])


@compiled(nogil=True)
def _update(
    block: Block,
    steps: NDArray[np.float64],
    at: tuple[int, int, int, int],
    columns: int,
    rounding: tuple[float, float],
    seeds: tuple[np.uint64, np.uint64],
    piece: int,
    stream: NDArray[np.uint64],
    words: tuple[int, int, int, int, int],
    decision: tuple[int, int, int],
    mask: np.uint64,
    whole: NDArray[np.float64],
    deltas: NDArray[np.signedinteger],
    aligned: NDArray[np.uint64],
    lows: NDArray[np.unsignedinteger],
    mark_words: NDArray[np.uint64],
    marks: NDArray[np.uint8],
    cells: NDArray[np.int64],
    counts: NDArray[np.int16],
    numbers: NDArray[np.int64],
) -> None:
    """Update the tile that holds rows ``at[0]`` … ``at[1]`` − 1 and columns ``at[2]`` … ``at[3]`` − 1 of ``steps``.

    ``whole``, ``deltas``, ``cells`` and ``counts`` have room for all its weights, ``columns`` to a row; what the
    matrix does not use of ``whole`` is 0. ``decision``: threshold_log2, max_pulses, parallel_max.
    """
    row, last, column, end = at
    for i in range(row, last):
        first = (i - row) * columns
        for j in range(column, end):
            whole[first + j - column] = steps[i, j]
    clipped = round_steps(whole, rounding[0], rounding[1], seeds[0], seeds[1], int(np.int64(0)), deltas)
    rows = (int(np.int64(0)), whole.size // columns)
    _, found, saturated = fire(
        deltas, columns, rows, piece, stream, words, decision[:2], mask, aligned, lows, mark_words, marks, cells, counts
    )
    hits = apply_plain(block, cells, counts, int(np.int64(0)), found, True)
    numbers[:] = 0
    for i in range(found):
        n = int(np.int64(counts[i]))
        if n > 0:
            numbers[0] += 1
            numbers[2] += n
        else:
            numbers[1] += 1
            numbers[3] -= n
    numbers[4], numbers[5], numbers[7], numbers[8] = saturated, clipped, hits, found
    numbers[6] = slot_number(cells[:found], counts[:found], columns, decision[2])


def is_plain(tile: object) -> TypeGuard[ModelTile]:
    """Whether an update of this tile is what one compiled call does: golden, in an open loop, devices of section 12."""
    return (
        type(tile) is ModelTile
        and not tile.settings.verify
        and not tile.config.pair
        and tile.array.parts.measured is None
        and tile.array.parts.disturbs is None
    )


@dataclass
class Room:
    """Memory that updates of one tile after the other use, of one thread."""

    whole: NDArray[np.float64]
    deltas: NDArray[np.signedinteger]
    aligned: NDArray[np.uint64]
    marks: NDArray[np.uint64]
    cells: NDArray[np.int64]
    counts: NDArray[np.int16]
    numbers: NDArray[np.int64]

    @staticmethod
    def of(tile: ModelTile) -> Room:
        """Room for tiles like this one."""
        config = tile.config
        size, columns = config.rows * config.weight_columns, config.weight_columns
        words = 8 * -(-max(1, CELLS_AT_ONCE // columns) * columns // 64)
        kind = np.int16 if config.delta_bits <= 16 else np.int32
        return Room(
            np.zeros(size), np.empty(size, kind), np.empty(4 * words, np.uint64), np.empty(words, np.uint64),
            np.empty(size, np.int64), np.empty(size, np.int16), np.empty(len(_NAMES) + 1, np.int64),
        )  # fmt: skip


def update_whole(tile: ModelTile, steps: NDArray[np.float64], place: Place, room: Room) -> NDArray[np.int64]:
    """``tile.update`` of its part of ``steps``, finite float64, C-contiguous. Returns what COUNTED names.

    ``tile`` must be plain (``is_plain``); ``room`` is that of tiles like it, and of this thread.
    """
    config, array, settings = tile.config, tile.array, tile.controller.settings
    rows, columns = place.rows, place.columns
    at = (rows.start, rows.stop, columns.start, columns.stop)
    if (rows.stop - rows.start, columns.stop - columns.start) != (config.rows, config.weight_columns):
        room.whole[:] = 0.0
    packed = tile.controller.source.packed(config.beats)
    t = settings.threshold_log2
    width = config.weight_columns
    beats = width // (packed.stream.shape[0] * packed.lanes)
    kind: Any = KINDS[packed.bits] if packed.aligned else np.uint32
    _update(
        array.block, steps, at, width, (tile.scale, float(config.delta_max)),
        (np.uint64(tile.seeds.rounding), np.uint64(array.operation)), max(1, CELLS_AT_ONCE // width),
        packed.stream, (packed.position, packed.step, beats, packed.bits, packed.aligned),
        (t, tile.controller.max_pulses, tile.controller.parallel_max), low_mask(packed.bits, t),
        room.whole, room.deltas, room.aligned, room.aligned.view(kind), room.marks, room.marks.view(np.uint8),
        room.cells, room.counts, room.numbers,
    )  # fmt: skip
    found = int(room.numbers[-1])
    array.end_open_loop(int(room.numbers[7]))
    fired = FiredCells(room.cells[:found].copy(), room.counts[:found].copy(), (config.rows, config.columns))
    report = np.zeros(len(COUNTED), np.int64)
    report[_PLACES] = room.numbers[:-1]
    tile.took(fired, report)
    return report
