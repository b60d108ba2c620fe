from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError
from pulsetrain.tiles import verified
from pulsetrain.tiles.model import ModelTile
from pulsetrain.tiles.reports import TileCounters, UpdateReport
from pulsetrain.training.rules import RULES, named_rule

CONFIG = CONFIGS["macro32"]
QUIET = ArrayParameters(read_noise=0.0)
SHAPE = (CONFIG.rows, CONFIG.columns)


def steps(seed: int = 1, size: float = 0.002) -> NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    step = generator.normal(scale=size, size=SHAPE)
    step[:, ::3] = 0.0
    return step


def changed(rule: str, step: NDArray[np.float64]) -> tuple[NDArray[np.float64], UpdateReport, TileCounters]:
    with ModelTile(CONFIG, seed=3) as tile:
        before = tile.weights()
        report = named_rule(rule).apply(tile, step)
        return tile.weights() - before, report, tile.counters


def test_ideal_writes_every_step_exactly() -> None:
    step = steps()
    change, report, counters = changed("ideal", step)
    assert np.abs(change - step).max() <= 0.51e-12 / 80e-6  # the grid of 1 pS
    assert report.cells_written == np.count_nonzero(step)
    assert counters.decisions == 0


def test_every_step_writes_every_step_with_noise() -> None:
    step = steps()
    change, report, counters = changed("every-step", step)
    noise = (change - step)[step != 0.0]
    assert 0.022 < noise.std() < 0.028  # σ = 2 µS = 0.025 weight units, 680 samples
    assert abs(noise.mean()) < 0.004
    assert report.cells_written == np.count_nonzero(step)
    assert counters.decisions == 0


@pytest.mark.parametrize("rule", ["every-step", "ideal", "eapu"])
def test_zero_steps_change_nothing(rule: str) -> None:
    step = steps(size=0.05)
    change, _, _ = changed(rule, step)
    assert not change[step == 0.0].any()
    assert change[step != 0.0].any()


def test_eapu_asks_the_controller_and_writes_few_cells() -> None:
    step = np.full(SHAPE, 0.0025)  # a tenth of the threshold
    change, report, counters = changed("eapu", step)
    assert counters.decisions == CONFIG.cells
    assert report.cells_written == np.count_nonzero(change)
    assert 60 < report.cells_written < 150  # 102 expected, σ = 9.6
    assert report.pulses_reset == 0


def test_only_eapu_uses_the_controller() -> None:
    assert [name for name, rule in RULES.items() if rule.uses_controller] == ["eapu", "eapu-verified"]
    assert [name for name, rule in RULES.items() if rule.verified] == ["eapu-verified"]


def test_verified_writes_land_within_half_a_code() -> None:
    """The same decisions as open loop, but a cell moves by its threshold up to what a code resolves, not by ± noise."""
    settings = verified(ControllerSettings(), CONFIG, QUIET, 0.025)
    step = np.full(SHAPE, 0.0025)
    with ModelTile(CONFIG, settings, Device("test", parameters=QUIET), seed=3) as tile:
        report = named_rule("eapu-verified").apply(tile, step)
        change = tile.weights()
    _, open_loop, _ = changed("eapu", step)
    assert report.cells_set == open_loop.cells_set
    assert report.verified == report.cells_written
    assert np.abs(change[change != 0.0] - 0.025).max() <= 0.5 * 0.025 * (1 + 1e-9)
    assert report.pulses_set > report.cells_set


def test_rejects_unknown_name() -> None:
    names = "eapu, eapu-verified, every-step, ideal"
    with pytest.raises(PulsetrainError, match=f"Rule must be one of {names}, not 'tiki-taka'"):
        named_rule("tiki-taka")
