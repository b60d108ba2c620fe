"""The golden array: conductances on a grid of 1 pS, and what write pulses do to them. Specification, section 12.

Every change is a function of (seed, operation number, cell, pulse), so the order of slots, the way a request is split
and the number of threads cannot change a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.compiled import compiled
from pulsetrain.config import Polarity
from pulsetrain.controller.slots import fired_cells
from pulsetrain.errors import PulsetrainError, check_array, check_choice, check_integer, check_real
from pulsetrain.noise import normals

PICOSIEMENS = 1e12
"""Picosiemens in a siemens."""

_G_LIMIT = 2e-3  # siemens: window and one noisy step stay far inside an int32 of picosiemens


@dataclass(frozen=True)
class ArrayParameters:
    """Devices of a crossbar array, in siemens. The defaults are those of Liu et al. 2025: 80 µS per unit weight.

    ``g_min`` … ``g_max``: conductance window. ``g_reference``: conductance of weight 0. ``siemens_per_weight``:
    conductance of one unit of weight. ``step_set``, ``step_reset``: mean size of one pulse, both positive.
    ``write_noise``: standard deviation σ of a write. ``noise_per``: "pulse" draws for each pulse, "step" once per cell
    and operation, with the last pulse. Raises PulsetrainError for values out of range.
    """

    g_min: float = 0.0
    g_max: float = 400e-6
    g_reference: float = 200e-6
    siemens_per_weight: float = 80e-6
    step_set: float = 2e-6
    step_reset: float = 2e-6
    write_noise: float = 2e-6
    noise_per: str = "pulse"

    def __post_init__(self) -> None:
        grid = 1 / PICOSIEMENS
        values = {
            "g_min": check_real("Smallest conductance", self.g_min, low=0, high=_G_LIMIT, unit="S"),
            "g_max": check_real("Largest conductance", self.g_max, low=0, high=_G_LIMIT, unit="S"),
            "g_reference": check_real("Reference conductance", self.g_reference, low=0, high=_G_LIMIT, unit="S"),
            "siemens_per_weight": check_real(
                "Conductance per weight", self.siemens_per_weight, low=grid, high=1, unit="S"
            ),
            "step_set": check_real("SET step", self.step_set, low=grid, high=_G_LIMIT, unit="S"),
            "step_reset": check_real("RESET step", self.step_reset, low=grid, high=_G_LIMIT, unit="S"),
            "write_noise": check_real("Write noise", self.write_noise, low=0, high=_G_LIMIT / 100, unit="S"),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if self.g_min >= self.g_max:
            raise PulsetrainError(
                f"Largest conductance must be above the smallest of {self.g_min:g} S, not {self.g_max:g}"
            )
        if not self.g_min <= self.g_reference <= self.g_max:
            window = f"within the window of {self.g_min:g} to {self.g_max:g} S"
            raise PulsetrainError(f"Reference conductance must be {window}, not {self.g_reference:g}")
        check_choice("Noise per", self.noise_per, ("pulse", "step"))

    def replace(self, **changes: Any) -> ArrayParameters:
        """A copy with the named fields changed and everything checked again."""
        values = asdict(self)
        for name in changes:
            check_choice("Array parameter", name, [item.name for item in fields(self)])
        return ArrayParameters(**(values | changes))

    def to_dict(self) -> dict[str, float | str]:
        """The fields in order, in SI units."""
        return asdict(self)


def picosiemens(siemens: float) -> int:
    """``siemens`` on the grid: the nearest whole number of picosiemens, half to even."""
    return round(siemens * PICOSIEMENS)


@dataclass(frozen=True)
class CutPulse:
    """A slot that abort cut short: its row, polarity and columns, and the cycles it lasted of the width asked for."""

    row: int
    polarity: Polarity
    columns: tuple[int, ...]
    cycles: int
    width: int


@compiled
def _pulse(
    conductance: NDArray[np.int32],
    cells: NDArray[np.int64],
    counts: NDArray[np.int16],
    z: NDArray[np.float64],
    every: bool,
    step_set: float,
    step_reset: float,
    sigma: float,
    low: int,
    high: int,
) -> int:
    """Apply whole pulses; ``z`` has one entry per pulse (``every``) or one per cell, for its last pulse."""
    hits = 0
    drawn = 0
    for i in range(cells.size):
        step = step_set if counts[i] > 0 else -step_reset
        pulses = int(abs(np.int64(counts[i])))
        g = int(np.int64(conductance[cells[i]]))
        for k in range(pulses):
            change = step
            if every or k == pulses - 1:
                change = step + sigma * z[drawn]
                drawn += 1
            g += int(np.rint(change))
            if g < low or g > high:
                hits += 1
                g = min(max(g, low), high)
        conductance[cells[i]] = g
    return hits


class CrossbarArray:
    """Conductances of a crossbar and what pulses do to them.

    ``rows``, ``columns``: 1 … 1024. ``seed``: 0 … 2^64 − 1, of the write noise. All cells start at ``g_reference``.
    ``conductance`` is int32 (rows, columns) in picosiemens; ``operation`` the number of the next operation, from 0,
    modulo 2^64; ``window_hits`` the pulses and writes that were cut to the window so far.
    """

    def __init__(self, rows: int, columns: int, parameters: ArrayParameters, seed: int) -> None:
        self.rows = check_integer("Rows", rows, 1, 1024)
        self.columns = check_integer("Columns", columns, 1, 1024)
        self.parameters = parameters
        self.seed = check_integer("Noise seed", seed, 0, 2**64 - 1)
        self.operation = 0
        self.window_hits = 0
        self._low, self._high = picosiemens(parameters.g_min), picosiemens(parameters.g_max)
        self._reference = picosiemens(parameters.g_reference)
        self._step_set, self._step_reset = picosiemens(parameters.step_set), picosiemens(parameters.step_reset)
        self._sigma = parameters.write_noise * PICOSIEMENS
        self._per_weight = parameters.siemens_per_weight * PICOSIEMENS
        self._shape = (self.rows, self.columns)
        self.conductance = np.full(self._shape, self._reference, np.int32)

    def weights(self) -> NDArray[np.float64]:
        """Weights W = (G − G_ref)/siemens_per_weight, float64 (rows, columns): one correctly rounded division each."""
        weights: NDArray[np.float64] = (self.conductance - np.int32(self._reference)) / self._per_weight
        return weights

    def set_weights(self, weights: ArrayLike) -> int:
        """Program finite weights (rows, columns) without noise, rounded to 1 pS, half to even.

        Returns the number of cells cut to the window. Neither the operation number nor ``window_hits`` changes. Raises
        PulsetrainError for another shape or values that are not finite.
        """
        checked = checked_real_array("Weights", weights, self._shape)
        with np.errstate(over="ignore"):  # infinity is cut to the window like any other
            target = np.rint(checked * self._per_weight) + self._reference
        self.conductance[...] = np.clip(target, self._low, self._high)
        return int(np.count_nonzero((target < self._low) | (target > self._high)))

    def apply_pulses(
        self, counts: ArrayLike, cut: CutPulse | None = None, cells: NDArray[np.int64] | None = None
    ) -> int:
        """One operation of write pulses. Returns how many pulses were cut to the window.

        ``counts``: integers (rows, columns) of magnitude up to 255, + SET, − RESET, applied to each cell in turn.
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
        fired = fired.astype(np.int16)
        partly = None if cut is None else self._checked(cut)
        hits = self._apply_whole(cells, fired, partly)
        if cut is not None and partly is not None:
            hits += self._apply_cut(partly, array.reshape(-1)[partly], cut)
        self.operation = (self.operation + 1) % 2**64
        self.window_hits += hits
        return hits

    def write(self, delta_siemens: ArrayLike, noise: bool) -> int:
        """One operation that bypasses the controller: every cell with a change other than 0 is written once.

        ``delta_siemens``: finite float64 (rows, columns). With ``noise``, one draw (pulse 1) of ``write_noise`` is
        added to each written cell; then the change is rounded to 1 pS, half to even, and cut to the window. Returns how
        many cells were cut. Raises PulsetrainError for another shape or values that are not finite.
        """
        checked = checked_real_array("Conductance changes", delta_siemens, self._shape).reshape(-1)
        with np.errstate(over="ignore"):  # infinity is cut to the window like any other
            change = checked * PICOSIEMENS
        cells = np.flatnonzero(change)
        change = change[cells]
        if noise:
            change = change + self._sigma * normals(self.seed, self.operation, cells, np.ones(cells.size, np.int64))
        hits = self._add(cells, change)
        self.operation = (self.operation + 1) % 2**64
        self.window_hits += hits
        return hits

    def state(self) -> dict[str, Any]:
        """A copy of all that changes: ``conductance``, ``operation``, ``window_hits`` and the noise ``seed``."""
        return {
            "conductance": self.conductance.copy(),
            "operation": self.operation,
            "window_hits": self.window_hits,
            "seed": self.seed,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a ``state``. Raises PulsetrainError, and changes nothing, if it does not fit this array."""
        names = ("conductance", "operation", "window_hits", "seed")
        missing = [name for name in names if name not in state]
        if missing:
            raise PulsetrainError(f"Array state must have {', '.join(names)}, not {sorted(state)}")
        conductance = np.asarray(state["conductance"])
        if conductance.dtype != np.int32 or conductance.shape != self._shape:
            found = f"{conductance.dtype} {conductance.shape}"
            raise PulsetrainError(f"Conductance of an array state must be int32 {self._shape}, not {found}")
        if int(conductance.min()) < self._low or int(conductance.max()) > self._high:
            found = f"{conductance.min()} to {conductance.max()} pS"
            raise PulsetrainError(f"Conductance must be between {self._low} and {self._high} pS, not {found}")
        operation = check_integer("Operation number", state["operation"], 0, 2**64 - 1)
        window_hits = check_integer("Window hits", state["window_hits"], 0)
        seed = check_integer("Noise seed", state["seed"], 0, 2**64 - 1)
        self.conductance[...] = conductance
        self.operation, self.window_hits, self.seed = operation, window_hits, seed

    def _apply_whole(
        self, cells: NDArray[np.int64], counts: NDArray[np.int16], partly: NDArray[np.int64] | None
    ) -> int:
        if not cells.size:
            return 0
        every = self.parameters.noise_per == "pulse"
        if every:
            pulses = np.abs(counts.astype(np.int64))
            ends = np.cumsum(pulses)
            index = np.arange(1, int(ends[-1]) + 1) - np.repeat(ends - pulses, pulses)
            z = normals(self.seed, self.operation, np.repeat(cells, pulses), index)
        else:
            z = normals(self.seed, self.operation, cells, np.ones(cells.size, np.int64))
            if partly is not None:
                z[np.isin(cells, partly)] = 0.0  # the cut pulse is the last one there, and carries the noise
        flat, steps = self.conductance.reshape(-1), (float(self._step_set), float(self._step_reset))
        return int(_pulse(flat, cells, counts, z, every, *steps, self._sigma, self._low, self._high))

    def _apply_cut(self, cells: NDArray[np.int64], before: NDArray[np.int16], cut: CutPulse) -> int:
        step = self._step_set if cut.polarity == Polarity.SET else -self._step_reset
        index = np.abs(before.astype(np.int64)) + 1 if self.parameters.noise_per == "pulse" else np.ones_like(cells)
        z = normals(self.seed, self.operation, cells, index)
        return self._add(cells, step * cut.cycles / cut.width + self._sigma * z)

    def _add(self, cells: NDArray[np.int64], change: NDArray[np.float64]) -> int:
        """Add changes in picosiemens, rounded half to even; returns how many cells were cut to the window."""
        flat = self.conductance.reshape(-1)
        target = flat[cells] + np.rint(change)
        flat[cells] = np.clip(target, self._low, self._high)
        return int(np.count_nonzero((target < self._low) | (target > self._high)))

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
