"""Decisions: exact means, edges and the statistics of whole tiles."""

from __future__ import annotations

import numpy as np
import pytest
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.controller import GoldenController
from pulsetrain.controller.decision import decide


@pytest.mark.parametrize("t", range(1, 9))
def test_mean_over_all_words_is_exact(t: int) -> None:
    """Over all 2^8 words, Σ n'·2^t = m·2^8 for every delta of 8 bits."""
    words = np.arange(256, dtype=np.uint8)
    for delta in range(-128, 128):
        counts, saturated = decide(np.full(256, delta, np.int16), words, threshold_log2=t, max_pulses=255)
        assert int(counts.sum(dtype=np.int64)) * 2**t == delta * 256
        assert saturated == 0


def test_saturation_counts_cells_above_the_limit() -> None:
    words = np.zeros(3, np.uint16)
    deltas = np.array([12288, 12289, -32768], np.int16)
    counts, saturated = decide(deltas, words, threshold_log2=12, max_pulses=3)
    assert counts.tolist() == [3, 3, -3]
    assert saturated == 2


def test_shape_and_type_are_kept() -> None:
    counts, _ = decide(np.zeros((3, 4), np.int32), np.zeros((6, 2), np.uint32), threshold_log2=1, max_pulses=1)
    assert counts.shape == (3, 4)
    assert counts.dtype == np.int16


@pytest.mark.parametrize("delta", [1, 7, 41, 4095, 4097, 9000])
def test_mean_of_pulses(delta: int) -> None:
    """Mean pulses of 10^7 decisions: m/2^t within 4 standard deviations of a binomial count."""
    config = CONFIGS["wide"]
    controller = GoldenController(config, ControllerSettings(threshold_log2=12), 2024)
    deltas = np.where(np.arange(config.cells).reshape(config.rows, config.columns) % 2, delta, -delta)
    deltas = deltas.astype(np.int16)
    requests = 10**7 // config.cells + 1
    pulses = sum(int(np.abs(controller.update(deltas).counts).sum(dtype=np.int64)) for _ in range(requests))
    decisions, rest = requests * config.cells, delta % 4096 / 4096
    assert abs(pulses - decisions * delta / 4096) <= 4 * np.sqrt(decisions * rest * (1 - rest))


def test_polarities_fire_alike() -> None:
    """SET and RESET of the same magnitude fire equally often: their difference within 4 standard deviations."""
    config = CONFIGS["wide"]
    controller = GoldenController(config, ControllerSettings(), 7)
    deltas = np.where(np.arange(config.cells).reshape(config.rows, config.columns) % 2, 400, -400)
    difference, fired = 0, 0
    for _ in range(40):
        counts = controller.update(deltas).counts
        difference += int(counts.sum(dtype=np.int64))
        fired += int(np.count_nonzero(counts))
    assert abs(difference) <= 4 * np.sqrt(fired)
