"""Apparent noise, counts of writes, and windows that close with them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.array.record import bases, writes
from pulsetrain.device import Endurance
from pulsetrain.device.parameters import ArrayParameters

SIDE = 128
ONES = np.ones((SIDE, SIDE), np.int16)


def test_apparent_noise_is_drawn_with_each_write_and_kept_out_of_the_next() -> None:
    """What is read scatters about the persistent conductance, which takes the steps alone."""
    made = CrossbarArray(SIDE, SIDE, ArrayParameters(write_noise=0.0, apparent_noise=5e-6), 9)
    noise = []
    for number in range(1, 4):
        made.apply_pulses(ONES * 2)
        assert (bases(made.block) == 200_000_000 + number * 4_000_000).all()
        noise.append((made.conductance.ravel() - bases(made.block)) / 1e6)
        assert abs(noise[-1].mean()) < 4 * 5 / SIDE
        assert abs(noise[-1].std() - 5) < 4 * 5 / SIDE / math.sqrt(2)
    assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 4 / SIDE
    before = made.conductance.copy()
    made.write(np.zeros((SIDE, SIDE)), noise=True)
    assert np.array_equal(made.conductance, before)


def test_writes_are_counted_whatever_becomes_of_them() -> None:
    made = CrossbarArray(4, 6, ArrayParameters(count_pulses=True, stuck_share=0.3, fresh=True, fail_set=1.0), 9)
    counts = np.arange(-12, 12).reshape(4, 6).astype(np.int16)
    made.apply_pulses(counts)
    made.write(np.where(np.arange(6) < 3, 1e-6, 0) * np.ones((4, 1)), noise=False)
    expected = np.abs(counts) + (np.arange(6) < 3)
    assert np.array_equal(writes(made.block)[:24].reshape(4, 6), expected)
    assert made.stuck.any()


def test_counts_wrap_at_32_bits() -> None:
    made = CrossbarArray(1, 1, ArrayParameters(apparent_noise=1e-6, write_noise=0.0), 9)
    writes(made.block)[0] = 2**32 - 1
    made.apply_pulses(np.ones((1, 1), np.int16))
    assert writes(made.block)[0] == 0
    assert bases(made.block)[0] == 202_000_000


@pytest.mark.parametrize("exponent", [1, 4])
@pytest.mark.parametrize("closes_to", [0.0, 150e-6, 500e-6])
def test_window_closes_with_the_pulses(exponent: int, closes_to: float) -> None:
    """After n pulses a device is at closes_to + (end − closes_to)/(1 + (n/N)^m), half of it after N."""
    wear = Endurance(100, exponent=exponent, closes_to=closes_to)
    made = CrossbarArray(1, 2, ArrayParameters(endurance=wear, write_noise=0.0, step_set=400e-6, step_reset=400e-6), 1)
    total = 0
    for times in (1, 9, 90, 200):
        made.apply_pulses(np.array([[times, -times]]))
        total += times
        for cell, end in enumerate((400e6, 0.0)):
            wanted = closes_to * 1e12 + (end - closes_to * 1e12) / (1 + (total / 100) ** exponent)
            assert abs(int(made.conductance[0, cell]) - wanted) <= 1
    made.write(np.array([[1e-3, -1e-3]]), noise=False)  # a write wears, too, and is cut to the same window
    wanted = closes_to * 1e12 + (400e6 - closes_to * 1e12) / (1 + ((total + 1) / 100) ** exponent)
    assert abs(int(made.conductance[0, 0]) - wanted) <= 1


def test_endurance_has_a_lognormal_spread() -> None:
    wear = Endurance(50, exponent=1, spread=0.5)
    made = CrossbarArray(SIDE, SIDE, ArrayParameters(endurance=wear, write_noise=0.0, step_set=400e-6), 5)
    made.apply_pulses(ONES * 50)
    logarithm = np.log(50 / (400e6 / made.conductance.ravel() - 1))  # ln N from 400/(1 + 50/N)
    assert abs(logarithm.mean() - math.log(50)) < 4 * 0.5 / SIDE
    assert abs(logarithm.std() - 0.5) < 4 * 0.5 / SIDE / math.sqrt(2)


@pytest.mark.parametrize("bounds", ["hard", "soft"])
def test_a_window_may_close_to_a_point(bounds: str) -> None:
    wear = Endurance(1, exponent=8, closes_to=100e-6)
    made = CrossbarArray(2, 2, ArrayParameters(endurance=wear, bounds=bounds), 5)
    made.apply_pulses(np.array([[255, -255], [255, -255]]))
    assert (made.conductance == 100_000_000).all()
