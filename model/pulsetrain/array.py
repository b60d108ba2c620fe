"""The golden array: conductances on a grid of 1 pS, what write pulses do to them, and reads. Specification, section 12.

Every change is a function of (seed, operation number, cell, pulse) and every code one of (read seed, read number,
line), so the order of slots, the way a request or a batch is split and the number of threads cannot change a result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.array_block import RESET, SET, STUCK, WINDOW_HITS
from pulsetrain.array_memory import ArrayMemory
from pulsetrain.array_parameters import PICOSIEMENS, ArrayParameters, picosiemens
from pulsetrain.array_port import Port
from pulsetrain.array_pulse import apply_counts, apply_cut
from pulsetrain.array_reads import read
from pulsetrain.config import Polarity
from pulsetrain.controller.slots import fired_cells
from pulsetrain.errors import PulsetrainError, check_array, check_integer
from pulsetrain.noise import normals

__all__ = ["PICOSIEMENS", "ArrayParameters", "CrossbarArray", "CutPulse", "Port", "checked_codes", "checked_real_array",
           "picosiemens"]  # fmt: skip


@dataclass(frozen=True)
class CutPulse:
    """A slot that abort cut short: its row, polarity and columns, and the cycles it lasted of the width asked for."""

    row: int
    polarity: Polarity
    columns: tuple[int, ...]
    cycles: int
    width: int


class CrossbarArray(ArrayMemory):
    """Conductances of a crossbar, what pulses do to them and what reads give.

    ``rows``, ``columns``: 1 … 1024 lines of devices. ``seed``, ``read_seed``: 0 … 2^64 − 1, of everything that happens
    to cells and of reads. ``pair`` = 1: two devices a weight, G⁺ and G⁻ side by side. Cells start at ``g_reference``,
    or ``g_fresh`` if the parameters say so. ``conductance`` is int32 (rows, columns) in picosiemens, a view that may be
    written to.
    """

    def weights(self) -> NDArray[np.float64]:
        """Weights (G − G_ref)/siemens_per_weight, in pairs (G⁺ − G⁻)/siemens_per_weight: float64 (rows, weights of a
        row), one correctly rounded division each."""
        if self.pair:
            difference = self.conductance[:, 0::2] - self.conductance[:, 1::2]
        else:
            difference = self.conductance - np.int32(self._reference)
        weights: NDArray[np.float64] = difference / self._per_weight
        return weights

    def set_weights(self, weights: ArrayLike) -> int:
        """Program finite weights (rows, weights of a row) without noise, rounded to 1 pS, half to even.

        In pairs G⁺ and G⁻ move by half each, in opposite directions. All cells are formed then. Returns the number of
        weights cut to the window. Neither the operation number nor ``window_hits`` changes. Raises PulsetrainError for
        another shape or values that are not finite.
        """
        checked = checked_real_array("Weights", weights, self._weight_shape)
        with np.errstate(over="ignore"):  # infinity is cut to the window like any other
            target = np.rint(self._devices(checked * self._per_weight)) + self._reference
        self.conductance[...] = np.clip(target, self._low, self._high)
        self._flags &= np.uint8(STUCK)
        outside = ((target < self._low) | (target > self._high)).reshape(*self._weight_shape, -1)
        return int(np.count_nonzero(outside.any(axis=2)))

    def apply_pulses(
        self, counts: ArrayLike, cut: CutPulse | None = None, cells: NDArray[np.int64] | None = None
    ) -> int:
        """One operation of write pulses in an open loop. Returns how many pulses were cut to the window.

        ``counts``: integers (rows, columns) of magnitude up to 255, + SET, − RESET, applied to each device in turn.
        ``cut``: a last slot that abort cut short; it counts as cycles/width of a step with full noise (section 12).
        ``cells``: ``fired_cells(counts)``, where the caller has it already.
        Raises PulsetrainError for another shape or type, before anything is changed.
        """
        array = check_array("Pulse counts", counts)
        if array.dtype.kind not in "iu":
            raise PulsetrainError(f"Pulse counts must be integers, not {array.dtype}")
        if array.shape != self._shape:
            raise PulsetrainError(f"Pulse counts must have shape {self._shape} (rows, columns), not {array.shape}")
        if cells is None:
            cells = np.flatnonzero(array) if array.dtype != np.int16 else fired_cells(array)
        fired = array.reshape(-1)[cells]
        worst = max(int(fired.max()), -int(fired.min())) if fired.size else 0
        if worst > 255:
            raise PulsetrainError(f"Pulse counts must have a magnitude of at most 255, not {worst}")
        partly = None if cut is None else self._checked(cut)
        before = self.window_hits
        if self._flagged:
            cells = cells[self._flags[cells] == 0]
            fired = array.reshape(-1)[cells]
        self._apply_whole(cells, fired.astype(np.int16), partly)
        if cut is not None and partly is not None:
            partly = partly[self._flags[partly] == 0]
            self._apply_cut(partly, array.reshape(-1)[partly], cut)
        self._advance()
        return self.window_hits - before

    def write(self, delta_siemens: ArrayLike, noise: bool) -> int:
        """One operation that bypasses the controller: every cell with a change other than 0 is written once.

        ``delta_siemens``: finite float64 (rows, weights of a row), of a weight; in pairs each device takes half. With
        ``noise``, one draw (pulse 1) of ``write_noise`` is added to each device written; then the change is rounded to
        1 pS, half to even, and cut to the window. Fresh cells that are written are formed. Returns how many devices
        were cut. Raises PulsetrainError for another shape or values that are not finite.
        """
        checked = checked_real_array("Conductance changes", delta_siemens, self._weight_shape)
        with np.errstate(over="ignore"):  # infinity is cut to the window like any other
            change = self._devices(checked * PICOSIEMENS).reshape(-1)
        cells = np.flatnonzero(change)
        if self._flagged:
            cells = cells[self._flags[cells] & STUCK == 0]
            self._flags[cells] = 0
        change = change[cells]
        if noise:
            change = change + self._sigma * normals(self.seed, self.operation, cells, np.ones(cells.size, np.int64))
        before = self.window_hits
        self._add(cells, change)
        self._advance()
        return self.window_hits - before

    def read(
        self, codes: ArrayLike, *, backward: bool = False, full_scale: int, dac_max: int, adc_max: int
    ) -> NDArray[np.int16]:
        """Reads of the whole array, one after the other: int16 (n, sampled lines) for ``codes`` (n, driven lines).

        ``codes``: integers of magnitude up to ``dac_max`` (1 … 2047), one per row, or ``backward`` one per weight of a
        row. ``full_scale``: 1 … 65535, in units of 0.1 µS; ``adc_max``: 1 … 32767, the largest code. Raises
        PulsetrainError for another shape, type or range, before anything is read.
        """
        converters = (
            check_integer("Full scale", full_scale, 1, 2**16 - 1),
            check_integer("Largest DAC code", dac_max, 1, 2047),
            check_integer("Largest ADC code", adc_max, 1, 2**15 - 1),
        )
        driven, sampled = self._weight_shape[::-1] if backward else self._weight_shape
        checked = checked_codes("Codes", codes, driven, converters[1])
        out = np.empty((len(checked), sampled), np.int16)
        read(self.block, bool(backward), checked, converters, out)
        return out

    def _devices(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each device takes of a change of the weights, (rows, columns)."""
        if not self.pair:
            return weights
        half = weights / 2
        return np.stack([half, -half], axis=2).reshape(self._shape)

    def _apply_whole(
        self, cells: NDArray[np.int64], counts: NDArray[np.int16], partly: NDArray[np.int64] | None
    ) -> None:
        if not cells.size:
            return
        every = self.parameters.noise_per == "pulse"
        if every:
            times = np.abs(counts.astype(np.int64))
            ends = np.cumsum(times)
            index = np.arange(1, int(ends[-1]) + 1) - np.repeat(ends - times, times)
            z = normals(self.seed, self.operation, np.repeat(cells, times), index)
        else:
            z = normals(self.seed, self.operation, cells, np.ones(cells.size, np.int64))
            if partly is not None:
                z[np.isin(cells, partly)] = 0.0  # the cut pulse is the last one there, and carries the noise
        apply_counts(self.block, cells, counts, z, every)

    def _apply_cut(self, cells: NDArray[np.int64], before: NDArray[np.signedinteger], cut: CutPulse) -> None:
        operation = SET if cut.polarity == Polarity.SET else RESET
        index = np.abs(before.astype(np.int64)) + 1 if self.parameters.noise_per == "pulse" else np.ones_like(cells)
        z = normals(self.seed, self.operation, cells, index)
        apply_cut(self.block, cells, operation, cut.cycles, cut.width, z)

    def _add(self, cells: NDArray[np.int64], change: NDArray[np.float64]) -> None:
        """Add changes in picosiemens, rounded half to even and cut to the window."""
        flat = self.conductance.reshape(-1)
        target = flat[cells] + np.rint(change)
        flat[cells] = np.clip(target, self._low, self._high)
        self.block[WINDOW_HITS] += np.count_nonzero((target < self._low) | (target > self._high))

    def _checked(self, cut: CutPulse) -> NDArray[np.int64]:
        row = check_integer("Row of a cut pulse", cut.row, 0, self.rows - 1)
        if cut.polarity not in list(Polarity):
            raise PulsetrainError(f"Polarity of a cut pulse must be SET or RESET, not {cut.polarity!r}")
        width = check_integer("Width of a cut pulse", cut.width, 1)
        check_integer("Cycles of a cut pulse", cut.cycles, 0, width)
        columns = [check_integer("Column of a cut pulse", column, 0, self.columns - 1) for column in cut.columns]
        return row * self.columns + np.unique(np.array(columns, np.int64))


