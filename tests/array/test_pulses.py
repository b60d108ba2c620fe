"""Pulses of closed loops with all effects of devices, through Python and C, against the specification."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.settings import ControllerSettings, LineSettings
from pulsetrain.device.parameters import ArrayParameters

from tests.array.plain_array import CASES, FORM, RESET, SET, PlainArray, same

SEED = 0x243F6A8885A308D3
CONFIG = ControllerConfig(rows=5, columns=7, lanes=1)
SETTINGS = ControllerSettings(
    set_cycles=10,
    reset_cycles=20,
    form_cycles=40,
    set_lines=LineSettings(bit_code=100, source_code=3),
    reset_lines=LineSettings(bit_code=5, source_code=50),
    form_lines=LineSettings(bit_code=200),
)
NOMINAL = {SET: (10, 100), RESET: (20, 50), FORM: (40, 200)}
FRESH = {"fresh": True, "form_yield": 0.6, "g_formed": 200e-6, "g_fresh": 190e-6}


def mask(columns: list[int]) -> NDArray[np.uint64]:
    return np.array([sum(1 << column for column in columns)], np.uint64)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("fresh", [False, True])
def test_follows_the_specification(name: str, fresh: bool) -> None:
    """Random pulses of all operations, lengths and levels in two operations; noise is always drawn per pulse."""
    changes: dict[str, Any] = CASES[name] | (FRESH if fresh else {})
    made, c_side = (CrossbarArray(5, 7, ArrayParameters(**changes), SEED) for _ in range(2))
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_uint32] * 4, ctypes.c_void_p)
    pulse, context = function(c_side.port.pulse), c_side.port.context
    plain, rng = PlainArray(made), np.random.default_rng(7)
    for number in range(2):
        plain.operation = number
        counts = [0] * 35
        for each in (made, c_side):
            each.begin_operation(CONFIG, SETTINGS)
        for _ in range(25):
            operation, row = (SET, RESET, FORM)[rng.integers(3)], int(rng.integers(5))
            width, nominal = NOMINAL[operation]
            cycles, level = int(rng.choice([width, width, 1, 3 * width])), int(rng.choice([nominal, nominal, 33]))
            columns = sorted(int(c) for c in rng.choice(7, int(rng.integers(1, 6)), replace=False))
            for column in columns:
                cell = row * 7 + column
                counts[cell] += 1
                plain.pulse(cell, operation, counts[cell], ((level, nominal), (cycles, width)))
                if plain.par.disturb is not None:
                    plain.disturb(cell, counts[cell], operation)
            made.pulse(operation, row, cycles, level, mask(columns))
            pulse(context, operation, row, cycles, level, mask(columns).ctypes.data)
        for each in (made, c_side):
            assert each.pulsed_cells() == sum(count > 0 for count in counts)
            assert same(each, plain)
            each.end_operation()


@pytest.mark.parametrize("name", [name for name in CASES if "disturb" not in name and "per step" not in name])
def test_an_open_loop_is_a_closed_one(name: str) -> None:
    """The same whole pulses in one operation end the same, with noise per pulse and without disturb."""
    open_loop, closed = (CrossbarArray(5, 7, ArrayParameters(**CASES[name]), SEED) for _ in range(2))
    counts = np.random.default_rng(3).integers(-3, 4, (5, 7)).astype(np.int16)
    open_loop.apply_pulses(counts)
    closed.begin_operation(CONFIG, SETTINGS)
    for row in range(5):
        for sign, operation, (width, nominal) in ((1, SET, NOMINAL[SET]), (-1, RESET, NOMINAL[RESET])):
            for k in range(1, 4):
                columns = [j for j in range(7) if sign * counts[row, j] >= k]
                if columns:
                    closed.pulse(operation, row, width, nominal, mask(columns))
    closed.end_operation()
    plain = PlainArray(open_loop)
    assert plain.g == closed.conductance.ravel().tolist()
    assert open_loop.window_hits == closed.window_hits
