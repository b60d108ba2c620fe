"""Statistics of pulses: means, spreads and whole distributions as the parameters state them, and rates of failure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.device import Spread, StepCurve, StepTable
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError
from scipy.special import ndtr
from scipy.stats import kstest

SIDE = 128
SCORES = np.linspace(-3, 3, 25)
TABLE = StepTable(
    100e-6, 300e-6, 3.0,
    (tuple(np.sinh(SCORES) * 1e-6 + 2e-6), tuple(np.sinh(SCORES) * 3e-6 - 1e-6)),
    (tuple(SCORES * 1e-6 - 4e-6), tuple(SCORES * 2e-6 - 8e-6)),
)  # fmt: skip
CURVE = StepCurve(0.0, 400e-6, (4e-6, 2e-6, 1e-6), (1e-6, 3e-6, 5e-6), (1e-6, 2e-6, 3e-6), (3e-6, 2e-6, 0.0))


def changes(parameters: ArrayParameters, g: float, sign: int, seed: int = 3) -> NDArray[np.float64]:
    """Changes in µS of 16,384 devices at ``g`` (siemens) by a pulse."""
    made = CrossbarArray(SIDE, SIDE, parameters, seed)
    made.conductance[...] = round(g * 1e12)
    made.apply_pulses(np.full((SIDE, SIDE), sign, np.int16))
    found: NDArray[np.float64] = (made.conductance.ravel() - round(g * 1e12)) / 1e6
    return found


def agree(found: NDArray[np.float64], mean: float, sigma: float) -> bool:
    """Whether mean and standard deviation lie within 4 standard errors."""
    error = max(sigma / math.sqrt(found.size), 1e-6)
    return bool(abs(found.mean() - mean) < 4 * error and abs(found.std() - sigma) < 4 * error / math.sqrt(2))


@pytest.mark.parametrize(
    ("g", "sign", "mean", "sigma"),
    [(100e-6, 1, 3, 1.5), (100e-6, -1, -2, 2.5), (300e-6, 1, 1.5, 2.5), (200e-6, 1, 2, 2), (390e-6, -1, -4.9, 0.1)],
)
def test_curve_has_its_mean_and_sigma(g: float, sign: int, mean: float, sigma: float) -> None:
    assert agree(changes(ArrayParameters(curve=CURVE), g, sign), mean, sigma)


def test_curve_is_stretched_to_the_window_of_a_device() -> None:
    """At the same share of a device's own window the step is the same."""
    par = ArrayParameters(curve=CURVE, spread=Spread(g_max=40e-6)).replace(write_noise=0.0)
    flat = StepCurve(0.0, 400e-6, (0.0, 40e-6), (1e-6, 1e-6), (0.0, 0.0), (0.0, 0.0))
    found = changes(par.replace(curve=flat), 200e-6, 1)
    top = 200e-6 * 400e-6 / (found / 40 * 400e-6) * 1e6  # the step is 40 µS · 200 µS/top
    assert agree(top, 400, 40)


@pytest.mark.parametrize(("g", "row"), [(50e-6, 0), (100e-6, 0), (300e-6, 1), (390e-6, 1)])
@pytest.mark.parametrize("sign", [1, -1])
def test_table_has_its_whole_distribution(g: float, row: int, sign: int) -> None:
    """Kolmogorov-Smirnov against the piecewise linear quantile function, which is held outside the scores."""
    values = np.array((TABLE.set_delta if sign > 0 else TABLE.reset_delta)[row]) * 1e6
    found = changes(ArrayParameters(table=TABLE, g_max=500e-6), g, sign)
    assert kstest(found, lambda x: ndtr(np.interp(x, values, SCORES))).pvalue > 1e-3
    assert values[0] - 1e-6 <= found.min() < values[1]
    assert values[-2] < found.max() <= values[-1] + 1e-6


def test_table_is_linear_in_the_conductance() -> None:
    """The same numbers at three conductances: the changes in the middle are the means of those at the knots."""
    low, middle, high = (changes(ArrayParameters(table=TABLE), g, 1) for g in (100e-6, 200e-6, 300e-6))
    assert np.abs((low + high) / 2 - middle).max() <= 1.5e-6
    assert np.abs(low - high).max() > 1


