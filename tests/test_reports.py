"""What reports count, and the forms in which a controller may tell what fired."""

from __future__ import annotations

import numpy as np
from pulsetrain.config import ControllerConfig
from pulsetrain.controller.fired import FiredCells
from pulsetrain.controller.slots import Slots, fired_cells
from pulsetrain.tiles.reports import Outcome, fired_numbers

CONFIG = ControllerConfig(rows=2, columns=4, lanes=1)
COUNTS = np.array([[0, 2, 0, -1], [3, 0, 0, -255]], np.int16)


def test_numbers_of_what_fired() -> None:
    numbers = fired_numbers(FiredCells.of(COUNTS))
    assert numbers == {"cells_set": 2, "cells_reset": 2, "pulses_set": 5, "pulses_reset": 256}
    assert set(fired_numbers(FiredCells.of(np.zeros((2, 4), np.int16))).values()) == {0}


def test_an_array_and_a_list_of_counts_are_alike() -> None:
    fired = FiredCells.of(COUNTS)

    def slots() -> Slots:
        return Slots.none(CONFIG)

    assert Outcome(fired, 0, 0, slots).devices is fired
    for outcome in (Outcome(COUNTS, 0, 0, slots), Outcome(COUNTS, 0, 0, slots, cells=fired_cells(COUNTS))):
        devices = outcome.devices
        assert devices is not None
        assert np.array_equal(devices.dense(), COUNTS)
        assert devices.cells.tolist() == [1, 3, 4, 7]
    assert Outcome(None, 0, 0, slots).devices is None
