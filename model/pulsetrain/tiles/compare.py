"""A tile made of two: both get the same inputs, and the first difference between them ends the run by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.config import Polarity
from pulsetrain.controller.slots import Slots
from pulsetrain.errors import MismatchError, PulsetrainError, check_integer
from pulsetrain.tiles.base import Tile, UpdateReport


class ComparedTile(Tile):
    """Runs ``first`` and ``second`` side by side; everything it returns is the first one's.

    After each operation slots (row, polarity, columns, order), the reports (all but clock cycles) and the conductances
    must be the same, to the last bit. ``decisions_compared`` counts the decisions for which they were.
    Raises PulsetrainError if the tiles have different configurations, MismatchError with the first difference: the
    operation (from 1), the slot (from 0) or cell, and both values.
    """

    def __init__(self, first: Tile, second: Tile) -> None:
        if first.config != second.config:
            raise PulsetrainError(f"Compared tiles must have one configuration, not {first.config} and {second.config}")
        self.first, self.second = first, second
        self.config, self.settings, self.parameters = first.config, first.settings, first.parameters
        self.seed, self.threshold_weight, self.counters = first.seed, first.threshold_weight, first.counters
        self.decisions_compared = 0
        self._operations = 0

    def set_weights(self, weights: ArrayLike) -> int:
        hits = self.first.set_weights(weights)
        self._same("cells cut to the window", hits, self.second.set_weights(weights))
        self._same_conductances()
        return hits

    def weights(self) -> NDArray[np.float64]:
        return self.first.weights()

    def conductances(self) -> NDArray[np.float64]:
        return self.first.conductances()

    def update(self, step: ArrayLike) -> UpdateReport:
        return self._compared(self.first.update(step), self.second.update(step), self.config.cells)

    def update_deltas(self, deltas: ArrayLike) -> UpdateReport:
        return self._compared(self.first.update_deltas(deltas), self.second.update_deltas(deltas), self.config.cells)

    def write(self, step: ArrayLike, noise: bool) -> UpdateReport:
        return self._compared(self.first.write(step, noise), self.second.write(step, noise), 0)

    def last_slots(self) -> Slots:
        return self.first.last_slots()

    def state(self) -> dict[str, Any]:
        first = {f"first_{name}": value for name, value in self.first.state().items()}
        second = {f"second_{name}": value for name, value in self.second.state().items()}
        return {**first, **second, "decisions_compared": self.decisions_compared, "operations": self._operations}

    def restore(self, state: Mapping[str, Any]) -> None:
        counts = []
        for name in ("decisions_compared", "operations"):
            if name not in state:
                raise PulsetrainError(f"Tile state must have {name}, not only {', '.join(sorted(state))}")
            value = state[name]  # comes back from an .npz file as an array of no dimension
            scalar = isinstance(value, np.ndarray) and value.ndim == 0
            counts.append(check_integer(f"Count of {name}", value.item() if scalar else value, 0))
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
        self.decisions_compared, self._operations = counts
        self.counters = self.first.counters
        self._same_conductances()

    def close(self) -> None:
        self.first.close()
        self.second.close()

    def _compared(self, first: UpdateReport, second: UpdateReport, decisions: int) -> UpdateReport:
        self._operations += 1
        self.counters = self.first.counters
        self._same_slots()
        for item in fields(UpdateReport):
            if item.name != "cycles":
                self._same(item.name.replace("_", " "), getattr(first, item.name), getattr(second, item.name))
        self._same_conductances()
        self.decisions_compared += decisions
        return first

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
    polarity = Polarity(int(slots.polarity[slot])).name
    columns = " ".join(map(str, slots.column_list(slot)))
    return f"row {slots.row[slot]} {polarity} columns {columns}"
