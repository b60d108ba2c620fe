"""Devices of the golden array: soft bounds, stuck and fresh cells, and pulses of closed loops through the port."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np
import pytest
from pulsetrain.array.crossbar import CrossbarArray, CutPulse
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import Polarity
from pulsetrain.contract.settings import ControllerSettings, LineSettings
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError
from pulsetrain.numerics.noise import philox, uniforms
from pulsetrain.numerics.quantiles import normal_quantile

CONFIG = ControllerConfig(rows=6, columns=70, lanes=1)
SETTINGS = ControllerSettings(
    set_cycles=10,
    reset_cycles=20,
    form_cycles=40,
    set_lines=LineSettings(bit_code=100, source_code=3),
    reset_lines=LineSettings(bit_code=5, source_code=50),
    form_lines=LineSettings(bit_code=200),
)
SET, RESET, FORM = 1, 2, 4
NOMINAL = {SET: (10, 100), RESET: (20, 50), FORM: (40, 200)}
FRESH = ArrayParameters(fresh=True)


def array(parameters: ArrayParameters, seed: int = 11) -> CrossbarArray:
    return CrossbarArray(6, 70, parameters, seed)


def mask(*columns: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """A slot's columns, a bit each."""
    return np.array([sum(1 << c % 64 for c in columns if c // 64 == word) for word in range(2)], np.uint64)


def probability(low: int, high: int) -> float:
    """The uniform p of section 12 from two words."""
    return float(((high << 32 | low) // 2**12 + 0.5) * 2.0**-52)


class PlainCells:
    """Section 12 for closed loops, cell by cell in plain Python."""

    def __init__(self, made: CrossbarArray) -> None:
        self.par, self.seed, self.operation = made.parameters, made.seed, made.operation
        self.g = {(i, j): int(made.conductance[i, j]) for i in range(made.rows) for j in range(made.columns)}
        self.fresh = dict.fromkeys(self.g, made.parameters.fresh)
        self.index = dict.fromkeys(self.g, 0)
        self.columns, self.hits = made.columns, 0

    def pulse(self, operation: int, row: int, cycles: int, level: int, columns: list[int]) -> None:
        par = self.par
        low, high = round(par.g_min * 1e12), round(par.g_max * 1e12)
        for column in columns:
            at, cell = (row, column), row * self.columns + column
            self.index[at] += 1
            key = (self.seed & 0xFFFFFFFF, self.seed >> 32)
            x = philox((cell, self.index[at], self.operation & 0xFFFFFFFF, self.operation >> 32), key)
            stuck = philox((cell, 2**32 - 1, 0, 0), key)
            if probability(stuck[0], stuck[1]) < par.stuck_share:
                continue
            sigma = par.write_noise * 1e12
            if self.fresh[at]:
                if operation != FORM or probability(x[0], x[1]) >= par.form_yield:
                    continue
                self.fresh[at] = False
                target = round(round(par.g_formed * 1e12) + sigma * normal_quantile(probability(x[2], x[3])))
            else:
                step, g = float(round((par.step_reset if operation == RESET else par.step_set) * 1e12)), self.g[at]
                if par.bounds == "soft":
                    middle = (low + high) / 2
                    step = step * ((g - low) / (middle - low) if operation == RESET else (high - g) / (high - middle))
                width, nominal = NOMINAL[operation]
                step = step if level == nominal else step * level / nominal
                step = step if cycles == width else step * cycles / width
                z = normal_quantile(probability(x[0], x[1]))
                target = g + round((-step if operation == RESET else step) + sigma * z)
            self.hits += not low <= target <= high
            self.g[at] = min(max(target, low), high)


@pytest.mark.parametrize(
    "parameters",
    [
        ArrayParameters(),
        ArrayParameters(noise_per="step", g_min=195e-6, g_max=207e-6),
        ArrayParameters(bounds="soft", g_max=300e-6, stuck_share=0.2),
        ArrayParameters(fresh=True, g_max=90e-6, g_reference=45e-6, form_yield=0.5, bounds="soft"),
    ],
    ids=["plain", "narrow", "soft and stuck", "fresh"],
)
def test_pulses_of_closed_loops_follow_the_specification(parameters: ArrayParameters) -> None:
    """Random pulses of all operations, lengths and levels, through Python and C, over two operations."""
    seed = 0x1234567890ABCDEF
    made, c_side = array(parameters, seed), array(parameters, seed)
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_uint32] * 4, ctypes.c_void_p)
    pulse, context = function(c_side.port.pulse), c_side.port.context
    rng, hits, first = np.random.default_rng(5), 0, np.zeros((6, 70), np.int64)
    for number in range(2):
        made.begin_operation(CONFIG, SETTINGS)
        c_side.begin_operation(CONFIG, SETTINGS)
        expected = PlainCells(made)
        expected.fresh = {at: bool(made.fresh[at]) for at in expected.fresh}
        for _ in range(60):
            operation, row = (SET, RESET, FORM)[rng.integers(3)], int(rng.integers(6))
            width, nominal = NOMINAL[operation]
            cycles = int(rng.choice([width, width, 1, 7, 3 * width]))
            level = int(rng.choice([nominal, nominal, 0, 33, 255]))
            columns = sorted(int(c) for c in rng.choice(70, int(rng.integers(1, 20)), replace=False))
            expected.pulse(operation, row, cycles, level, columns)
            words = mask(*columns)
            made.pulse(operation, row, cycles, level, words)
            pulse(context, operation, row, cycles, level, words.ctypes.data)
        made.end_operation()
        c_side.end_operation()
        hits += expected.hits
        wanted = np.array([*expected.g.values()]).reshape(6, 70)
        assert np.array_equal(made.conductance, wanted)
        assert np.array_equal(c_side.conductance, wanted)
        assert np.array_equal(made.fresh.ravel(), [*expected.fresh.values()])
        assert (made.operation, made.window_hits, c_side.window_hits) == (number + 1, hits, hits)
        assert made.pulsed_cells() == sum(count > 0 for count in expected.index.values())
        assert not np.array_equal(wanted, first)
        first = wanted


def test_a_share_of_one_changes_no_bit() -> None:
    """Soft bounds make steps that are no integers: (step · v)/v could differ in the last place."""
    whole = array(ArrayParameters(bounds="soft", write_noise=0, step_set=1.234567e-6, g_max=333e-6))
    loop = array(whole.parameters)
    counts = np.zeros((6, 70), np.int16)
    counts[1, :] = np.arange(70)
    whole.apply_pulses(counts)
    loop.begin_operation(CONFIG, SETTINGS)
    for k in range(1, 70):
        loop.pulse(SET, 1, 10, 100, mask(*range(k, 70)))
    loop.end_operation()
    assert np.array_equal(whole.conductance, loop.conductance)


def test_closed_loop_pulses_draw_the_noise_of_open_ones() -> None:
    """The same pulses in the same operation, whole ones: the same conductances (noise per pulse)."""
    whole, loop = array(ArrayParameters()), array(ArrayParameters())
    counts = np.zeros((6, 70), np.int16)
    counts[2, 3], counts[2, 69] = 3, -2
    whole.apply_pulses(counts)
    loop.begin_operation(CONFIG, SETTINGS)
    for columns in ((3,), (3,), (3,)):
        loop.pulse(SET, 2, 10, 100, mask(*columns))
    for columns in ((69,), (69,)):
        loop.pulse(RESET, 2, 20, 50, mask(*columns))
    loop.end_operation()
    assert np.array_equal(whole.conductance, loop.conductance)


def test_soft_bounds_slow_down_towards_the_bound() -> None:
    """Without noise G_max − G shrinks by a factor per pulse: after n pulses (1 − step/(G_max − M))^n of it is left."""
    made = array(ArrayParameters(bounds="soft", write_noise=0))
    counts = np.zeros((6, 70), np.int16)
    counts[0, 0], counts[0, 1], counts[0, 2] = 1, 50, -50
    made.apply_pulses(counts)
    assert made.conductance[0, 0] == 202_000_000  # as given at mid-range
    left = 200e6 * 0.99**50
    assert made.conductance[0, 1] == pytest.approx(400e6 - left, abs=50)
    assert made.conductance[0, 2] == pytest.approx(left, abs=50)
    made.conductance[0, :2] = 400_000_000, 0
    made.apply_pulses(np.where(np.arange(70) < 1, 9, np.where(np.arange(70) < 2, -9, 0)) * np.ones((6, 1), np.int64))
    assert made.conductance[0, :2].tolist() == [400_000_000, 0]
    assert made.window_hits == 0


def test_stuck_cells_have_the_stated_share_and_never_change() -> None:
    """5 % of 65,536 cells within 4 standard errors; no pulse, write or cut pulse moves them, programming sets them."""
    made = CrossbarArray(256, 256, ArrayParameters(stuck_share=0.05), 7)
    stuck = made.stuck
    assert abs(stuck.mean() - 0.05) < 4 * math.sqrt(0.05 * 0.95) / 256
    assert np.array_equal(stuck.ravel(), uniforms(7, 0, np.arange(65536), np.full(65536, 2**32 - 1)) < 0.05)
    wanted = np.random.default_rng(1).uniform(-2, 2, (256, 256))
    made.set_weights(wanted)
    before = made.conductance.copy()
    made.apply_pulses(np.full((256, 256), 3, np.int16), CutPulse(9, Polarity.RESET, tuple(range(256)), 1, 2))
    made.write(np.full((256, 256), 5e-6), noise=True)
    config, settings = ControllerConfig(rows=256, columns=256), ControllerSettings()
    made.begin_operation(config, settings)
    for operation in (SET, RESET, FORM):
        made.pulse(operation, 9, 1, 0, np.full(4, 2**64 - 1, np.uint64))
    made.end_operation()
    assert np.array_equal(made.conductance == before, stuck)
    assert not made.window_hits


def test_stuck_cells_follow_the_seed() -> None:
    made, other = (array(ArrayParameters(stuck_share=0.3), seed) for seed in (11, 12))
    assert not np.array_equal(made.stuck, other.stuck)
    other.restore(made.state())
    assert np.array_equal(made.stuck, other.stuck)
    assert array(ArrayParameters(stuck_share=1.0)).stuck.all()
    assert not array(ArrayParameters()).stuck.any()


def test_open_loops_leave_the_noise_of_other_cells_alone() -> None:
    """Dropping stuck cells from a request changes nothing elsewhere."""
    free, some = array(ArrayParameters()), array(ArrayParameters(stuck_share=0.4))
    counts = np.random.default_rng(2).integers(-3, 4, (6, 70))
    cut = CutPulse(1, Polarity.SET, (1, 2, 3, 4, 5, 6, 7, 8), 1, 3)
    free.apply_pulses(counts, cut)
    some.apply_pulses(counts, cut)
    assert np.array_equal(np.where(some.stuck, 200_000_000, free.conductance), some.conductance)
    assert some.stuck[1, 1:9].any()


def test_forming_has_the_stated_yield_and_conductance() -> None:
    """One FORM pulse on 65,536 fresh cells: share and mean within 4 standard errors, σ that of a write."""
    made = CrossbarArray(256, 256, FRESH, 3)
    config = ControllerConfig(rows=256, columns=256)
    assert (made.conductance == 50_000).all()
    made.apply_pulses(np.where(np.arange(256) < 128, 2, -2) * np.ones((256, 1), np.int64))
    assert (made.conductance == 50_000).all()
    assert made.fresh.all()
    made.begin_operation(config, ControllerSettings())
    for row in range(256):
        made.pulse(SET, row, 1, 0, np.full(4, 2**64 - 1, np.uint64))
        made.pulse(FORM, row, 1, 0, np.full(4, 2**64 - 1, np.uint64))
    made.end_operation()
    formed = ~made.fresh
    assert abs(formed.mean() - 0.9273) < 4 * math.sqrt(0.9273 * 0.0727) / 256
    assert (made.conductance[~formed] == 50_000).all()
    g = made.conductance[formed] / 1e6
    assert abs(g.mean() - 75) < 4 * 2 / math.sqrt(g.size)
    assert abs(g.std() - 2) < 4 * 2 / math.sqrt(2 * g.size)


def test_writing_and_programming_form_cells() -> None:
    made = array(FRESH)
    steps = np.zeros((6, 70))
    steps[1, 2] = 1e-6
    made.write(steps, noise=False)
    assert np.argwhere(~made.fresh).tolist() == [[1, 2]]
    assert made.conductance[1, 2] == 1_050_000
    other = array(FRESH)
    other.restore(made.state())
    assert np.array_equal(other.fresh, made.fresh)
    made.set_weights(np.zeros((6, 70)))
    assert not made.fresh.any()
    assert (made.conductance == 200_000_000).all()


def test_an_operation_must_fit_the_array() -> None:
    made = array(ArrayParameters())
    with pytest.raises(PulsetrainError, match="Configuration must be that of the array"):
        made.begin_operation(ControllerConfig(), SETTINGS)
    with pytest.raises(PulsetrainError, match="SET cycles must be an integer between 1 and 65535, not 0"):
        made.begin_operation(CONFIG, SETTINGS.replace(set_cycles=0))
    assert made.operation == 0
