"""Slots: write pulses on one row each, in the order in which the controller applies them. Specification, section 6."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsetrain.compiled import compiled
from pulsetrain.config import ControllerConfig
from pulsetrain.errors import PulsetrainError


@compiled
def _fired(counts: NDArray[np.int16], packed: NDArray[np.uint64], cells: NDArray[np.int64]) -> int:
    """Write the indices of the counts that are not 0 to ``cells``; ``packed`` is ``counts``, four to a word."""
    found = 0
    for first in range(0, packed.size, 16):
        last = min(first + 16, packed.size)
        together = np.uint64(0)
        for word in range(first, last):
            together |= packed[word]
        if together != np.uint64(0):  # nearly all blocks are empty when few cells fire
            for word in range(first, last):
                if packed[word] != np.uint64(0):
                    for i in range(4 * word, 4 * word + 4):
                        if counts[i] != 0:
                            cells[found] = i
                            found += 1
    for i in range(4 * packed.size, counts.size):
        if counts[i] != 0:
            cells[found] = i
            found += 1
    return found


def fired_cells(counts: NDArray[np.int16]) -> NDArray[np.int64]:
    """Flat indices (row · columns + column), ascending, of the cells whose count is not 0."""
    flat = np.ascontiguousarray(counts).reshape(-1)
    cells = np.empty(flat.size, np.int64)
    return cells[: _fired(flat, flat[: flat.size // 4 * 4].view(np.uint64), cells)].copy()


@compiled
def _walk(
    cells: NDArray[np.int64],
    counts: NDArray[np.int16],
    columns: int,
    parallel_max: int,
    fill: bool,
    row_out: NDArray[np.int32],
    polarity_out: NDArray[np.uint8],
    columns_out: NDArray[np.uint64],
) -> int:
    """Walk over the slots of ``cells`` in order and return their number; ``fill`` writes them to the outputs."""
    slot = 0
    first = 0
    while first < cells.size:
        row = cells[first] // columns
        last = first
        while last < cells.size and cells[last] // columns == row:
            last += 1
        for polarity in range(2):
            sign = 1 - 2 * polarity
            k = 1
            while True:
                taken = 0
                for i in range(first, last):
                    if sign * counts[cells[i]] >= k:
                        if taken % parallel_max == 0:
                            if fill:
                                row_out[slot] = row
                                polarity_out[slot] = polarity
                            slot += 1
                        if fill:
                            column = cells[i] - row * columns
                            columns_out[slot - 1, column >> 6] |= np.uint64(1) << np.uint64(column & 63)
                        taken += 1
                if taken == 0:
                    break
                k += 1
        first = last
    return slot


@compiled
def _count(
    row: NDArray[np.int32], polarity: NDArray[np.uint8], masks: NDArray[np.uint64], counts: NDArray[np.int16]
) -> None:
    for slot in range(row.size):
        sign = 1 - 2 * np.int16(polarity[slot])
        for word in range(masks.shape[1]):
            bits = masks[slot, word]
            column = 64 * word
            while bits != np.uint64(0):
                if bits & np.uint64(1):
                    counts[row[slot], column] += sign
                bits >>= np.uint64(1)
                column += 1


@dataclass(frozen=True, eq=False)
class Slots:
    """The slots of a request (or of any run of requests), in order.

    ``row`` int32 (n,); ``polarity`` uint8 (n,), 0 SET, 1 RESET, 2 FORM; ``columns`` uint64 (n, ⌈C/64⌉): bit c mod 64
    of word c div 64 is set if column c takes the pulse.
    """

    row: NDArray[np.int32]
    polarity: NDArray[np.uint8]
    columns: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.row)

    @staticmethod
    def none(config: ControllerConfig) -> Slots:
        """No slots, in the shapes of ``config``."""
        words = (config.columns + 63) // 64
        return Slots(np.empty(0, np.int32), np.empty(0, np.uint8), np.empty((0, words), np.uint64))

    def column_list(self, slot: int) -> list[int]:
        """The columns of one slot, ascending."""
        bits = np.unpackbits(self.columns[slot].astype("<u8").view(np.uint8), bitorder="little")
        return [int(column) for column in np.flatnonzero(bits)]

    def counts(self, config: ControllerConfig) -> NDArray[np.int16]:
        """Pulses each cell takes in all: int16 (rows, columns), positive for SET, negative for RESET.

        A cell that takes both has the difference. Raises PulsetrainError if a slot lies outside ``config`` or is FORM.
        """
        words = (config.columns + 63) // 64
        if self.columns.shape != (len(self), words):
            raise PulsetrainError(f"Slot columns must have shape {(len(self), words)}, not {self.columns.shape}")
        if len(self) and not 0 <= int(self.row.min()) <= int(self.row.max()) < config.rows:
            worst = int(self.row.max()) if self.row.max() >= config.rows else int(self.row.min())
            raise PulsetrainError(f"Slot row must be between 0 and {config.rows - 1}, not {worst}")
        if config.columns % 64 and len(self) and int(self.columns[:, -1].max()) >> config.columns % 64:
            worst = 64 * (words - 1) + int(self.columns[:, -1].max()).bit_length() - 1
            raise PulsetrainError(f"Slot column must be between 0 and {config.columns - 1}, not {worst}")
        if len(self) and int(self.polarity.max()) > 1:
            raise PulsetrainError(f"Slot polarity must be SET or RESET to be counted, not {int(self.polarity.max())}")
        counts = np.zeros((config.rows, config.columns), np.int16)
        _count(self.row, self.polarity, self.columns, counts)
        return counts


_NO_ROWS, _NO_POLARITIES, _NO_COLUMNS = np.empty(0, np.int32), np.empty(0, np.uint8), np.empty((0, 0), np.uint64)


def count_slots(counts: NDArray[np.int16], cells: NDArray[np.int64], parallel_max: int) -> int:
    """Number of slots of a request. ``counts``: int16 (rows, columns), signed; ``cells``: ``fired_cells(counts)``."""
    flat = counts.reshape(-1)
    columns = counts.shape[1]
    return int(_walk(cells, flat, columns, parallel_max, False, _NO_ROWS, _NO_POLARITIES, _NO_COLUMNS))


def make_slots(counts: NDArray[np.int16], cells: NDArray[np.int64], parallel_max: int) -> Slots:
    """The slots of a request in order. Arguments as for ``count_slots``; the cost follows the cells that fire."""
    columns = counts.shape[1]
    total = count_slots(counts, cells, parallel_max)
    out = Slots(
        np.empty(total, np.int32), np.empty(total, np.uint8), np.zeros((total, (columns + 63) // 64), np.uint64)
    )
    _walk(cells, counts.reshape(-1), columns, parallel_max, True, out.row, out.polarity, out.columns)
    return out
