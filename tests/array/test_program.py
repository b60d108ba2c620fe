"""Ideal programming by the host: the error it leaves, the device's own window, and what it begins."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.device import Drift, Endurance, ProgrammingError, Spread
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.numerics.noise import normals
from scipy.stats import kstest

SEED = 0xFEDCBA9876543210
ERROR = ProgrammingError((1e-6, 3e-6, 2e-6), (0.0, -1e-6, 0.5e-6), 100e-6, 300e-6)
HUGE = np.array([[1e300, -1e300]])


def targets(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wanted conductances in picosiemens, one weight a device."""
    found: NDArray[np.float64] = np.rint(weights * 80e6) + 200e6
    return found


def at_knots(values: tuple[float, ...], g: NDArray[np.float64]) -> NDArray[np.float64]:
    """A curve of the error at ``g``, in the order of the specification."""
    knots = np.rint(np.array(values) * 1e12)
    position = np.clip((g - 100e6) * ((knots.size - 1) / 200e6), 0, knots.size - 1)
    below = np.minimum(position.astype(int), knots.size - 2)
    place = position - below
    found: NDArray[np.float64] = (1 - place) * knots[below] + place * knots[below + 1]
    return found


def test_the_error_follows_the_specification() -> None:
    """Mean and spread at the target, a number of its own for each programming, cut to the window; stuck cells, too."""
    made = CrossbarArray(10, 30, ArrayParameters(programming=ERROR, stuck_share=0.1, g_min=5e-6), SEED)
    rng = np.random.default_rng(2)
    for number in range(3):
        weights = rng.uniform(-2.5, 2.5, (10, 30))
        outside = made.set_weights(weights)
        g = targets(weights).ravel()
        z = normals(SEED, number, np.arange(300), np.full(300, 2**31 + 257))
        wanted = np.rint(g + at_knots(ERROR.mean, g) + at_knots(ERROR.sigma, g) * z)
        assert np.array_equal(made.conductance.ravel(), np.clip(wanted, 5e6, 400e6))
        assert (wanted < 5e6).any()
        assert outside == np.count_nonzero(g < 5e6)
    assert made.stuck.any()
    assert made.operation == made.window_hits == 0


def test_the_error_has_the_stated_mean_and_spread() -> None:
    made = CrossbarArray(100, 100, ArrayParameters(programming=ERROR), 7)
    for weight, mean, sigma in ((-1.25, 0.0, 1.0), (0.0, -1.0, 3.0), (0.625, -0.25, 2.5), (2.0, 0.5, 2.0)):
        assert made.set_weights(np.full((100, 100), weight)) == 0
        error = (made.conductance.ravel() / 1e6 - 200 - 80 * weight - mean) / sigma
        assert kstest(error, "norm").pvalue > 1e-3


def test_one_knot_holds_everywhere() -> None:
    made = CrossbarArray(1, 2, ArrayParameters(programming=ProgrammingError((0.0,), (2e-6,))), 1)
    made.set_weights([[1.0, -2.0]])
    assert made.conductance.tolist() == [[282_000_000, 42_000_000]]
    assert made.set_weights(HUGE) == 2
    assert made.conductance.tolist() == [[400_000_000, 0]]


def test_each_device_has_its_own_window() -> None:
    made = CrossbarArray(40, 40, ArrayParameters(spread=Spread(g_min=10e-6, g_max=20e-6)), 3)
    z = normals(3, 0, np.arange(1600), np.full(1600, 2**32 - 3)).reshape(40, 40)
    assert made.set_weights(np.full((40, 40), -1e300)) == 1600
    low = made.conductance.copy()
    assert np.array_equal(low, np.clip(np.rint(10e6 * z), 0, 200e6))
    assert made.set_weights(np.full((40, 40), 1e300)) == 1600
    assert made.conductance.std() == pytest.approx(20e6, rel=0.1)
    high = made.conductance.copy()
    inside = made.set_weights(np.full((40, 40), 2.4))
    assert inside == np.count_nonzero(high < 392_000_000) > 100
    assert np.array_equal(made.conductance, np.minimum(high, 392_000_000))


def test_a_worn_window_is_the_one_that_cuts() -> None:
    """w writes of N = 1 leave 1/(1 + w) of the window around the conductance that it closes to."""
    made = CrossbarArray(1, 1, ArrayParameters(endurance=Endurance(1.0, 1, closes_to=100e-6)), 1)
    assert made.set_weights([[2.0]]) == 1
    assert made.conductance[0, 0] == 250_000_000
    made.set_weights([[2.0]])
    assert made.conductance[0, 0] == 200_000_000


@pytest.mark.parametrize("pair", [0, 1])
def test_weights_cut_are_counted_once(pair: int) -> None:
    made = CrossbarArray(2, 4, ArrayParameters(count_pulses=True), 1, pair=pair)
    plain = CrossbarArray(2, 4, ArrayParameters(), 1, pair=pair)
    weights = np.array([[6.0, 0.1], [-6.0, 2.0]]) if pair else np.array([[3.0, 0.1, 0, 0], [-3.0, 2.0, 1.0, -1.0]])
    assert made.set_weights(weights) == plain.set_weights(weights) == 2
    assert np.array_equal(made.conductance, plain.conductance)


def test_programming_forms_counts_and_begins_an_age() -> None:
    par = ArrayParameters(fresh=True, drift=Drift(0.1), apparent_noise=1e-6, stuck_share=0.5)
    made = CrossbarArray(8, 8, par, 5)
    made.wait(100)
    assert (made.conductance == 50_000).all()
    made.set_weights(np.ones((8, 8)))
    assert not made.fresh.any()
    assert (made.writes == 1).all()
    state = made.state()
    assert (state["persistent"] == 280_000_000).all()
    assert (state["written_at"] == 100 * 10**9).all()
    assert np.array_equal(made.conductance == 280_000_000, made.stuck)
    z = normals(5, 1, np.arange(64), np.full(64, 2**31 + 256)).reshape(8, 8)
    assert np.array_equal(made.conductance, np.where(made.stuck, 280e6, 280e6 + np.rint(1e6 * z)))
    made.wait(100)
    assert np.array_equal(made.conductance == 280_000_000, made.stuck)


def test_programming_without_an_error_is_ideal() -> None:
    weights = np.random.default_rng(1).uniform(-2, 2, (6, 7))
    for par in (ArrayParameters(), ArrayParameters(count_pulses=True), ArrayParameters(spread=Spread(step_set=0.2))):
        made = CrossbarArray(6, 7, par, 1)
        made.set_weights(weights)
        assert np.array_equal(made.conductance, targets(weights))
        assert made.state()["programmings"] == 1
