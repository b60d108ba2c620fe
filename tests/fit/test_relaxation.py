from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pulsetrain.fit.device import Fit, fit_device, read_inputs

from tests.fit.fit_data import write_relaxation, write_tables


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> Fit:
    return fit_device(read_inputs([write_relaxation(tmp_path_factory.mktemp("relaxation") / "made.tsv")]))


def test_mean_and_spread_are_met_at_every_time_and_state(fit: Fit) -> None:
    assert [item.time for item in fit.times] == [0.1, 10.0]
    for item in fit.times:
        assert item.mean_error < 0.05
        assert item.sd_error < 0.03
        assert item.ks < 0.03
    for item in fit.states:
        assert item.model_mean == pytest.approx(item.measured_mean, abs=0.15 * item.measured_sd)
        assert item.sd_error < 0.1


def test_tails_and_correlation_are_those_that_made_the_data(fit: Fit) -> None:
    relaxation = fit.device.parameters.relaxation
    assert relaxation is not None
    assert relaxation.times == (0.1, 10.0)
    assert relaxation.correlation[0] == pytest.approx(0.6, abs=0.04)
    assert fit.relaxation_curves is not None
    measured, model = fit.relaxation_curves.measured, fit.relaxation_curves.model
    np.testing.assert_allclose(model[:, [0, -1]], measured[:, [0, -1]], rtol=0.12)


def test_intervals_hold_the_measured_values(fit: Fit) -> None:
    for item in fit.findings:
        assert item.low is not None
        assert item.high is not None
        assert item.low < item.value < item.high
    assert len(fit.findings) == 5


def test_what_the_series_does_not_tell_is_said(fit: Fit) -> None:
    for words in ("steps of pulses: none were measured", "relaxation before 0.1 s", "after 10 s: it is held"):
        assert any(words in line for line in fit.missing), words


def test_tables_and_a_series_give_one_device(tmp_path: Path, fit: Fit) -> None:
    both = fit_device(read_inputs([*write_tables(tmp_path), write_relaxation(tmp_path / "made.tsv")]))
    assert both.device.parameters.relaxation == fit.device.parameters.relaxation
    assert both.device.parameters.table is not None
    assert both.device.parameters.g_min <= 5.1e-6
    assert both.device.parameters.g_max >= 90e-6
    assert both.share_met("set") == both.share_met("reset") == 1
    assert [item.sd_error < 0.03 for item in both.times] == [True, True]


def test_cells_measured_at_one_time_only_have_no_correlation(tmp_path: Path) -> None:
    rows = write_relaxation(tmp_path / "all.tsv", 300).read_text().splitlines()
    apart = [row for row in rows if float(row.split("\t")[6]) != (0.1 if int(row.split("\t")[0]) % 2 else 10.0)]
    (tmp_path / "apart.tsv").write_text("\n".join(apart))
    found = fit_device(read_inputs([tmp_path / "apart.tsv"]))
    assert found.device.parameters.relaxation is not None
    assert found.device.parameters.relaxation.correlation == (0.0,)
    assert "correlation between 0.1 s and 10 s: 0 cells were measured at both; 0 is assumed" in found.missing