def checked_real_array(thing: str, values: ArrayLike, shape: tuple[int, int]) -> NDArray[np.float64]:
    """``values`` as float64 of ``shape``. Raises PulsetrainError for another shape, or what is not real and finite."""
    array = check_array(thing, values)
    if array.dtype.kind not in "iuf":
        raise PulsetrainError(f"{thing} must be real numbers, not {array.dtype}")
    if array.shape != shape:
        raise PulsetrainError(f"{thing} must have shape {shape} (rows, columns), not {array.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.ascontiguousarray(array, np.float64)
        suspect = not np.isfinite(array.sum())  # quicker than looking at each; a sum may overflow, too
    if suspect and not np.isfinite(array).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise PulsetrainError(f"{thing} must be finite, not {array[row, column]} at row {row}, column {column}")
    return array


def checked_codes(thing: str, codes: ArrayLike, lines: int, limit: int) -> NDArray[np.int32]:
    """``codes`` as int32 (n, ``lines``), contiguous. Raises PulsetrainError unless they are integers within ±limit."""
    array = check_array(thing, codes)
    if array.dtype.kind not in "iu":
        raise PulsetrainError(f"{thing} must be integers, not {array.dtype}")
    if array.ndim != 2 or array.shape[1] != lines:
        raise PulsetrainError(f"{thing} must have shape (n, {lines}) (vectors, driven lines), not {array.shape}")
    if array.size and (int(array.max()) > limit or int(array.min()) < -limit):
        vector, line = (int(i) for i in np.argwhere((array > limit) | (array < -limit))[0])
        raise PulsetrainError(
            f"{thing} must be between {-limit} and {limit}, not {int(array[vector, line])} "
            f"in vector {vector}, line {line}"
        )
    return np.ascontiguousarray(array, np.int32)
