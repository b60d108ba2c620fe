"""The golden controller: what an update takes, replay, and bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.controller import GoldenController
from pulsetrain.errors import PulsetrainError

TINY = CONFIGS["tiny"]


def controller(**changes: int) -> GoldenController:
    return GoldenController(TINY.replace(**changes), ControllerSettings(threshold_log2=8), 5)


def random_deltas(seed: int = 0) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.random.default_rng(seed).integers(-1000, 1000, (8, 8))


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.int64, np.float64])
def test_the_integer_type_does_not_matter(kind: type[np.generic]) -> None:
    deltas = random_deltas()
    if kind is np.float64:
        with pytest.raises(PulsetrainError, match="Deltas must be integers, not float64"):
            controller().update(deltas.astype(kind))
        return
    expected = controller().update(deltas.tolist())
    found = controller().update(np.asfortranarray(deltas.astype(kind)))
    assert np.array_equal(found.counts, expected.counts)
    assert found.counts.dtype == np.int16


def test_every_update_takes_one_word_per_cell() -> None:
    made = controller()
    made.update(np.zeros((8, 8), np.int16))
    assert made.source.steps == TINY.beats == 16


def test_saved_state_goes_on_bit_for_bit() -> None:
    made = controller()
    for seed in range(5):
        made.update(random_deltas(seed))
    state = made.state()
    assert state == {"seed": 5, "steps": 80}
    other = controller()
    other.restore(state)
    for seed in range(3):
        assert np.array_equal(made.update(random_deltas(seed)).counts, other.update(random_deltas(seed)).counts)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"seed": 1}, "Controller state must have seed and steps, not"),
        ({"seed": 0, "steps": 1}, "Seed must be an integer between 1 and"),
        ({"seed": 1, "steps": -1}, "Steps must be an integer between 0 and"),
    ],
)
def test_restore_rejects(state: dict[str, int], message: str) -> None:
    made = controller()
    made.update(random_deltas())
    with pytest.raises(PulsetrainError, match=message):
        made.restore(state)
    assert made.state() == {"seed": 5, "steps": 16}


def test_settings_hold_from_the_next_update_on() -> None:
    made = controller()
    deltas = np.full((8, 8), 700, np.int16)
    assert int(made.update(deltas).counts.max()) == 3
    made.settings = made.settings.replace(max_pulses=1)
    decisions = made.update(deltas)
    assert int(decisions.counts.max()) == 1
    assert decisions.saturated == 64
    with pytest.raises(PulsetrainError, match="Max pulses must be an integer between 1 and 15, not 16"):
        made.settings = made.settings.replace(max_pulses=16)
    assert made.settings.max_pulses == 1


def test_slots_are_made_once_and_counted_without_making_them() -> None:
    decisions = controller().update(random_deltas())
    assert decisions.slot_count == len(decisions.slots())
    assert decisions.slots() is decisions.slots()


@pytest.mark.parametrize("delta_bits", [8, 12, 16, 20, 32])
def test_range_of_deltas(delta_bits: int) -> None:
    made = controller(delta_bits=delta_bits, dac_bits=4)
    limit = 2 ** (delta_bits - 1)
    deltas = np.zeros((8, 8), np.int64)
    deltas[2, 3] = -limit
    deltas[7, 7] = limit - 1
    made.update(deltas)
    for value in (-limit - 1, limit, 2**40):
        deltas[2, 3] = value
        message = f"Delta of row 2, column 3 must be an integer between {-limit} and {limit - 1}, not {value}"
        with pytest.raises(PulsetrainError, match=message):
            made.update(deltas)
    assert made.source.steps == 16


@pytest.mark.parametrize(
    ("deltas", "message"),
    [
        (np.zeros((8, 9), np.int16), r"Deltas must have shape \(8, 8\) \(rows, columns\), not \(8, 9\)"),
        (np.zeros(64, np.int16), r"Deltas must have shape \(8, 8\) \(rows, columns\), not \(64,\)"),
        (np.zeros((8, 8), np.bool_), "Deltas must be integers, not bool"),
        (np.zeros((8, 8), np.complex128), "Deltas must be integers, not complex128"),
        (np.full((8, 8), "1"), "Deltas must be integers, not <U1"),
        ([[1], [1, 2]], "Deltas must be an array with rows of one length, not list"),
        (np.full((8, 8), 2**63, np.uint64), "Delta of row 0, column 0 must be an integer between"),
    ],
)
def test_rejects_deltas(deltas: Any, message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        controller().update(deltas)


@pytest.mark.parametrize(("rows", "columns", "lanes"), [(1, 1, 1), (1, 64, 64), (1024, 1, 1), (3, 1024, 1024)])
def test_extreme_shapes(rows: int, columns: int, lanes: int) -> None:
    config = ControllerConfig(rows=rows, columns=columns, lanes=lanes)
    made = GoldenController(config, ControllerSettings(), 1)
    decisions = made.update(np.full((rows, columns), 4096, np.int16))
    assert (decisions.counts == 1).all()
    assert decisions.slot_count == rows