def test_factors_scale_table_and_steps() -> None:
    """RESET of the same device twice as strong where its factor is: changes over those without spread."""
    par = ArrayParameters(table=TABLE)
    plain = changes(par, 200e-6, -1)
    factor = changes(par.replace(spread=Spread(step_reset=0.2)), 200e-6, -1)[plain < -2] / plain[plain < -2]
    assert agree(factor, 1, 0.2)
    same = changes(par.replace(spread=Spread(step_set=0.2, noise=0.5)), 200e-6, -1)
    assert np.array_equal(same, plain)


def test_relative_noise_adds_in_squares() -> None:
    par = ArrayParameters(write_noise=1e-6, write_noise_relative=0.5, step_set=4e-6)
    assert agree(changes(par, 200e-6, 1), 4, math.hypot(1, 2))
    assert agree(changes(par, 200e-6, -1), -2, math.hypot(1, 1))


@pytest.mark.parametrize("law", ["normal", "lognormal"])
def test_factors_have_mean_1_and_the_stated_spread(law: str) -> None:
    """Lognormal: mean 1, and s the standard deviation of the logarithm; normal ones are cut at 0."""
    spread = Spread(step_set=0.4, step_reset=0.1, law=law)
    par = ArrayParameters(write_noise=0.0, spread=spread, step_set=10e-6, step_reset=10e-6)
    up, down = changes(par, 200e-6, 1) / 10, -changes(par, 200e-6, -1) / 10
    if law == "lognormal":
        assert agree(np.log(up), -0.08, 0.4)
        assert abs(up.mean() - 1) < 4 * math.sqrt(math.exp(0.16) - 1) / SIDE
        assert agree(np.log(down), -0.005, 0.1)
    else:
        assert up.min() >= 0
        assert agree(down, 1, 0.1)
    assert abs(np.corrcoef(up, down)[0, 1]) < 4 / SIDE
    both = par.replace(spread=Spread(step_both=0.3, law=law))
    assert np.array_equal(changes(both, 200e-6, 1), -changes(both, 200e-6, -1))
    again = CrossbarArray(SIDE, SIDE, par, 3)
    again.apply_pulses(np.ones((SIDE, SIDE), np.int16))
    again.apply_pulses(np.ones((SIDE, SIDE), np.int16))
    assert np.abs(again.conductance.ravel() / 1e6 - 200 - 20 * up).max() < 1e-5  # a device keeps its factor


def test_windows_have_the_stated_spread() -> None:
    par = ArrayParameters(write_noise=0.0, step_set=400e-6, step_reset=400e-6, spread=Spread(g_min=5e-6, g_max=9e-6))
    par = par.replace(g_min=100e-6)
    made = CrossbarArray(SIDE, SIDE, par, 3)
    made.apply_pulses(np.ones((SIDE, SIDE), np.int16))
    assert agree(made.conductance.ravel() / 1e6, 400, 9)
    made.apply_pulses(np.full((SIDE, SIDE), -1, np.int16))
    assert agree(made.conductance.ravel() / 1e6, 100, 5)
    wide = CrossbarArray(SIDE, SIDE, par.replace(spread=Spread(g_min=2e-3, g_max=2e-3)), 3)
    wide.apply_pulses(np.ones((SIDE, SIDE), np.int16))
    assert wide.conductance.min() == 250_000_001  # an end never passes the middle


@pytest.mark.parametrize(("fail_set", "fail_reset"), [(0.2, 0.0), (0.05, 0.7), (0.0, 1.0)])
def test_pulses_fail_at_the_stated_rate(fail_set: float, fail_reset: float) -> None:
    par = ArrayParameters(write_noise=0.0, fail_set=fail_set, fail_reset=fail_reset)
    for sign, rate in ((1, fail_set), (-1, fail_reset)):
        found = changes(par, 200e-6, sign)
        assert set(found) <= {0.0, sign * 2.0}
        assert abs((found == 0).mean() - rate) <= 4 * math.sqrt(rate * (1 - rate)) / SIDE
    noise = changes(par.replace(write_noise=2e-6), 200e-6, 1)
    taken = noise[changes(par, 200e-6, 1) != 0]
    assert agree(taken, 2, 2)  # whether a pulse fails says nothing about its noise


@pytest.mark.parametrize("effect", [{"curve": CURVE}, {"table": TABLE}, {"fail_set": 0.1}, {"fail_reset": 0.1}])
def test_one_draw_per_step_is_refused(effect: dict[str, Any]) -> None:
    with pytest.raises(
        PulsetrainError, match="Noise per must be pulse with a curve, a table or failing pulses, not 'step'"
    ):
        ArrayParameters(noise_per="step", **effect)
