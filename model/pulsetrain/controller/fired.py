"""Cells that fire, as a list: what is left of an array of counts in which few are not 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsetrain.numerics.compiled import compiled


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


@dataclass(frozen=True, eq=False)
class FiredCells:
    """Counts int16 of shape (rows, columns) by those that are not 0.

    ``cells`` int64: their flat indices, ascending; ``counts`` int16: the counts there, + SET, − RESET.
    """

    cells: NDArray[np.int64]
    counts: NDArray[np.int16]
    shape: tuple[int, int]

    @staticmethod
    def of(counts: NDArray[np.int16]) -> FiredCells:
        """The list for an array (rows, columns)."""
        cells = fired_cells(counts)
        return FiredCells(cells, counts.reshape(-1)[cells], (counts.shape[0], counts.shape[1]))

    def dense(self) -> NDArray[np.int16]:
        """The array (rows, columns) that the list stands for."""
        counts = np.zeros(self.shape, np.int16)
        counts.reshape(-1)[self.cells] = self.counts
        return counts
