"""What operations of a tile report, and the totals that a tile keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.controller.fired import FiredCells
from pulsetrain.controller.slots import Slots
from pulsetrain.numerics.compiled import compiled


@dataclass(frozen=True)
class UpdateReport:
    """What one update did: cells and pulses per polarity, saturated decisions (§5), clipped deltas or entries (§13),
    slots, pulses cut to the window, and clock cycles (0 where there is no clock).

    Cells and pulses are those of devices; a cell that took pulses of both polarities counts by its first. Of a verified
    update (§16) also the reads of rows, their conversions and clipped codes, and how the cells ended.
    """

    cells_set: int = 0
    cells_reset: int = 0
    pulses_set: int = 0
    pulses_reset: int = 0
    saturated: int = 0
    clipped: int = 0
    slots: int = 0
    window_hits: int = 0
    cycles: int = 0
    reads: int = 0
    conversions: int = 0
    codes_clipped: int = 0
    verified: int = 0
    unreached: int = 0
    unverified: int = 0

    @property
    def cells_written(self) -> int:
        """Cells that took at least one pulse or write."""
        return self.cells_set + self.cells_reset


@dataclass(frozen=True, eq=False)
class ProgramReport:
    """What programming, forming or refreshing did (§16).

    For each weight, (rows, weight columns): ``codes`` int16 as read last (0 if never) and ``weights`` what they stand
    for; ``tries`` uint8, the pulses of rounds; ``failed`` and ``left_alone`` bool. The numbers are as in UpdateReport.
    """

    codes: NDArray[np.int16]
    weights: NDArray[np.float64]
    tries: NDArray[np.uint8]
    failed: NDArray[np.bool_]
    left_alone: NDArray[np.bool_]
    cells_set: int
    cells_reset: int
    cells_form: int
    pulses_set: int
    pulses_reset: int
    pulses_form: int
    slots: int
    window_hits: int
    cycles: int
    reads: int
    conversions: int
    codes_clipped: int
    verified: int
    unreached: int
    unverified: int

    @property
    def pulses(self) -> int:
        """Pulses that devices took."""
        return self.pulses_set + self.pulses_reset + self.pulses_form

    @property
    def cells_written(self) -> int:
        """Devices that took at least one pulse."""
        return self.cells_set + self.cells_reset + self.cells_form

    @property
    def reached(self) -> float:
        """Share of the chosen weights that met their targets; 1 if none was chosen."""
        chosen = ~self.left_alone
        return float(np.mean(~self.failed[chosen])) if chosen.any() else 1.0


@dataclass
class TileCounters:
    """Totals since the tile was made: updates (writes too), programmings, cells decided, and what reports count.

    ``reads`` are those of the whole array and of rows, ``row_reads`` the latter alone.
    """

    updates: int = 0
    programs: int = 0
    decisions: int = 0
    cells_set: int = 0
    cells_reset: int = 0
    cells_form: int = 0
    pulses_set: int = 0
    pulses_reset: int = 0
    pulses_form: int = 0
    saturated: int = 0
    clipped: int = 0
    slots: int = 0
    window_hits: int = 0
    cycles: int = 0
    reads: int = 0
    row_reads: int = 0
    conversions: int = 0
    codes_clipped: int = 0
    verified: int = 0
    unreached: int = 0
    unverified: int = 0

    @property
    def vectors(self) -> int:
        """Vectors that were multiplied: reads of the whole array."""
        return self.reads - self.row_reads

    def add(self, report: UpdateReport | ProgramReport, decisions: int) -> None:
        """Count one more update, or programming, that took ``decisions`` decisions."""
        if isinstance(report, UpdateReport):
            self.updates += 1
        else:
            self.programs += 1
        self.decisions += decisions
        self.row_reads += report.reads
        for item in fields(self):
            if item.name not in ("updates", "programs", "decisions", "row_reads"):
                setattr(self, item.name, getattr(self, item.name) + getattr(report, item.name, 0))

    def add_reads(self, vectors: int, conversions: int, codes_clipped: int, cycles: int) -> None:
        """Count reads of the whole array."""
        self.reads += vectors
        self.conversions += conversions
        self.codes_clipped += codes_clipped
        self.cycles += cycles


@dataclass(frozen=True)
class Rounds:
    """What rounds of pulses and reads came to (§16)."""

    reads: int
    conversions: int
    verified: int
    unreached: int
    unverified: int


@dataclass(frozen=True)
class TileDecision:
    """What the controller of a tile decided on an update.

    ``devices``: the pulses that the array has still to take; None after a verified update, which has changed the array
    already and tells of its ``rounds``. ``slots`` gives the slots in order when it is called.
    """

    devices: FiredCells | None
    saturated: int
    slot_count: int
    slots: Callable[[], Slots]
    cycles: int = 0
    rounds: Rounds | None = None


@compiled
def _totals(counts: NDArray[np.int16]) -> tuple[int, int, int, int]:
    cells_set = cells_reset = pulses_set = pulses_reset = 0
    for i in range(counts.size):
        n = int(np.int64(counts[i]))
        cells_set += n > 0
        cells_reset += n < 0
        pulses_set += max(n, 0)
        pulses_reset += max(-n, 0)
    return cells_set, cells_reset, pulses_set, pulses_reset


def fired_numbers(devices: FiredCells) -> dict[str, int]:
    """Devices and pulses per polarity, as reports name them."""
    names = ("cells_set", "cells_reset", "pulses_set", "pulses_reset")
    return dict(zip(names, _totals(devices.counts), strict=True))


@compiled
def _tally(
    row: NDArray[np.int32],
    polarity: NDArray[np.uint8],
    masks: NDArray[np.uint64],
    seen: NDArray[np.bool_],
    out: NDArray[np.int64],
) -> None:
    for slot in range(row.size):
        kind = polarity[slot]
        for word in range(masks.shape[1]):
            bits = masks[slot, word]
            column = 64 * word
            while bits != np.uint64(0):
                if bits & np.uint64(1):
                    out[1, kind] += 1
                    if not seen[row[slot], column]:
                        seen[row[slot], column] = True
                        out[0, kind] += 1
                bits >>= np.uint64(1)
                column += 1


def pulse_numbers(slots: Slots, config: ControllerConfig) -> dict[str, int]:
    """Devices by the polarity of their first pulse, and pulses of devices, as reports name them."""
    out = np.zeros((2, 3), np.int64)
    seen = np.zeros((config.rows, config.columns), np.bool_)
    _tally(slots.row, slots.polarity, slots.columns, seen, out)
    names = ("set", "reset", "form")
    return {
        f"{thing}_{name}": int(out[i, j]) for i, thing in enumerate(("cells", "pulses")) for j, name in enumerate(names)
    }
