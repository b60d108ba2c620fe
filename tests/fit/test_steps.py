"""Fits of steps, from tables and from pulses, simulated back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pulsetrain.device import Spread
from pulsetrain.errors import PulsetrainError
from pulsetrain.fit.device import Fit, fit_device, read_inputs

from tests.fit.fit_data import device, pulse_lines, write_pulses, write_tables


@pytest.fixture(scope="module")
def of_tables(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    return fit_device(read_inputs(write_tables(tmp_path_factory.mktemp("tables"))))


@pytest.fixture(scope="module")
def of_pulses(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    parameters = device(
        fail_set=0.05, fail_reset=0.02, stuck_share=0.1, spread=Spread(step_set=0.2, step_reset=0.1, step_both=0.2)
    )
    path = write_pulses(tmp_path_factory.mktemp("pulses") / "made.csv", parameters, 100, 120)
    return fit_device(read_inputs([path]))


def value(fit: Fit, name: str) -> tuple[float, float, float]:
    found = next(item for item in fit.findings if item.name == name)
    assert found.low is not None
    assert found.high is not None
    return found.value, found.low, found.high


def test_tables_are_met_in_every_bin(of_tables: Fit) -> None:
    assert len(of_tables.bins) == 2 * 21
    assert max(item.ks for item in of_tables.bins) < 0.04
    for item in of_tables.bins:
        shape = 4e-6 * 2 / 3 - 0.5e-6  # mean of sqrt(u), u uniform
        wanted = shape * (1.2 - item.conductance / 1e-4) if item.polarity == "set" else -shape * (
            0.2 + item.conductance / 1e-4
        )  # fmt: skip
        assert item.model_mean == pytest.approx(wanted, rel=0.05)
        assert item.model_sd == pytest.approx(item.measured_sd, rel=0.05)


def test_window_and_scale_follow_the_tables(of_tables: Fit) -> None:
    parameters = of_tables.device.parameters
    assert parameters.table is not None
    assert (parameters.table.low, parameters.table.high) == (10e-6, 90e-6)
    assert parameters.g_min <= 10e-6 - 3.5e-6 * 0.3
    assert parameters.g_max >= 90e-6 + 3.5e-6 * 0.3
    assert parameters.g_reference == pytest.approx(50e-6)
    assert parameters.siemens_per_weight == pytest.approx(40e-6 / 2.5)
    assert any("does not tell cells apart" in line for line in of_tables.missing)
    assert any("nothing was measured at times after a write" in line for line in of_tables.missing)


def test_a_curve_has_mean_and_spread_of_the_tables(of_tables: Fit) -> None:
    fit = fit_device(of_tables.inputs, form="curve", weight_range=1.0)
    curve = fit.device.parameters.curve
    assert curve is not None
    inside = [item for item in fit.bins if 15e-6 < item.conductance < 85e-6]  # elsewhere the window cuts normal tails
    for item in inside:
        assert item.model_mean == pytest.approx(item.measured_mean, abs=0.05 * item.measured_sd)
        assert item.model_sd == pytest.approx(item.measured_sd, rel=0.05)
    assert fit.device.parameters.siemens_per_weight == pytest.approx(40e-6)


def test_pulses_give_back_what_made_them(of_pulses: Fit) -> None:
    parameters = of_pulses.device.parameters
    assert parameters.table is not None
    for name, truth in (("failed SET pulses", 5.0), ("failed RESET pulses", 2.0), ("stuck cells", 10.0)):
        _, low, high = value(of_pulses, name)
        assert low * 0.9 <= truth <= high * 1.1, name
    assert parameters.spread is not None
    whole = np.hypot(parameters.spread.step_set, parameters.spread.step_both)
    assert whole == pytest.approx(np.hypot(0.2, 0.2), rel=0.25)
    assert parameters.spread.step_both == pytest.approx(0.2, abs=0.07)
    for polarity, step, sign in (("set", 3e-6, 1), ("reset", 2e-6, -1)):
        for g in (35e-6, 50e-6, 65e-6):
            share = (100e-6 - g if sign > 0 else g) / 50e-6
            assert parameters.mean_step(polarity, g) == pytest.approx(step * share, rel=0.15)
            assert parameters.step_noise(polarity, g) == pytest.approx(1e-6, rel=0.15)


def test_pulses_alike_are_met_within_the_wanted_distance(tmp_path: Path) -> None:
    fit = fit_device(read_inputs([write_pulses(tmp_path / "alike.csv", device(), 60, 400)]))
    near = [item.ks <= 0.05 for item in fit.bins]
    assert sum(near) >= 0.9 * len(near)
    spread = fit.device.parameters.spread
    assert spread is None or max(spread.step_set, spread.step_reset, spread.step_both) < 0.05


def test_few_pulses_give_a_curve(tmp_path: Path) -> None:
    fit = fit_device(read_inputs([write_pulses(tmp_path / "few.csv", device(), 4, 120)]))
    parameters = fit.device.parameters
    assert parameters.table is None
    assert parameters.curve is not None
    assert parameters.step_noise("set") == pytest.approx(1e-6, rel=0.3)
    assert any(line.startswith("device-to-device spread of the steps: it takes 5 cells") for line in fit.missing)
    assert any("all pulses of a polarity are alike" in line for line in fit.missing)
    with pytest.raises(PulsetrainError, match=r"must be at least 400 of each polarity for a table \(200 .*\), not 240"):
        fit_device(fit.inputs, form="table")


def test_one_cell_has_no_intervals(tmp_path: Path) -> None:
    fit = fit_device(read_inputs([write_pulses(tmp_path / "one.csv", device(), 1, 400)]))
    assert all(item.low is None for item in fit.findings if item.name != "stuck cells")
    assert any(line.startswith("confidence intervals: cells are drawn again") for line in fit.missing)


def test_cells_that_never_change_cannot_be_fitted(tmp_path: Path) -> None:
    path = write_pulses(tmp_path / "stuck.csv", device(stuck_share=1.0), 10, 60)
    with pytest.raises(PulsetrainError, match=r"must be at least 60 SET pulses of cells that change, not"):
        fit_device(read_inputs([path]))
    one = ["c,0,SET,1e-7,1,5e-05,6e-05", "c,0,RESET,1e-7,1,5e-05,4e-05"] * 100
    (tmp_path / "same.csv").write_text("\n".join([pulse_lines(device(), 1, 1)[0], *one]))
    with pytest.raises(PulsetrainError, match=r"Conductances before the pulses must differ by at least 1e-09 S, not 0"):
        fit_device(read_inputs([tmp_path / "same.csv"]))


def test_the_seed_decides_the_intervals(tmp_path: Path) -> None:
    inputs = read_inputs([write_pulses(tmp_path / "few.csv", device(), 4, 120)])
    fit, again, other = fit_device(inputs), fit_device(inputs), fit_device(inputs, seed=2)
    assert again.device == fit.device
    assert again.findings == fit.findings
    assert again.bins == fit.bins
    assert other.findings != fit.findings
    assert other.device.parameters == fit.device.parameters
