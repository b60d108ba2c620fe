"""Slots: write pulses on one row each, in the order in which the controller applies them. Specification, section 6."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.controller.fired import FiredCells, fired_cells
from pulsetrain.errors import PulsetrainError
from pulsetrain.numerics.compiled import compiled

__all__ = ["Slots", "count_fired_slots", "count_slots", "fired_cells", "make_fired_slots", "make_slots"]


@compiled
def _walk(
    cells: NDArray[np.int64],
    fired: NDArray[np.int16],
    columns: int,
    parallel_max: int,
    row_out: NDArray[np.int32],
    polarity_out: NDArray[np.uint8],
    columns_out: NDArray[np.uint64],
) -> None:
    """Write the slots of ``cells``, which take ``fired`` pulses, in order to the outputs."""
    slot = 0
    first = 0
    while first < cells.size:
        row = cells[first] // columns
        last = first
        while last < cells.size and cells[last] < (row + 1) * columns:
            last += 1
        for polarity in range(2):
            sign = 1 - 2 * polarity
            k = 1
            while True:
                taken = 0
                for i in range(first, last):
                    if sign * fired[i] >= k:
                        if taken % parallel_max == 0:
                            row_out[slot] = row
                            polarity_out[slot] = polarity
                            slot += 1
                        column = cells[i] - row * columns
                        columns_out[slot - 1, column >> 6] |= np.uint64(1) << np.uint64(column & 63)
                        taken += 1
                if taken == 0:
                    break
                k += 1
        first = last


@compiled
def slot_number(cells: NDArray[np.int64], fired: NDArray[np.int16], columns: int, parallel_max: int) -> int:
    """The number of slots: for each row, polarity and k from 1, ⌈cells with at least k pulses / parallel_max⌉."""
    most = 0
    for i in range(fired.size):
        most = max(most, abs(int(np.int64(fired[i]))))
    taking = np.zeros((2, most + 1), np.int64)  # cells of a row with that many pulses, all 0 between rows
    slots = 0
    first = 0
    while first < cells.size:
        end = (cells[first] // columns + 1) * columns
        up = down = 0
        while first < cells.size and cells[first] < end:
            n = int(np.int64(fired[first]))
            if n > 0:
                taking[0, n] += 1
                up = max(up, n)
            else:
                taking[1, -n] += 1
                down = max(down, -n)
            first += 1
        for polarity in range(2):
            at_least = 0
            for k in range(down if polarity else up, 0, -1):
                at_least += taking[polarity, k]
                taking[polarity, k] = 0
                slots += 1 if at_least <= parallel_max else (at_least + parallel_max - 1) // parallel_max
    return slots


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


def count_slots(counts: NDArray[np.int16], cells: NDArray[np.int64], parallel_max: int) -> int:
    """Number of slots of a request. ``counts``: int16 (rows, columns), signed; ``cells``: ``fired_cells(counts)``."""
    return count_fired_slots(_chosen(counts, cells), parallel_max)


def make_slots(counts: NDArray[np.int16], cells: NDArray[np.int64], parallel_max: int) -> Slots:
    """The slots of a request in order. Arguments as for ``count_slots``."""
    return make_fired_slots(_chosen(counts, cells), parallel_max)


def count_fired_slots(devices: FiredCells, parallel_max: int) -> int:
    """Number of slots of a request; the cost follows the cells that fire, as that of ``make_fired_slots``."""
    return int(slot_number(devices.cells, devices.counts, devices.shape[1], parallel_max))


def make_fired_slots(devices: FiredCells, parallel_max: int) -> Slots:
    """The slots of a request in order."""
    columns = devices.shape[1]
    total = count_fired_slots(devices, parallel_max)
    out = Slots(
        np.empty(total, np.int32), np.empty(total, np.uint8), np.zeros((total, (columns + 63) // 64), np.uint64)
    )
    _walk(devices.cells, devices.counts, columns, parallel_max, out.row, out.polarity, out.columns)
    return out


def _chosen(counts: NDArray[np.int16], cells: NDArray[np.int64]) -> FiredCells:
    return FiredCells(cells, counts.reshape(-1)[cells], (counts.shape[0], counts.shape[1]))
