"""Pulses in open loops and writes with all effects of devices, against the specification in plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.array.crossbar import CrossbarArray, CutPulse
from pulsetrain.array.open_loop import apply_range, write_range
from pulsetrain.array.record import begun, due_times, reached
from pulsetrain.contract.enumerations import Polarity
from pulsetrain.device import Drift, Spread
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError
from pulsetrain.numerics.threads import set_threads

from tests.array.plain_array import CASES, RESET, SET, TABLE, WHOLE, PlainArray, same

SEED = 0x9E3779B97F4A7C15


def some_counts(number: int, rows: int = 5, columns: int = 7) -> NDArray[np.int16]:
    rng = np.random.default_rng(number)
    return (rng.integers(-5, 6, (rows, columns)) * (rng.random((rows, columns)) < 0.6)).astype(np.int16)


def plainly(
    plain: PlainArray, counts: NDArray[np.int16], last: Mapping[int, tuple[int, tuple[tuple[int, int], ...]]]
) -> None:
    """One operation in an open loop; ``last``: operation and shares of the pulse cut short, by cell."""
    per_step = plain.par.noise_per == "step"
    taken = []
    for cell, count in enumerate(counts.ravel().tolist()):
        operation = SET if count > 0 else RESET
        for k in range(1, abs(count) + 1):
            draws = k == abs(count) and cell not in last
            plain.pulse(cell, operation, k, noise=(1 if draws else None) if per_step else k)
            taken.append((cell, k, operation))
    for cell, (operation, shares) in last.items():
        k = abs(int(counts.ravel()[cell])) + 1
        plain.pulse(cell, operation, k, shares, noise=1 if per_step else k)
        taken.append((cell, k, operation))
    if plain.par.disturb is not None:
        for cell, k, operation in sorted(taken):
            plain.disturb(cell, k, operation)
    plain.operation += 1


@pytest.mark.parametrize("name", CASES)
def test_follows_the_specification(name: str) -> None:
    """Three operations, one with a pulse cut short, and writes with and without noise in between."""
    made = CrossbarArray(5, 7, ArrayParameters(**CASES[name]), SEED)
    plain = PlainArray(made)
    rng = np.random.default_rng(1)
    for number, polarity in enumerate((None, Polarity.SET, Polarity.RESET)):
        counts = some_counts(number)
        cut, last = None, dict[int, tuple[int, tuple[tuple[int, int], ...]]]()
        if polarity is not None:
            counts[2] = np.abs(counts[2]) * (1 if polarity is Polarity.SET else -1)
            cut = CutPulse(2, polarity, (0, 1, 2, 5), 2, 7)
            shares = (WHOLE[0], (2, 7))
            last = {14 + j: (SET if polarity is Polarity.SET else RESET, shares) for j in cut.columns}
        made.apply_pulses(counts, cut)
        plainly(plain, counts, last)
        assert same(made, plain)
        changes = rng.normal(0, 3e-6, (5, 7)) * (rng.random((5, 7)) < 0.5)
        made.write(changes, noise=number != 1)
        for cell, change in enumerate(changes.ravel().tolist()):
            if change:
                plain.write(cell, change * 1e12, number != 1)
        plain.operation += 1
        assert same(made, plain)
    assert made.operation == plain.operation == 6
    assert plain.hits or "g_min" not in CASES[name]


@pytest.mark.parametrize("name", ["table, endurance, apparent", "time, apparent, fails", "normal spread"])
def test_splitting_and_threads_change_nothing(name: str) -> None:
    """Two halves of the cells, ranges of the list, threads: all give the same conductances."""
    counts = some_counts(3, 128, 96)
    cells, par = np.flatnonzero(counts), ArrayParameters(**CASES[name])
    fired = counts.ravel()[cells]
    serial, threads, ranges, left, right = (CrossbarArray(128, 96, par, SEED) for _ in range(5))
    try:
        set_threads(1)
        hits = serial.apply_fired(cells, fired)
        set_threads(3)
        assert threads.apply_fired(cells, fired) == hits
        for each in (serial, threads):
            each.write(np.full((128, 96), 1e-6), noise=True)
            set_threads(1)
    finally:
        set_threads(None)
    assert np.array_equal(serial.block, threads.block)
    found = np.zeros(1, np.int64)
    ends = [0, 1, 700, 701, 4000, cells.size]
    for first, last in zip(ends[-2::-1], ends[:0:-1], strict=True):
        apply_range(ranges.block, cells, fired, first, last, found)
    assert found[0] == hits
    half = np.arange(96) % 2 == 0
    left.apply_pulses(np.where(half, counts, 0))
    right.apply_pulses(np.where(half, 0, counts))
    assert np.array_equal(np.where(half, left.conductance, right.conductance), ranges.conductance)


def test_many_pulses_at_few_cells() -> None:
    """Counts of 255 run over several batches; zero counts are no pulses."""
    for changes in ({}, {"table": TABLE}, {"noise_per": "step"}, {"bounds": "soft", "spread": Spread(step_set=0.1)}):
        made = CrossbarArray(5, 7, ArrayParameters(**changes), SEED)
        plain, counts = PlainArray(made), np.zeros((5, 7), np.int16)
        counts[0, 0], counts[0, 1], counts[3, 3] = 255, -255, 130
        made.apply_fired(np.array([0, 1, 2, 24]), np.array([255, -255, 0, 130], np.int16))
        plainly(plain, counts, {})
        assert same(made, plain)


def test_a_new_age_begins_with_pulses_that_take() -> None:
    """The clock of the operation, age 0 and the row's due time; not for stuck devices or failed pulses."""
    par = ArrayParameters(drift=Drift(0.01, start=2.0), fail_set=0.5, stuck_share=0.2, operation_time=1.0)
    made = CrossbarArray(5, 7, par, SEED)
    plain, counts = PlainArray(made), np.zeros((5, 7), np.int16)
    counts[1:3] = 1
    for _ in range(5):  # ages of 2 s and more are reached meanwhile
        made.write(np.zeros((5, 7)), noise=False)
    plain.operation = 5
    assert begun(made.block).tolist() == [0] * 35
    plainly(plain, counts, {})
    before, due = reached(made.block)[:35].copy(), due_times(made.block)
    due[1] = 2**63 - 1
    due_before = due.copy()
    apply_range(made.block, np.flatnonzero(counts), counts.ravel()[counts.ravel() != 0], 0, 14, np.zeros(1, np.int64))
    taken = np.array(plain.written) > 0
    assert 0 < taken.sum() < 14
    assert np.array_equal(begun(made.block), np.where(taken, 5_000_000_000, 0))
    assert np.array_equal(reached(made.block)[:35], np.where(taken, 0, before))
    assert before.min() > 0
    assert due.tolist() == [due_before[0], 7_000_000_000, min(due_before[2], 7_000_000_000), *due_before[3:]]


