"""The golden array: conductances on a grid of 1 pS, what write pulses do to them, and reads. Specification, section 12.

Every change is a function of (seed, operation number, cell, pulse) and every code one of (read seed, read number,
line), so the order of slots, the way a request or a batch is split and the number of threads cannot change a result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.array.disturb import disturb_after
from pulsetrain.array.memory import ArrayMemory
from pulsetrain.array.open_loop import apply_cut, apply_range, apply_whole, misplaced, write_range
from pulsetrain.array.reads import read, sample_all
from pulsetrain.contract.enumerations import Polarity
from pulsetrain.controller.codes import checked_codes
from pulsetrain.controller.slots import fired_cells
from pulsetrain.device.parameters import PICOSIEMENS
from pulsetrain.errors import PulsetrainError, check_array, check_integer
from pulsetrain.numerics.threads import run_blocks

_SMALLEST = 4096
"""Cells that fire or are written below which a block of rows of its own costs more than it gains."""


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
    or ``g_fresh`` if the parameters say so. ``conductance`` is int32 (rows, columns) in picosiemens: a view that may be
    written to, but with relaxation, drift or apparent noise, where devices have a persistent conductance besides.
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
        """Program finite weights (rows, weights of a row) without noise but the parameters' programming error, if any,
        rounded to 1 pS, half to even.

        In pairs G⁺ and G⁻ move by half each, in opposite directions. All cells are formed then. Returns the number of
        weights cut to the window. Neither the operation number nor ``window_hits`` changes. Raises PulsetrainError for
        another shape or values that are not finite.
        """
        checked = checked_real_array("Weights", weights, self._weight_shape)
        with np.errstate(over="ignore"):  # infinity is cut to the window like any other
            target = np.rint(self._devices(checked * self._per_weight)) + self._reference
        outside = self._set_targets(target).reshape(*self._weight_shape, -1)
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
        _check_magnitude(fired)
        return self.apply_fired(cells, fired.astype(np.int16), cut)

    def apply_fired(self, cells: NDArray[np.int64], counts: NDArray[np.int16], cut: CutPulse | None = None) -> int:
        """As ``apply_pulses``, of the ``cells`` that fire alone: int64, row · columns + column, strictly ascending.

        ``counts``: int16 of the same length, 0 allowed. Raises PulsetrainError for another type, length, order or
        range, before anything is changed.
        """
        for thing, array, kind in (("Fired cells", cells, np.int64), ("Pulse counts of fired cells", counts, np.int16)):
            if not isinstance(array, np.ndarray) or array.dtype != kind or array.shape != (len(cells),):
                found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else repr(array)
                raise PulsetrainError(f"{thing} must be {np.dtype(kind)} ({len(cells)},), not {found}")
        cells, counts = np.ascontiguousarray(cells), np.ascontiguousarray(counts)
        wrong = misplaced(cells, self.conductance.size)
        if wrong >= 0:
            rule = f"ascending and between 0 and {self.conductance.size - 1}"
            raise PulsetrainError(f"Fired cells must be {rule}, not {cells[wrong]} at position {wrong}")
        _check_magnitude(counts)
        partly = None if cut is None else self._checked(cut)
        before = self.window_hits
        if cut is None or partly is None:
            self._in_ranges(apply_range, cells, counts)
        else:
            self._apply_cut(cells, counts, partly, cut)
        if self.parameters.disturb is not None:
            self._disturb(cells, counts, partly, cut)
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
        # Beyond any window; finite, so that noise relative to it is no infinity that could cancel it.
        changes = np.clip(change[cells], -1e10, 1e10)
        before = self.window_hits
        self._in_ranges(write_range, cells, changes, bool(noise))
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
        driven = self._weight_shape[1 if backward else 0]
        checked = checked_codes("Codes", codes, driven, converters[1])
        return self.read_checked(checked, bool(backward), converters)

    def read_checked(
        self, codes: NDArray[np.int32], backward: bool, converters: tuple[int, int, int]
    ) -> NDArray[np.int16]:
        """As ``read``, of checked ``codes`` int32, contiguous, and ``converters``: full scale, c_max, a_max."""
        out = np.empty((len(codes), self._weight_shape[0] if backward else self._weight_shape[1]), np.int16)
        if not (self._exact_sums and len(codes)):
            read(self.block, backward, codes, converters, out, self.parts.slow, self.parts.wires)
            return out
        # Whole numbers below 2^53, each partial sum included (1024 · 2047 · 2.1·10⁹ pS): exact in whatever order.
        differences = self._differences()
        sums = codes.astype(np.float64) @ (differences.T if backward else differences)
        sample_all(self.block, backward, codes, converters, sums, out)
        return out

    def _differences(self) -> NDArray[np.float64]:
        """What a code of 1 gives each line, (rows, weights of a row): G⁺ − G⁻, or G − G_ref, in whole picosiemens."""
        g = self._conductance
        if self.pair:
            return np.subtract(g[:, 0::2], g[:, 1::2], dtype=np.float64)
        return np.subtract(g, self._reference, dtype=np.float64)

    def _devices(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """What each device takes of a change of the weights, (rows, columns)."""
        if not self.pair:
            return weights
        half = weights / 2
        return np.stack([half, -half], axis=2).reshape(self._shape)

    def _in_ranges(self, function: Callable[..., None], cells: NDArray[np.int64], what: Any, *more: Any) -> None:
        """Call ``function`` (``array.open_loop``) for all ``cells``, in blocks of rows, and count what was cut."""

        def rows(first: int, last: int) -> int:
            begin, end = np.searchsorted(cells, (first * self.columns, last * self.columns))
            hits = np.zeros(1, np.int64)
            function(self.block, cells, what, int(begin), int(end), *more, hits)
            return int(hits[0])

        per_row = -(-cells.size // self.rows)
        self._head.window_hits += sum(run_blocks(rows, self.rows, per_row, smallest=_SMALLEST))

    def _apply_cut(
        self, cells: NDArray[np.int64], counts: NDArray[np.int16], partly: NDArray[np.int64], cut: CutPulse
    ) -> None:
        """Apply whole pulses, then those that were cut short, which are the last ones of their cells ``partly``."""
        last = np.isin(cells, partly)
        per_pulse = self.parameters.noise_per == "pulse"
        for chosen, noisy in ((~last, True), (last, per_pulse)):
            self._in_ranges(apply_whole, cells[chosen], counts[chosen], noisy)
        indices = np.ones(partly.size, np.int64)
        if per_pulse:
            indices[np.isin(partly, cells)] += np.abs(counts[last].astype(np.int64))
        shares = (1, 1, cut.cycles, cut.width)
        self._head.window_hits += apply_cut(self.block, partly, indices, cut.polarity == Polarity.RESET, shares)

    def _disturb(
        self,
        cells: NDArray[np.int64],
        counts: NDArray[np.int16],
        partly: NDArray[np.int64] | None,
        cut: CutPulse | None,
    ) -> None:
        """What the pulses of an open loop do to other cells, after all of them."""
        every = cells if partly is None else np.union1d(cells, partly)
        times, last = np.zeros(every.size, np.int16), np.zeros(every.size, np.int8)
        times[np.searchsorted(every, cells)] = counts
        if cut is not None and partly is not None:
            last[np.searchsorted(every, partly)] = -1 if cut.polarity == Polarity.RESET else 1
        self._head.window_hits += disturb_after(self.block, every, times, last)

    def _checked(self, cut: CutPulse) -> NDArray[np.int64]:
        row = check_integer("Row of a cut pulse", cut.row, 0, self.rows - 1)
        if cut.polarity not in list(Polarity):
            raise PulsetrainError(f"Polarity of a cut pulse must be SET or RESET, not {cut.polarity!r}")
        width = check_integer("Width of a cut pulse", cut.width, 1)
        check_integer("Cycles of a cut pulse", cut.cycles, 0, width)
        columns = [check_integer("Column of a cut pulse", column, 0, self.columns - 1) for column in cut.columns]
        return row * self.columns + np.unique(np.array(columns, np.int64))


def _check_magnitude(counts: NDArray[np.signedinteger]) -> None:
    worst = max(int(counts.max()), -int(counts.min())) if counts.size else 0
    if worst > 255:
        raise PulsetrainError(f"Pulse counts must have a magnitude of at most 255, not {worst}")


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
