"""What reports count."""

from __future__ import annotations

import numpy as np
from pulsetrain.controller.fired import FiredCells
from pulsetrain.tiles.reports import fired_numbers

COUNTS = np.array([[0, 2, 0, -1], [3, 0, 0, -255]], np.int16)


def test_numbers_of_what_fired() -> None:
    numbers = fired_numbers(FiredCells.of(COUNTS))
    assert numbers == {"cells_set": 2, "cells_reset": 2, "pulses_set": 5, "pulses_reset": 256}
    assert set(fired_numbers(FiredCells.of(np.zeros((2, 4), np.int16))).values()) == {0}
