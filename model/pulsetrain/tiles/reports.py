"""What operations of a tile report, and the totals that a tile keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.closed_loop.programming import Rounds
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.controller.fired import FiredCells
from pulsetrain.controller.slots import Slots
from pulsetrain.display import Displayed, counted
from pulsetrain.errors import PulsetrainError, check_array
from pulsetrain.numerics.compiled import compiled


@dataclass(frozen=True, kw_only=True, repr=False)
class WriteCounts(Displayed):
    """What operations of a tile count, each name once.

    Cells and pulses are those of devices, per polarity; a cell that took pulses of both counts by its first.
    ``saturated`` decisions (§5), ``clipped`` deltas or entries (§13), ``slots``, ``window_hits``: pulses cut to the
    window, ``cycles``: of the clock (0 where there is none), ``reads`` with their ``conversions`` and
    ``codes_clipped``, and cells by how their verified write or programming ended (§16): ``verified``, ``unreached``,
    ``unverified``.
    """

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
    conversions: int = 0
    codes_clipped: int = 0
    verified: int = 0
    unreached: int = 0
    unverified: int = 0

    @property
    def cells_written(self) -> int:
        """Devices that took at least one pulse or write."""
        return self.cells_set + self.cells_reset + self.cells_form

    @property
    def pulses(self) -> int:
        """Pulses that devices took."""
        return self.pulses_set + self.pulses_reset + self.pulses_form

    def _described(self) -> list[tuple[str, str]]:
        return counted(COUNTED, self)


COUNTED = tuple(item.name for item in fields(WriteCounts))
"""Names of the counts, in order."""


@dataclass(frozen=True, kw_only=True, repr=False)
class UpdateReport(WriteCounts):
    """What one update did. Reads and how cells ended are those of a verified update (§16)."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class ProgramReport(WriteCounts):
    """What programming, forming or refreshing did (§16).

    For each weight, (rows, weight columns): ``codes`` int16 as read last (0 if never) and ``weights`` what they stand
    for; ``tries`` uint8, the pulses of rounds; ``failed`` and ``left_alone`` bool.
    """

    codes: NDArray[np.int16]
    weights: NDArray[np.float64]
    tries: NDArray[np.uint8]
    failed: NDArray[np.bool_]
    left_alone: NDArray[np.bool_]

    @property
    def reached(self) -> float:
        """Share of the chosen weights that met their targets; 1 if none was chosen."""
        chosen = ~self.left_alone
        return float(np.mean(~self.failed[chosen])) if chosen.any() else 1.0

    def _described(self) -> list[tuple[str, str]]:
        return [("reached", f"{100 * self.reached:.1f} %"), *super()._described()]


@dataclass(frozen=True, kw_only=True, repr=False)
class TileCounters(WriteCounts):
    """Totals since the tile was made: updates (writes too), programmings, cells decided, and what reports count.

    ``reads`` are those of the whole array and of rows, ``row_reads`` the latter alone; ``inputs_clipped``: entries of
    vectors that were clipped to their scale (§13).
    """

    updates: int = 0
    programs: int = 0
    decisions: int = 0
    row_reads: int = 0
    inputs_clipped: int = 0

    @property
    def vectors(self) -> int:
        """Vectors that were multiplied: reads of the whole array."""
        return self.reads - self.row_reads

    def _described(self) -> list[tuple[str, str]]:
        return [*counted(("updates", "programs", "decisions"), self), *super()._described()]


TOTALS = tuple(item.name for item in fields(TileCounters))
"""Names of a tile's totals, in order: first those of COUNTED."""


def pulses_so_far(values: ArrayLike | None, shape: tuple[int, int]) -> NDArray[np.int64]:
    """``values`` as an array of its own, by default zeros. Raises PulsetrainError unless they are integers of ``shape``
    from 0."""
    if values is None:
        return np.zeros(shape, np.int64)
    array = check_array("Pulses so far", values)
    if array.shape != shape or not np.issubdtype(array.dtype, np.integer) or (array < 0).any():
        rule = f"integers from 0 of shape {shape}"
        raise PulsetrainError(f"Pulses so far must be {rule}, not {array.dtype} of shape {array.shape}")
    return array.astype(np.int64)


class Totals:
    """The totals of a tile as one int64 vector, which is quick to add to. ``counters`` gives them by name."""

    def __init__(self) -> None:
        self.values = np.zeros(len(TOTALS), np.int64)

    @property
    def counters(self) -> TileCounters:
        return TileCounters(**dict(zip(TOTALS, self.values.tolist(), strict=True)))

    def add_report(self, report: WriteCounts, decisions: int) -> None:
        """One more update, or programming, that took ``decisions`` decisions."""
        self.values[: len(COUNTED)] += _values_of(report)
        programs = isinstance(report, ProgramReport)
        self.values[len(COUNTED) :] += (not programs, programs, decisions, report.reads, 0)

    def add_inputs_clipped(self, entries: int) -> None:
        """Entries of vectors that were clipped."""
        self.values[_INPUTS_CLIPPED] += entries

    def add_reads(self, vectors: int, conversions: int, codes_clipped: int, cycles: int) -> None:
        """Reads of the whole array."""
        for place, more in zip(_OF_READS, (vectors, conversions, codes_clipped, cycles), strict=True):
            self.values[place] += more


_OF_READS = tuple(COUNTED.index(name) for name in ("reads", "conversions", "codes_clipped", "cycles"))
_INPUTS_CLIPPED = TOTALS.index("inputs_clipped")
_values_of = attrgetter(*COUNTED)


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
    pulses: NDArray[np.int64],
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
                    if pulses.size:
                        pulses[row[slot], column] += 1
                    if not seen[row[slot], column]:
                        seen[row[slot], column] = True
                        out[0, kind] += 1
                bits >>= np.uint64(1)
                column += 1


def pulse_numbers(slots: Slots, config: ControllerConfig, pulses: NDArray[np.int64] | None = None) -> dict[str, int]:
    """Devices by the polarity of their first pulse, and pulses of devices, as reports name them.

    To ``pulses`` (rows, columns) those of each device are added.
    """
    out = np.zeros((2, 3), np.int64)
    seen = np.zeros((config.rows, config.columns), np.bool_)
    each = np.empty((0, 0), np.int64) if pulses is None else pulses
    _tally(slots.row, slots.polarity, slots.columns, seen, each, out)
    names = ("set", "reset", "form")
    return {
        f"{thing}_{name}": int(out[i, j]) for i, thing in enumerate(("cells", "pulses")) for j, name in enumerate(names)
    }
