"""Write disturb: its rate and direction on the lines of a pulsed device, cell by cell in the tests of pulses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.array.record import bases, writes
from pulsetrain.device import Disturb, Drift
from pulsetrain.device.parameters import ArrayParameters

SIZE = (96, 160)


@pytest.mark.parametrize(("row", "column"), [(0.01, 0.0), (0.0, 0.02), (0.3, 0.5)])
@pytest.mark.parametrize("sign", [1, -1])
def test_half_selected_devices_move_at_the_stated_rate(row: float, column: float, sign: int) -> None:
    """One pulsed device with many pulses: every other device of its lines moves in each with its probability."""
    made = CrossbarArray(*SIZE, ArrayParameters(write_noise=0.0, disturb=Disturb(1e-9, row, column)), 3)
    counts = np.zeros(SIZE, np.int16)
    counts[40, 70] = 255 * sign
    for _ in range(4):
        made.apply_pulses(counts)
    moved = sign * (made.conductance - 200_000_000) // 1000
    moved[40, 70] = 0
    times = 4 * 255
    in_column, in_row = np.delete(moved[:, 70], 40), np.delete(moved[40], 70)
    assert moved.sum() == in_column.sum() + in_row.sum()
    assert moved.min() >= 0
    for found, q in ((in_column, column), (in_row, row)):
        error = math.sqrt(times * q * (1 - q))
        assert abs(found.mean() - times * q) <= 4 * error / math.sqrt(found.size)
        assert np.abs(found - times * q).max() <= 6 * error
        assert q == 0 or abs(found.std() / error - 1) < 4 / math.sqrt(2 * found.size)


def test_every_other_device_can_move() -> None:
    """The first and last of a line and the neighbours of the pulsed one; it moves by itself only."""
    made = CrossbarArray(3, 4, ArrayParameters(write_noise=0.0, disturb=Disturb(1e-9, 0.5, 0.5)), 3)
    counts = np.zeros((3, 4), np.int16)
    counts[1, 0] = 50
    made.apply_pulses(counts)
    moved = made.conductance - 200_000_000 > 0
    assert np.argwhere(moved).tolist() == [[0, 0], [1, 0], [1, 1], [1, 2], [1, 3], [2, 0]]
    assert made.conductance[1, 0] == 300_000_000


def test_base_and_conductance_move_alike_and_no_write_is_counted() -> None:
    par = ArrayParameters(write_noise=0.0, drift=Drift(0.1), disturb=Disturb(5e-6, 0.5))
    made = CrossbarArray(2, 8, par, 3)
    made.wait(1e4)
    before = made.conductance.copy()
    counts = np.zeros((2, 8), np.int16)
    counts[1, 3] = 1
    made.apply_pulses(counts)
    moved = made.conductance - before
    moved[1, 3] = 0
    assert set(moved.ravel().tolist()) == {0, 5_000_000}
    base = bases(made.block)[:16].reshape(2, 8) - 200_000_000
    base[1, 3] = 0
    assert np.array_equal(base, moved)
    assert writes(made.block)[:16].sum() == 1


def test_window_and_fixed_devices() -> None:
    """Cuts are window hits; stuck devices stay, also where they are pulsed, and disturb others all the same."""
    par = ArrayParameters(write_noise=0.0, g_max=200.5e-6, stuck_share=0.4, disturb=Disturb(1e-6, 0.5, 0.5))
    made = CrossbarArray(16, 16, par, 3)
    stuck = made.stuck
    counts = np.where(stuck, 3, 0).astype(np.int16)
    hits = made.apply_pulses(counts)
    assert (made.conductance[stuck] == 200_000_000).all()
    assert (made.conductance[~stuck] == 200_500_000).mean() > 0.9
    assert hits == made.window_hits > (~stuck).sum()


def test_lines_of_one_device() -> None:
    for shape in ((1, 1), (1, 4), (4, 1)):
        made = CrossbarArray(*shape, ArrayParameters(disturb=Disturb(1e-6, 1e-300, 0.5)), 3)
        made.apply_pulses(np.ones(shape, np.int16))
        assert made.operation == 1
