"""Presets against the formulas of their sources, written here once more, and in the golden array."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.device.catalogue import preset, preset_names
from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.device.steps import StepCurve, StepTable
from pulsetrain.errors import PulsetrainError
from pulsetrain.tiles.model import ModelTile

NAMES = preset_names()
SIZE = 96


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_it_is_and_where_it_comes_from(name: str) -> None:
    device = preset(name)
    assert device.name == name
    assert 20 < len(device.about) < 80
    assert any(word in device.source for word in ("doi", "github.com", "IRPS", "arXiv"))
    parameters = device.parameters
    assert parameters.g_min < parameters.g_reference < parameters.g_max


@pytest.mark.parametrize("name", NAMES)
def test_a_tile_of_each_takes_updates(name: str) -> None:
    """Weights move as they are asked to on average, and stay where conductances can be."""
    parameters = preset(name).parameters
    with ModelTile(CONFIGS["tiny"], device=Device("test", parameters=parameters), seed=3) as tile:
        assert tile.threshold_weight > 0
        shape = (tile.rows, tile.columns)
        tile.set_weights(np.zeros(shape))
        before = tile.conductances()
        for sign in (1, -1):
            report = tile.update(np.full(shape, sign * tile.threshold_weight))
            assert report.pulses_set + report.pulses_reset > 0
        after = tile.conductances()
        assert (before != after).mean() > 0.5
        assert after.min() >= 0
        assert after.max() < parameters.g_max + 6 * (parameters.apparent_noise + 60e-6)


def steps_in_array(parameters: ArrayParameters, g: float, sign: int) -> NDArray[np.float64]:
    """Changes, in the direction of ``sign``, by a pulse at ``g`` of mean devices without what comes after a pulse."""
    alone = parameters.replace(spread=None, programming=None, relaxation=None, apparent_noise=0.0, stuck_share=0.0)
    array = CrossbarArray(SIZE, SIZE, alone, seed=5, read_seed=1)
    array.set_weights(np.full((SIZE, SIZE), (g - alone.g_reference) / alone.siemens_per_weight))
    before = array.conductance.astype(np.float64)
    array.apply_pulses(np.full((SIZE, SIZE), sign, np.int16))
    return sign * (array.conductance - before) / 1e12


def soft(w: float, bound: float, step: float, noise: float) -> tuple[float, float]:
    """Mean and sd of SoftBoundsReferenceDevice at mult_noise False."""
    return step * (1 - w / bound), step * noise


def expected(name: str, w: float, up: bool) -> tuple[float, float]:
    """Mean and sd of a pulse in weight units of aihwkit, from its documentation, at the mean of log-normal factors."""
    if name == "reram-es":
        z = 2 * w / 2 * -0.5 - 0.5
        step = 1 + 1.18445 * math.exp(5 * z) if up else (1 - 0.259359) * (1 + 0.081404 * math.exp(-5 * z))
        return 0.00135 * step, 0.00135 * step * 5.0
    if name == "reram-sb":
        return soft(w, 1.25 if up else -0.75, 0.002, 3.75)
    if name == "reram-array-om":
        return soft(w, 1 if up else -1, 0.0949 * math.exp(0.7829**2 / 2), 0.4158)
    if name == "reram-array-hfo2":
        return soft(w, 1 if up else -1, 0.4622 * math.exp(0.7125**2 / 2), 0.2174)
    assert name == "idealised"
    return 0.0002, 0.0002 * 0.3


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("w", [-0.3, 0.0, 0.2])
@pytest.mark.parametrize("name", ["reram-es", "reram-sb", "reram-array-om", "reram-array-hfo2", "idealised"])
def test_steps_of_aihwkit(name: str, w: float, up: bool) -> None:
    """100 µS a weight unit. The array cuts to its window; half a window away from it none of these pulses is."""
    parameters = preset(name).parameters
    zero = 75e-6 if name == "reram-sb" else 100e-6
    mean, sigma = (100e-6 * value for value in expected(name, w, up))
    at, polarity = zero + 100e-6 * w, "set" if up else "reset"
    assert parameters.mean_step(polarity, at) == pytest.approx(mean, rel=1e-3)
    assert parameters.step_noise(polarity, at) == pytest.approx(sigma, rel=1e-3)
    found = steps_in_array(parameters, at, 1 if up else -1)
    assert found.mean() == pytest.approx(mean, abs=5 * sigma / SIZE + 1e-12)
    if name != "reram-array-hfo2" or not up or w < 0.2:  # there 2 % of pulses reach the window
        assert found.std() == pytest.approx(sigma, rel=0.04)


def test_apparent_noise_of_aihwkit() -> None:
    """write_noise_std·dw_min, at 100 µS a weight unit."""
    for name, noise in {
        "reram-es": 0.10125,
        "reram-sb": 0.112,
        "reram-array-om": 0.13393,
        "reram-array-hfo2": 0.26997,
    }.items():
        assert preset(name).parameters.apparent_noise == pytest.approx(100e-6 * noise, rel=1e-4)
    assert preset("idealised").parameters.apparent_noise == 0


def test_failing_pulses_and_stuck_cells_of_sky130() -> None:
    parameters = preset("sky130").parameters.replace(write_noise=0.0)
    array = CrossbarArray(SIZE, SIZE, parameters, seed=5, read_seed=1)
    for sign, fails in ((1, 0.0255), (-1, 0.0917)):
        before = array.conductance.copy()
        array.apply_pulses(np.full((SIZE, SIZE), sign, np.int16))
        share = (array.conductance == before).mean()
        wanted = fails + 0.0059 * (1 - fails)
        assert share == pytest.approx(wanted, abs=4 * math.sqrt(wanted) / SIZE)
    formed = parameters.replace(fresh=True, g_min=0.0)
    assert (formed.g_fresh, formed.g_formed, formed.form_yield) == (0.05e-6, 75e-6, 0.9273)


def test_programming_errors() -> None:
    """The sd of ideal programming at conductances inside the window, in µS."""

    def wan(g: float) -> float:
        x = g / 40
        return 0.348 + 16.030 * x - 43.853 * x**2 + 45.393 * x**3 - 16.815 * x**4

    wanted = {
        "taox-180nm": [(60, 3.9)],
        "hfo2-milo": [(80, 4.782321 - 0.009107 * 80), (200, 4.782321 - 0.009107 * 200)],
        "reram-wan-2022": [(10, wan(10)), (27, wan(27))],
        "cmo-hfox": [(30, 0.00081107 + 0.00106879 * 30), (70, 0.00081107 + 0.00106879 * 70)],
    }
    for name, points in wanted.items():
        parameters = preset(name).parameters.replace(spread=None, relaxation=None)
        for g, sigma in points:
            array = CrossbarArray(SIZE, SIZE, parameters, seed=5, read_seed=1)
            array.set_weights(
                np.full((SIZE, SIZE), (g * 1e-6 - parameters.g_reference) / parameters.siemens_per_weight)
            )
            error = array.conductance / 1e6 - g
            assert error.std() == pytest.approx(sigma, rel=0.04)
            mean = 0.1 if name == "taox-180nm" else 0.0
            assert error.mean() == pytest.approx(mean, abs=5 * sigma / SIZE)


def test_relaxation_of_cmo_in_log_time() -> None:
    """Mean and sd at times between the two of the table: the source is linear in log time, and so is the table."""
    relaxation = preset("cmo-hfox").parameters.relaxation
    assert relaxation is not None
    assert relaxation.times == (1.0, 3.15576e8)
    for time in (1.0, 3600.0, 3.15576e8):
        part = math.log(time) / math.log(relaxation.times[1])
        low, middle, high = (
            (1 - part) * first + part * second
            for first, second in zip(relaxation.delta[0][0], relaxation.delta[1][0], strict=True)
        )
        assert 1e6 * middle == pytest.approx(-0.08900206 * math.log(time), abs=2e-6)
        assert 1e6 * (high - low) / (2 * relaxation.score_max) == pytest.approx(
            0.04201137 * math.log(time) + 0.41183342, rel=1e-5
        )


def test_relaxation_of_wan_adds_up_to_the_errors_of_its_days() -> None:
    parameters = preset("reram-wan-2022").parameters
    relaxation, programming = parameters.relaxation, parameters.programming
    assert relaxation is not None
    assert programming is not None
    polynomials = ((0.701, 22.086, -50.773, 47.095, -16.458), (0.782, 20.274, -43.507, 37.062, -11.934))
    for rows, powers in zip(relaxation.delta, polynomials, strict=True):
        for i in (0, 10, 20, 30):
            added = (rows[i][2] - rows[i][0]) / (2 * relaxation.score_max)
            total = 1e6 * math.hypot(programming.sigma[i], added)
            assert total == pytest.approx(sum(c * (i / 40) ** k for k, c in enumerate(powers)), abs=1e-5)


@pytest.mark.parametrize(("name", "g"), [("cmo-hfox", 48.6), ("taox-180nm", 120.0)])
def test_read_noise_of_cmo(name: str, g: float) -> None:
    """Variance over octaves n: K²·log10(G)²·n·ln 2; five octaves quicker than 32 reads are white."""
    parameters = preset(name).parameters
    octave = 0.0277316483 * math.log10(g) * math.sqrt(math.log(2))
    flicker = parameters.flicker
    assert flicker is not None
    assert 1e6 * flicker.sigma + flicker.relative * g == pytest.approx(octave, rel=2e-3)
    assert flicker.reads == 2**5
    assert 1e6 * parameters.read_noise == pytest.approx(octave * math.sqrt(5), rel=4e-3)


def test_taox_as_its_tables_say() -> None:
    """Mean and sd that the notes on the measured tables state, within the rounding of the notes."""
    parameters = preset("taox-180nm").parameters
    for g, polarity, mean, sigma in [
        (76.1, "set", 49.16, 18.79), (109.7, "set", 7.89, 6.63), (129.8, "set", 0.40, 1.55),
        (76.1, "reset", 2.62, 7.71), (109.7, "reset", 3.85, 4.27), (129.8, "reset", 1.94, 3.07),
    ]:  # fmt: skip
        assert 1e6 * parameters.mean_step(polarity, g * 1e-6) == pytest.approx(mean, rel=0.06, abs=0.05)
        assert 1e6 * parameters.step_noise(polarity, g * 1e-6) == pytest.approx(sigma, rel=0.06)
        if g > 100:  # no pulse reaches the window
            found = steps_in_array(parameters, g * 1e-6, 1 if polarity == "set" else -1)
            assert 1e6 * found.mean() == pytest.approx(mean, abs=0.05 + 5 * sigma / SIZE)
            assert 1e6 * found.std() == pytest.approx(sigma, rel=0.06)
    for polarity in ("set", "reset"):  # G_ref is the symmetry point; step_set and so on are what the table says there
        assert parameters.mean_step(polarity) == pytest.approx(parameters.step_set, rel=0.06)


def test_moments_against_sums() -> None:
    """Mean and sd of tables and curves against sums over many normal numbers."""
    rows = ((-3e-6, 0.0, 1e-6, 1e-6, 8e-6), (0.0, 0.0, 2e-6, 5e-6, 5e-6))
    table = StepTable(1e-5, 3e-5, 2.0, rows, tuple(tuple(-value for value in row) for row in rows))
    z = np.linspace(-9, 9, 180_001)
    weight = np.exp(-z * z / 2) / np.exp(-z * z / 2).sum()
    for g, part in ((0.0, 0.0), (1e-5, 0.0), (1.5e-5, 0.25), (3e-5, 1.0), (9e-5, 1.0)):
        row = (1 - part) * np.array(rows[0]) + part * np.array(rows[1])
        values = np.interp(z, np.linspace(-2, 2, 5), row)
        mean = float((values * weight).sum())
        sigma = float(np.sqrt(((values - mean) ** 2 * weight).sum()))
        assert table.moments("set", g) == pytest.approx((mean, sigma), rel=1e-6)
        assert table.moments("reset", g) == pytest.approx((-mean, sigma), rel=1e-6)
    curve = StepCurve(0.0, 2e-4, (1e-6, 3e-6, 2e-6), (0.0, 1e-6, 0.0), (1e-7, 2e-7, 3e-7), (0.0, 0.0, 4e-7))
    assert curve.moments("set", 5e-5) == pytest.approx((2e-6, 1.5e-7))
    assert curve.moments("reset", 1.5e-4) == pytest.approx((0.5e-6, 2e-7))
    assert curve.moments("set", 1e-3) == pytest.approx((2e-6, 3e-7))
    with pytest.raises(PulsetrainError, match="Polarity must be one of reset, set, not 'up'"):
        curve.moments("up", 0.0)


def test_mean_steps_of_parameters() -> None:
    even = ArrayParameters(step_set=1e-6, step_reset=3e-6, write_noise=3e-6, write_noise_relative=4.0)
    assert (even.mean_step("set"), even.mean_step("reset", 1e-6)) == (1e-6, 3e-6)
    assert even.step_noise("set") == pytest.approx(5e-6)
    bent = even.replace(bounds="soft", write_noise_relative=0.0)
    assert bent.mean_step("set", 300e-6) == pytest.approx(0.5e-6)
    assert bent.mean_step("reset", 300e-6) == pytest.approx(4.5e-6)
    assert bent.mean_step("set", 500e-6) == 0
    assert bent.step_noise("set", 300e-6) == 3e-6
    for wrong in ("SET", "form"):
        with pytest.raises(PulsetrainError, match="Polarity must be one of reset, set, not"):
            even.mean_step(wrong)


def test_the_threshold_is_the_mean_step_at_weight_0() -> None:
    """Section 13."""
    for name, threshold in {"reram-es": 0.00135 * (1.09722 + 1.47525) / 2, "reram-sb": 0.002}.items():
        with ModelTile(CONFIGS["tiny"], device=preset(name)) as tile:
            assert tile.threshold_weight == pytest.approx(threshold, rel=1e-3)


def test_the_table_of_taox_is_complete() -> None:
    path = Path(__file__).parents[2] / "model" / "pulsetrain" / "device" / "preset_data" / "taox.toml"
    table = StepTable(**tomllib.loads(path.read_text()))
    assert (len(table.set_delta), len(table.set_delta[0])) == (129, 33)
    assert all(list(row) == sorted(row) for rows in (table.set_delta, table.reset_delta) for row in rows)
