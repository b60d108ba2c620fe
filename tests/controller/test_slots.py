"""Slots: shapes, order, counting back and bad input. The contract itself is compared in test_specification."""

from __future__ import annotations

import numpy as np
import pytest
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.controller.slots import Slots, count_slots, fired_cells, make_slots
from pulsetrain.errors import PulsetrainError

CONFIG = ControllerConfig(rows=4, columns=70, lanes=1)


def test_no_pulses_make_no_slots() -> None:
    counts = np.zeros((4, 70), np.int16)
    slots = make_slots(counts, fired_cells(counts), 70)
    assert len(slots) == len(Slots.none(CONFIG)) == 0
    assert slots.columns.shape == Slots.none(CONFIG).columns.shape == (0, 2)
    assert not slots.counts(CONFIG).any()


def test_types_shapes_and_order() -> None:
    counts = np.zeros((4, 70), np.int16)
    counts[1, [0, 63, 64, 69]] = [1, 2, -1, 1]
    counts[3, 5] = -2
    slots = make_slots(counts, fired_cells(counts), 2)
    assert [str(part.dtype) for part in (slots.row, slots.polarity, slots.columns)] == ["int32", "uint8", "uint64"]
    assert slots.row.tolist() == [1, 1, 1, 1, 3, 3]
    assert slots.polarity.tolist() == [0, 0, 0, 1, 1, 1]
    assert [slots.column_list(i) for i in range(6)] == [[0, 63], [69], [63], [64], [5], [5]]
    assert count_slots(counts, fired_cells(counts), 2) == len(slots) == 6
    assert np.array_equal(slots.counts(CONFIG), counts)


@pytest.mark.parametrize("size", [1, 3, 4, 63, 64, 65, 200, 4096])
@pytest.mark.parametrize("density", [0.0, 0.01, 0.5, 1.0])
def test_fired_cells_are_those_that_numpy_finds(size: int, density: float) -> None:
    rng = np.random.default_rng(size)
    counts = (rng.integers(1, 20, size) * rng.choice([-1, 1], size) * (rng.random(size) < density)).astype(np.int16)
    assert np.array_equal(fired_cells(counts), np.flatnonzero(counts))


@pytest.mark.parametrize("parallel_max", [1, 7, 64, 1000])
def test_slot_number_follows_the_current_budget(parallel_max: int) -> None:
    counts = np.full((4, 1000), 3, np.int16)
    assert count_slots(counts, fired_cells(counts), parallel_max) == 4 * 3 * -(-1000 // parallel_max)


def one_slot(row: int, column: int, words: int = 2) -> Slots:
    columns = np.zeros((1, words), np.uint64)
    columns[0, column // 64] = np.uint64(1 << column % 64)
    return Slots(np.array([row], np.int32), np.zeros(1, np.uint8), columns)


def test_counts_reject_what_lies_outside() -> None:
    assert one_slot(3, 69).counts(CONFIG)[3, 69] == 1
    with pytest.raises(PulsetrainError, match="Slot row must be between 0 and 3, not 4"):
        one_slot(4, 0).counts(CONFIG)
    with pytest.raises(PulsetrainError, match="Slot row must be between 0 and 3, not -1"):
        one_slot(-1, 0).counts(CONFIG)
    with pytest.raises(PulsetrainError, match="Slot column must be between 0 and 69, not 70"):
        one_slot(0, 70).counts(CONFIG)
    with pytest.raises(PulsetrainError, match=r"Slot columns must have shape \(1, 2\), not \(1, 3\)"):
        one_slot(0, 0, words=3).counts(CONFIG)
    form = one_slot(0, 0)
    form.polarity[0] = 2
    with pytest.raises(PulsetrainError, match="Slot polarity must be SET or RESET to be counted, not 2"):
        form.counts(CONFIG)


@pytest.mark.parametrize("parallel_max", [1, 3, 64, 1000])
def test_slots_are_counted_by_rows_polarities_and_pulses(parallel_max: int) -> None:
    """⌈cells of the row and polarity with at least k pulses / parallel_max⌉, summed over k; nothing is written here."""
    rng = np.random.default_rng(parallel_max)
    counts = (rng.integers(-6, 7, (30, 70)) * (rng.random((30, 70)) < 0.3)).astype(np.int16)
    counts[4:7], counts[9, 0], counts[29, 69] = 0, 255, -255
    wanted = sum(
        -(-int((sign * row >= k).sum()) // parallel_max) for row in counts for sign in (1, -1) for k in range(1, 256)
    )
    assert count_slots(counts, fired_cells(counts), parallel_max) == wanted
    assert len(make_slots(counts, fired_cells(counts), parallel_max)) == wanted
