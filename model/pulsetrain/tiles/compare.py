"""A tile made of two: both get the same inputs, and the first difference between them ends the run by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.controller.slots import Slots
from pulsetrain.errors import MismatchError, PulsetrainError, check_integer
from pulsetrain.tiles.reports import COUNTED, ProgramReport, TileCounters, UpdateReport
from pulsetrain.tiles.scaling import LARGEST, InputScaling
from pulsetrain.tiles.tile import Tile

Result = TypeVar("Result")

_COUNTS = {"decisions_compared": "decisions_compared", "reads_compared": "reads_compared", "operations": "_operations"}
"""Names in a state, and the attributes they stand for."""
_POLARITIES = ("SET", "RESET", "FORM")


class ComparedTile(Tile):
    """Runs ``first`` and ``second`` side by side; everything it returns is the first one's.

    After each operation slots (row, polarity, columns, order), the reports (all but clock cycles) and the conductances
    must be the same, and after each read the codes, to the last bit. ``decisions_compared`` and ``reads_compared`` (of
    the whole array and of rows) count those for which they were.
    Raises PulsetrainError if the tiles have different configurations, MismatchError with the first difference: the
    operation (from 1), the slot (from 0), cell or line, and both values.
    """

    def __init__(self, first: Tile, second: Tile) -> None:
        for thing, tile in (("First tile", first), ("Second tile", second)):
            if not isinstance(tile, Tile):
                raise PulsetrainError(f"{thing} must be of type Tile, not {tile!r}")
            if hasattr(tile, "places"):
                raise PulsetrainError(f"{thing} must be no grid, whose tiles are compared one by one, not {tile!r}")
        if first.config != second.config:
            raise PulsetrainError(f"Compared tiles must have one configuration, not {first.config} and {second.config}")
        if first is second:
            raise PulsetrainError("Compared tiles must be two, not one tile twice")
        self.first, self.second = first, second
        self.config, self.settings, self.device = first.config, first.settings, first.device
        self.seed, self.threshold_weight = first.seed, first.threshold_weight
        self.decisions_compared = self.reads_compared = 0
        self._operations = 0

    @property
    def counters(self) -> TileCounters:
        return self.first.counters

    def set_weights(self, weights: ArrayLike) -> int:
        hits = self.first.set_weights(weights)
        self._same("cells cut to the window", hits, self.second.set_weights(weights))
        self._same_conductances()
        return hits

    def weights(self) -> NDArray[np.float64]:
        return self.first.weights()

    def conductances(self) -> NDArray[np.float64]:
        return self.first.conductances()

    def vmm(self, x: ArrayLike, *, scaling: InputScaling | str = LARGEST) -> NDArray[np.float64]:
        return self._compared_read(lambda tile: tile.vmm(x, scaling=scaling))

    def vmm_transposed(self, e: ArrayLike, *, scaling: InputScaling | str = LARGEST) -> NDArray[np.float64]:
        return self._compared_read(lambda tile: tile.vmm_transposed(e, scaling=scaling))

    def read_codes(self, codes: ArrayLike, *, backward: bool = False) -> NDArray[np.int16]:
        return self._compared_read(lambda tile: tile.read_codes(codes, backward=backward))

    def last_codes(self) -> NDArray[np.int16]:
        return self.first.last_codes()

    def update(self, step: ArrayLike) -> UpdateReport:
        return self._compared(lambda tile: tile.update(step))

    def update_deltas(self, deltas: ArrayLike) -> UpdateReport:
        return self._compared(lambda tile: tile.update_deltas(deltas))

    def update_outer(self, x: ArrayLike, y: ArrayLike, *, rate: float = 1.0) -> UpdateReport:
        return self._compared(lambda tile: tile.update_outer(x, y, rate=rate))

    def update_difference(
        self, x: ArrayLike, y: ArrayLike, second_x: ArrayLike, second_y: ArrayLike, *, rate: float = 1.0
    ) -> UpdateReport:
        return self._compared(lambda tile: tile.update_difference(x, y, second_x, second_y, rate=rate))

    def update_outer_codes(self, x: ArrayLike, y: ArrayLike, threshold_log2: int | None = None) -> UpdateReport:
        return self._compared(lambda tile: tile.update_outer_codes(x, y, threshold_log2))

    def update_difference_codes(
        self, x: ArrayLike, y: ArrayLike, second_x: ArrayLike, second_y: ArrayLike, threshold_log2: int | None = None
    ) -> UpdateReport:
        return self._compared(lambda tile: tile.update_difference_codes(x, y, second_x, second_y, threshold_log2))

    def program(self, weights: ArrayLike, *, chosen: ArrayLike | None = None) -> ProgramReport:
        return self._compared_program(lambda tile: tile.program(weights, chosen=chosen))

    def program_codes(self, targets: ArrayLike) -> ProgramReport:
        return self._compared_program(lambda tile: tile.program_codes(targets))

    def form(self, weights: ArrayLike, *, chosen: ArrayLike | None = None) -> ProgramReport:
        return self._compared_program(lambda tile: tile.form(weights, chosen=chosen))

    def refresh(self, *, chosen: ArrayLike | None = None) -> ProgramReport:
        return self._compared_program(lambda tile: tile.refresh(chosen=chosen))

    def write(self, step: ArrayLike, noise: bool) -> UpdateReport:
        return self._compared(lambda tile: tile.write(step, noise))

    def count_pulses(self, so_far: ArrayLike | None = None) -> None:
        self.first.count_pulses(so_far)
        self.second.count_pulses(so_far)

    def pulses(self) -> NDArray[np.int64]:
        return self.first.pulses()

    def wait(self, seconds: float) -> None:
        self.first.wait(seconds)
        self.second.wait(seconds)
        self._same_conductances()

    def last_slots(self) -> Slots:
        return self.first.last_slots()

    def state(self) -> dict[str, Any]:
        first = {f"first_{name}": value for name, value in self.first.state().items()}
        second = {f"second_{name}": value for name, value in self.second.state().items()}
        return {**first, **second, **{name: getattr(self, attribute) for name, attribute in _COUNTS.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        counts: dict[str, int] = {}
        for name, attribute in _COUNTS.items():
            if name not in state:
                raise PulsetrainError(f"Tile state must have {name}, not only {', '.join(sorted(state))}")
            value = state[name]  # comes back from an .npz file as an array of no dimension
            scalar = isinstance(value, np.ndarray) and value.ndim == 0
            counts[attribute] = check_integer(f"Count of {name}", value.item() if scalar else value, 0)
        first, second = (
            {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
            for prefix in ("first_", "second_")
        )
        before = self.first.state()
        self.first.restore(first)
        try:
            self.second.restore(second)
        except PulsetrainError:
            self.first.restore(before)  # refused means that nothing has changed, in either tile
            raise
        for attribute, count in counts.items():
            setattr(self, attribute, count)
        self._same_conductances()

    def close(self) -> None:
        self.first.close()
        self.second.close()

    def _compared(self, operation: Callable[[Tile], UpdateReport]) -> UpdateReport:
        decisions = self.first.counters.decisions
        first, second = self._both(operation)
        self._same_slots()
        for item in fields(UpdateReport):
            if item.name != "cycles":
                self._same(item.name.replace("_", " "), getattr(first, item.name), getattr(second, item.name))
        self._same_conductances()
        self.decisions_compared += self.first.counters.decisions - decisions
        self.reads_compared += first.reads
        return first

    def _compared_program(self, operation: Callable[[Tile], ProgramReport]) -> ProgramReport:
        first, second = self._both(operation)
        self._same_slots()
        for item in sorted(fields(ProgramReport), key=lambda item: item.name in COUNTED):  # arrays first
            name, one, other = item.name.replace("_", " "), getattr(first, item.name), getattr(second, item.name)
            if not isinstance(one, np.ndarray):
                if item.name != "cycles":
                    self._same(name, one, other)
            elif not np.array_equal(one, other):
                row, column = (int(i) for i in np.argwhere(one != other)[0])
                self._same(f"{name} of row {row}, column {column}", one[row, column], other[row, column])
        self._same_conductances()
        self.reads_compared += first.reads
        return first

    def _compared_read(self, operation: Callable[[Tile], NDArray[Any]]) -> NDArray[Any]:
        values, _ = self._both(operation)
        first, second = self.first.last_codes(), self.second.last_codes()
        self._same("codes' shape", first.shape, second.shape)
        if not np.array_equal(first, second):
            vector, line = (int(i) for i in np.argwhere(first != second)[0])
            self._same(f"code of vector {vector}, line {line}", int(first[vector, line]), int(second[vector, line]))
        clipped = [tile.counters.codes_clipped for tile in (self.first, self.second)]
        self._same("codes clipped so far", *clipped)
        self.reads_compared += len(first)
        return values

    def _both(self, operation: Callable[[Tile], Result]) -> tuple[Result, Result]:
        """The next operation, by both tiles."""
        first, second = operation(self.first), operation(self.second)
        self._operations += 1
        return first, second

    def _same_slots(self) -> None:
        first, second = self.first.last_slots(), self.second.last_slots()
        slot = first_different_slot(first, second)
        if slot is not None:
            self._same(f"slot {slot}", described_slot(first, slot), described_slot(second, slot))

    def _same_conductances(self) -> None:
        first, second = self.first.conductances(), self.second.conductances()
        if np.array_equal(first, second):
            return
        row, column = (int(i) for i in np.argwhere(first != second)[0])
        values = [f"{1e12 * tile[row, column]:.0f} pS" for tile in (first, second)]
        self._same(f"conductance of row {row}, column {column}", *values)

    def _same(self, thing: str, first: object, second: object) -> None:
        """Raise MismatchError unless ``first`` is ``second``."""
        if first != second:
            names = [type(tile).__name__ for tile in (self.first, self.second)]
            values = f"{first} (first tile, {names[0]}) and {second} (second tile, {names[1]})"
            raise MismatchError(f"Operation {self._operations}: {thing} must be the same in both tiles, not {values}")


def first_different_slot(first: Slots, second: Slots) -> int | None:
    """Number (from 0) of the first slot that differs, be it that one list has no such slot; None if none does."""
    common = min(len(first), len(second))
    different = (
        (first.row[:common] != second.row[:common])
        | (first.polarity[:common] != second.polarity[:common])
        | (first.columns[:common] != second.columns[:common]).any(axis=1)
    )
    if different.any():
        return int(np.flatnonzero(different)[0])
    return None if len(first) == len(second) else common


def described_slot(slots: Slots, slot: int) -> str:
    """A slot in words, for messages; "none" beyond the last."""
    if slot >= len(slots):
        return "none"
    polarity = _POLARITIES[int(slots.polarity[slot])]
    columns = " ".join(map(str, slots.column_list(slot)))
    return f"row {slots.row[slot]} {polarity} columns {columns}"
