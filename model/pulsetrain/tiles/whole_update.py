"""A whole update of a tile in one compiled call: rounding, decision, pulses. For grids, whose tiles may be small.

The parts are those that a tile calls one after the other (``numerics.noise``, ``controller.firing``,
``array.open_loop``, ``controller.slots``), so the results are the same to the last bit; what is saved is Python
between them, which takes longer than the arithmetic of a tile of 64 × 64.
"""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.open_loop import apply_plain
from pulsetrain.array.record import Block, header
from pulsetrain.controller.firing import CELLS_AT_ONCE, KINDS, fire, low_mask
from pulsetrain.controller.slots import slot_number
from pulsetrain.numerics.compiled import compiled
from pulsetrain.numerics.noise import round_steps
from pulsetrain.tiles.model import ModelTile
from pulsetrain.tiles.places import Place
from pulsetrain.tiles.reports import COUNTED, TOTALS

_NAMES = ("cells_set", "cells_reset", "pulses_set", "pulses_reset", "saturated", "clipped", "slots", "window_hits")
"""What the compiled call counts, in its order."""
_PLACES = np.array([COUNTED.index(name) for name in _NAMES])
_UPDATES, _DECISIONS = TOTALS.index("updates"), TOTALS.index("decisions")


@compiled(nogil=True)
def _update(
    block: Block,
    steps: NDArray[np.float64],
    at: tuple[int, int, int, int],
    rounding: tuple[float, float],
    seed: np.uint64,
    stream: NDArray[np.uint64],
    words: tuple[int, int, int, int, int],
    decision: tuple[int, int, int, int, int],
    mask: np.uint64,
    whole: NDArray[np.float64],
    deltas: NDArray[np.signedinteger],
    aligned: NDArray[np.uint64],
    lows: NDArray[np.unsignedinteger],
    mark_words: NDArray[np.uint64],
    marks: NDArray[np.uint8],
    cells: NDArray[np.int64],
    counts: NDArray[np.int16],
    places: NDArray[np.int64],
    totals: NDArray[np.int64],
    sums: NDArray[np.int64],
) -> int:
    """Update the tile that holds rows ``at[0]`` … ``at[1]`` − 1 and columns ``at[2]`` … ``at[3]`` − 1 of ``steps``.

    ``whole``, ``deltas``, ``cells`` and ``counts`` have room for all its weights; what the matrix does not use of
    ``whole`` is 0. ``decision``: threshold_log2, max_pulses, parallel_max, weights of a row, rows decided at once. What
    is counted is added to ``totals`` and ``sums`` at ``places``. Returns how many cells fired.
    """
    head = header(block)
    row, last, column, end = at
    t, max_pulses, parallel_max, columns, piece = decision
    for i in range(row, last):
        first = (i - row) * columns
        for j in range(column, end):
            whole[first + j - column] = steps[i, j]
    clipped = round_steps(whole, rounding[0], rounding[1], seed, head.operation, int(np.int64(0)), deltas)
    rows, pulses = (int(np.int64(0)), whole.size // columns), (t, max_pulses)
    _, found, saturated = fire(
        deltas, columns, rows, piece, stream, words, pulses, mask, aligned, lows, mark_words, marks, cells, counts
    )
    hits = apply_plain(block, cells, counts, int(np.int64(0)), found, True)
    head.window_hits += hits
    cells_up = cells_down = pulses_up = pulses_down = 0
    for i in range(found):
        n = int(np.int64(counts[i]))
        if n > 0:
            cells_up += 1
            pulses_up += n
        else:
            cells_down += 1
            pulses_down -= n
    slots = slot_number(cells[:found], counts[:found], columns, parallel_max)
    numbers = (cells_up, cells_down, pulses_up, pulses_down, saturated, clipped, slots, hits)
    for k in range(8):
        totals[places[k]] += numbers[k]
        sums[places[k]] += numbers[k]
    return found


def is_plain(tile: object) -> TypeGuard[ModelTile]:
    """Whether an update of this tile is what one compiled call does: golden, in an open loop, devices of section 12."""
    return (
        type(tile) is ModelTile
        and not tile.settings.verify
        and not tile.config.pair
        and tile.array.parts.measured is None
        and tile.array.parts.disturbs is None
    )


class Room:
    """What updates of one tile after the other have in common, of one thread: memory and the numbers of such tiles.

    ``sums``: what the updates have counted so far, in the order of COUNTED.
    """

    def __init__(self, tile: ModelTile) -> None:
        config, source, controller = tile.config, tile.controller.source, tile.controller
        tile.use_settings(tile.settings)
        size, columns, t = config.rows * config.weight_columns, config.weight_columns, tile.settings.threshold_log2
        piece, layout = max(1, CELLS_AT_ONCE // columns), source.layout
        packed = source.packed(0)
        kind: Any = KINDS[packed.bits] if packed.aligned else np.uint32
        words = 8 * -(-piece * columns // 64)
        self.shape = (config.rows, columns)
        self.beats = config.beats
        self.rounding = (tile.scale, float(config.delta_max))
        self.decision = (t, controller.max_pulses, controller.parallel_max, columns, piece)
        self.words = (packed.step, columns // (layout.generators * packed.lanes), packed.bits, packed.aligned)
        self.mask = low_mask(packed.bits, t)
        self.whole, self.sums = np.zeros(size), np.zeros(len(COUNTED), np.int64)
        self.cells, self.counts = np.empty(size, np.int64), np.empty(size, np.int16)
        deltas = np.empty(size, np.int16 if config.delta_bits <= 16 else np.int32)
        aligned, marks = np.empty(4 * words, np.uint64), np.empty(words, np.uint64)
        self.memory: Any = (
            self.whole, deltas, aligned, aligned.view(kind), marks, marks.view(np.uint8), self.cells, self.counts,
            _PLACES,
        )  # fmt: skip


def update_whole(tile: ModelTile, steps: NDArray[np.float64], place: Place, room: Room) -> None:
    """``tile.update`` of its part of ``steps``, finite float64, C-contiguous; what it counts is added to ``room.sums``.

    ``tile`` must be plain (``is_plain``); ``room`` is that of tiles like it, and of this thread.
    """
    tile.use_settings(tile.settings)
    if place.size != room.shape:
        room.whole[:] = 0.0
    array, packed = tile.array, tile.controller.source.packed(room.beats)
    totals = tile.totals.values
    update: Any = _update  # most of its arguments come in a tuple
    found = update(
        array.block, steps, place.ends, room.rounding, tile.rounding_seed, packed.stream,
        (packed.position, *room.words), room.decision, room.mask, *room.memory, totals, room.sums,
    )  # fmt: skip
    totals[_UPDATES] += 1
    totals[_DECISIONS] += tile.config.cells
    array.end_operation()
    tile.fired(room.cells[:found].copy(), room.counts[:found].copy())