def test_writes_in_ranges_form_and_count() -> None:
    made = CrossbarArray(5, 7, ArrayParameters(fresh=True, count_pulses=True, stuck_share=0.3), SEED)
    plain, cells = PlainArray(made), np.arange(3, 30)
    changes, found = np.full(27, 3e6), np.zeros(1, np.int64)
    write_range(made.block, cells, changes, 10, 27, True, found)
    write_range(made.block, cells, changes, 0, 10, True, found)
    for cell in cells.tolist():
        plain.write(cell, 3e6, True)
    assert found[0] == plain.hits
    plain.hits = made.window_hits
    assert same(made, plain)


@pytest.mark.parametrize("noise", [True, False])
def test_huge_writes_are_cut_to_the_window(noise: bool) -> None:
    made = CrossbarArray(5, 7, ArrayParameters(write_noise_relative=0.1), SEED)
    assert made.write(np.where(np.arange(7) % 2, 1e308, -1e308) * np.ones((5, 1)), noise) == 35
    assert (made.conductance == np.where(np.arange(7) % 2, 400_000_000, 0)).all()


def test_huge_factors_are_cut_to_the_window() -> None:
    """Lognormal factors on the largest step and relative noise: far beyond an integer of 32 bits."""
    spread = Spread(step_set=3.0, step_both=3.0, noise=3.0, law="lognormal")
    made = CrossbarArray(64, 64, ArrayParameters(spread=spread, step_set=2e-3, write_noise_relative=100.0), SEED)
    made.apply_pulses(np.ones((64, 64), np.int16))
    assert made.conductance.min() == 0
    assert made.conductance.max() == 400_000_000


@pytest.mark.parametrize(
    ("cells", "counts", "message"),
    [
        ([0, 1], np.ones(2, np.int16), r"Fired cells must be int64 \(2,\), not \[0, 1\]"),
        (np.array([0, 1], np.int32), np.ones(2, np.int16), r"Fired cells must be int64 \(2,\), not int32 \(2,\)"),
        (np.zeros((1, 1), np.int64), np.ones(1, np.int16), r"Fired cells must be int64 \(1,\), not int64 \(1, 1\)"),
        (np.array([0, 1]), np.ones(3, np.int16), r"Pulse counts of fired cells must be int16 \(2,\), not int16 \(3,\)"),
        (np.array([0, 1]), np.ones(2), r"Pulse counts of fired cells must be int16 \(2,\), not float64 \(2,\)"),
        (np.array([1, 0]), np.ones(2, np.int16), "Fired cells must be ascending and .*, not 0 at position 1"),
        (np.array([1, 1]), np.ones(2, np.int16), "Fired cells must be ascending and between 0 and 34, not 1 at posit"),
        (np.array([3, 35]), np.ones(2, np.int16), "Fired cells must be .* between 0 and 34, not 35 at position 1"),
        (np.array([-1, 3]), np.ones(2, np.int16), "Fired cells must be .* between 0 and 34, not -1 at position 0"),
        (np.array([3]), np.array([256], np.int16), "Pulse counts must have a magnitude of at most 255, not 256"),
    ],
)
def test_rejects_fired_cells(cells: Any, counts: Any, message: str) -> None:
    made = CrossbarArray(5, 7, ArrayParameters(), SEED)
    with pytest.raises(PulsetrainError, match=message):
        made.apply_fired(cells, counts)
    assert made.operation == 0
    assert (made.conductance == 200_000_000).all()


def test_no_cells_are_an_operation() -> None:
    made = CrossbarArray(5, 7, ArrayParameters(), SEED)
    assert made.apply_fired(np.empty(0, np.int64), np.empty(0, np.int16)) == 0
    assert made.operation == 1
