"""Verified updates, programming, forming and refreshing: from weights to codes and back, on a model tile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pulsetrain.contract.enumerations import PairPolicy, Ramp
from pulsetrain.contract.settings import ControllerSettings, LineSettings
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError
from pulsetrain.tiles import verified
from pulsetrain.tiles.reports import TileCounters

from tests.tiles.devices import device
from tests.tiles.model_tiles import QUIET, TINY, tile


def test_verified_updates_move_by_the_threshold() -> None:
    """On a device whose RESET is three times its SET, too; the report adds up."""
    skewed = device(write_noise=0.2e-6, read_noise=0, step_set=0.5e-6, step_reset=1.5e-6)
    settings = verified(ControllerSettings(threshold_log2=6), TINY, skewed.parameters, 0.025).replace(try_limit=255)
    made = tile(device=skewed, settings=settings, threshold_weight=0.025)
    deltas = np.zeros((8, 8), np.int16)
    deltas[1, 1], deltas[2, 2], deltas[2, 5] = 64, -128, 64
    report = made.update_deltas(deltas)
    code = 0.025
    assert np.abs(made.weights() - 0.025 * deltas / 64).max() < 0.51 * code
    assert (report.verified, report.unreached, report.unverified) == (3, 0, 0)
    assert report.reads == report.conversions >= 4
    assert report.cells_written == 3
    assert report.pulses_set + report.pulses_reset >= 8
    assert report.slots == len(made.last_slots())
    assert (made.counters.row_reads, made.counters.vectors) == (report.reads, 0)


def test_verified_settings() -> None:
    settings = verified(ControllerSettings(), TINY, ArrayParameters())
    assert (settings.verify, settings.verify_step, settings.verify_full_scale) == (1, 1, 2540)
    four = verified(ControllerSettings(), TINY, ArrayParameters(), 0.1, 4)
    assert (four.verify_step, four.verify_full_scale) == (4, 2540)
    both = verified(ControllerSettings(pair_policy=PairPolicy.BOTH), TINY.replace(lanes=1, pair=1), ArrayParameters())
    assert both.verify_full_scale == 5080
    with pytest.raises(PulsetrainError, match="Step in codes must be an integer between 1 and 127, not 128"):
        verified(ControllerSettings(), TINY, ArrayParameters(), 0.025, 128)
    for threshold in (0.7, 1e-5):
        with pytest.raises(PulsetrainError, match=r"Threshold must be a full scale within 0\.1 % of a whole number"):
            verified(ControllerSettings(), TINY, ArrayParameters(), threshold)
    with pytest.raises(
        PulsetrainError, match=r"Verify step must be within 0\.1 % of the threshold of 0\.025 weight units"
    ):
        tile(settings=settings.replace(verify_full_scale=2550))
    assert tile(settings=settings.replace(verify_full_scale=2541)).settings.verify


@pytest.mark.parametrize(
    ("policy", "threshold"), [(PairPolicy.SET_ONLY, 0.025), (PairPolicy.RESET_ONLY, 0.05), (PairPolicy.BOTH, 0.075)]
)
def test_default_threshold_of_pairs(policy: PairPolicy, threshold: float) -> None:
    made = tile(
        config=TINY.replace(pair=1),
        settings=ControllerSettings(threshold_log2=6, pair_policy=policy),
        device=QUIET.changed(step_reset=4e-6),
    )
    assert made.threshold_weight == pytest.approx(threshold)
    assert (made.columns, made.conductances().shape) == (4, (8, 8))
    made.update(np.full((8, 4), threshold))
    assert np.allclose(made.weights(), threshold)


def test_programming_reaches_targets() -> None:
    made = tile(settings=ControllerSettings(program_tolerance=1, try_limit=255), device=device(read_noise=0))
    targets = np.linspace(-1.5, 1.5, 64).reshape(8, 8)
    chosen = np.ones((8, 8), np.bool_)
    chosen[3, :5] = False
    report = made.program(targets, chosen=chosen)
    code = 0.025
    assert np.array_equal(report.left_alone, ~chosen)
    assert report.reached == 1.0
    assert np.abs(made.weights() - targets)[chosen].max() <= 2.01 * code
    assert np.abs(report.weights - targets)[chosen].max() <= 2.01 * code
    assert np.allclose(report.weights, 0.025 * report.codes, rtol=1e-12)
    assert not made.weights()[~chosen].any()
    assert (report.verified, report.unreached) == (chosen.sum(), 0)
    assert report.pulses == report.pulses_set + report.pulses_reset
    assert report.cells_written == np.count_nonzero(report.tries) > 50
    assert report.tries.max() > 20
    assert report.slots == len(made.last_slots())
    assert (made.counters.programs, made.counters.updates, made.counters.row_reads) == (1, 0, report.reads)
    assert made.program(targets, chosen=np.zeros((8, 8), np.bool_)).reached == 1.0


def test_what_is_not_reached_is_told() -> None:
    made = tile(settings=ControllerSettings(try_limit=3))
    targets = np.full((8, 8), -(2**15), np.int16)
    targets[0, 0], targets[1, 1], targets[2, 2] = 60, 200, 0
    report = made.program_codes(targets)
    assert report.failed.nonzero()[0].tolist() == [0, 1]
    assert report.reached == pytest.approx(1 / 3)
    assert report.unreached == 1


def test_forming() -> None:
    fresh = device(fresh=True, read_noise=0, write_noise=0.2e-6)
    made = tile(device=fresh, settings=ControllerSettings(verify_full_scale=25400))
    assert made.update(np.full((8, 8), 0.1)).pulses_set > 64
    assert (made.weights() < -2.49).all()
    report = made.form(np.full((8, 8), -1.7))
    assert report.pulses_form == report.pulses >= 64
    assert report.cells_form == 64
    assert (made.weights() > -1.9).all()
    assert made.counters.pulses_form == report.pulses_form
    assert set(made.last_slots().polarity) == {2}


def test_refreshing() -> None:
    settings = ControllerSettings(refresh_pulses=5, threshold_log2=6, try_limit=255)
    made = tile(config=TINY.replace(pair=1), settings=settings, device=device(read_noise=0))
    for _ in range(40):
        made.update(np.full((8, 4), 0.025))
        made.update(np.full((8, 4), -0.025))
    before, height = made.weights(), made.conductances().mean()
    report = made.refresh()
    assert made.conductances().mean() < height - 5e-6
    assert np.abs(made.weights() - before)[~report.failed].max() < 0.08
    assert report.reached > 0.9


@pytest.mark.parametrize(
    ("changes", "call", "message"),
    [
        (
            {},
            lambda t: t.program(np.full((8, 8), 2.6)),
            "Target of row 0, column 0 must be within the window of -2.5 to",
        ),
        (
            {"settings": ControllerSettings(verify_full_scale=254)},
            lambda t: t.program(np.full((8, 8), 0.4)),
            "column 0 must be within the 127 codes of the converters at verify_full_scale, not 0.4",
        ),
        ({}, lambda t: t.program(np.full((8, 8), np.nan)), "Weights must be finite, not nan"),
        ({}, lambda t: t.program(np.zeros((8, 8)), chosen=np.ones(8)), r"Chosen weights must be bool \(8, 8\), not"),
        ({}, lambda t: t.program_codes(np.zeros((8, 8))), "Targets must be integers, not float64"),
        ({}, lambda t: t.program_codes(np.zeros((8, 9), np.int16)), r"Targets must have shape \(8, 8\)"),
        ({}, lambda t: t.program_codes(np.full((8, 8), 32768)), "Targets must be between -32768 and 32767, not 32768"),
        ({}, lambda t: t.refresh(), "Refreshing must be done in pair mode"),
        (
            {"config": TINY.replace(pair=1)},
            lambda t: t.form(np.zeros((8, 4))),
            "Forming must be done in a configuration of single devices",
        ),
        (
            {"config": TINY.replace(pair=1), "settings": ControllerSettings(pair_policy=PairPolicy.BOTH)},
            lambda t: t.refresh(),
            "Pair policy must be SET_ONLY or RESET_ONLY for refreshing, not BOTH",
        ),
        (
            {"settings": ControllerSettings(ramp=Ramp.LEVEL, set_lines=LineSettings(bit_code=3))},
            lambda t: t.program(np.zeros((8, 8))),
            "RESET source code must be at least 1 with a ramp of levels, not 0",
        ),
        (
            {"settings": ControllerSettings(ramp=Ramp.LEVEL)},
            lambda t: t.form(np.zeros((8, 8))),
            "FORM bit code must be at least 1 with a ramp of levels, not 0",
        ),
    ],
)
def test_rejects_programming(changes: dict[str, Any], call: Any, message: str) -> None:
    made = tile(**changes)
    with pytest.raises(PulsetrainError, match=message):
        call(made)
    assert made.counters == TileCounters()
    assert (made.array.operation, made.array.reads) == (0, 0)
