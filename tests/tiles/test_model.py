"""ModelTile and what every tile on the golden array shares: rounding, reports, counters, states, bad input."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.controller import GoldenController
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError
from pulsetrain.numerics.noise import rounded_steps
from pulsetrain.tiles import ModelTile
from pulsetrain.tiles.array_tile import TileSeeds
from pulsetrain.tiles.reports import TileCounters, UpdateReport

from tests.tiles.devices import device
from tests.tiles.model_tiles import TINY, some_steps, tile


def test_update_is_rounding_decision_and_pulses() -> None:
    """The tile adds nothing to its parts: rounding (13), controller (4 to 6), array (12), each from its own seed."""
    made = tile()
    controller = GoldenController(TINY, ControllerSettings(), made.seeds.controller)
    array = CrossbarArray(8, 8, ArrayParameters(), made.seeds.noise)
    for operation in range(5):
        steps = some_steps(operation)
        deltas, clipped = rounded_steps(steps, 4096 / (2e-6 / 80e-6), 32767, made.seeds.rounding, operation)
        decisions = controller.update(deltas)
        hits = array.apply_pulses(decisions.counts)
        counts = decisions.counts
        assert made.update(steps) == UpdateReport(
            cells_set=int((counts > 0).sum()),
            cells_reset=int((counts < 0).sum()),
            pulses_set=int(counts[counts > 0].sum()),
            pulses_reset=-int(counts[counts < 0].sum()),
            saturated=decisions.saturated,
            clipped=clipped,
            slots=decisions.slot_count,
            window_hits=hits,
        )
        assert np.array_equal(made.array.conductance, array.conductance)
        assert np.array_equal(made.last_slots().columns, decisions.slots().columns)
    assert np.array_equal(made.weights(), array.weights())
    assert np.array_equal(made.conductances(), array.conductance / 1e12)


def test_seeds_of_a_tile() -> None:
    state = np.random.SeedSequence(1).generate_state(4, np.uint64)
    assert TileSeeds.of(1) == TileSeeds(0x672D8EE56D6791FF, 0x8AE19CA14EB1072C, 0x4915796D1322FC4A, int(state[3]))
    assert tile(seed=1).seeds == TileSeeds.of(1)
    with pytest.raises(
        PulsetrainError, match="Tile seed must be an integer between 0 and 18446744073709551615, not -1"
    ):
        tile(seed=-1)


@pytest.mark.parametrize("fraction", [0.003, 0.4, 1.0, 2.6])
def test_mean_change_is_the_step(fraction: float) -> None:
    """Mean weight change over 200 updates of 64 × 64 cells: the step, within 4 standard errors, without write noise."""
    quiet = device(write_noise=0, g_max=2e-3)
    made = ModelTile(device=quiet, seed=8)
    step = fraction * made.threshold_weight
    for _ in range(200):
        made.update(np.full((64, 64), step))
    change = made.weights().mean() / 200
    part = fraction % 1
    allowed = 4 * made.threshold_weight * np.sqrt(part * (1 - part) / (200 * 4096) + 1e-12)
    assert abs(change - step) <= allowed + 1e-9


def test_deltas_in_units_of_the_threshold() -> None:
    made = tile(device=device(write_noise=0), settings=ControllerSettings(threshold_log2=6))
    deltas = np.zeros((8, 8), np.int16)
    deltas[1, 1], deltas[2, 2] = 64, -128
    report = made.update_deltas(deltas)
    assert (report.cells_set, report.cells_reset, report.pulses_set, report.pulses_reset) == (1, 1, 1, 2)
    assert report.cells_written == 2
    assert report.slots == len(made.last_slots()) == 3
    assert made.weights()[1, 1] == pytest.approx(0.025)
    assert made.weights()[2, 2] == pytest.approx(-0.05)


def test_threshold_may_be_chosen() -> None:
    made = tile(threshold_weight=0.05, device=device(write_noise=0))
    report = made.update(np.full((8, 8), 0.05))
    assert report.pulses_set == 64
    for value in (0, -1, 1e-310, float("inf"), 10**400):
        with pytest.raises(PulsetrainError, match="Threshold must be a finite number at least 1e-12 weight units, not"):
            tile(threshold_weight=value)


def test_steps_beyond_the_delta_range_are_clipped_and_counted() -> None:
    made = tile()
    steps = np.zeros((8, 8))
    steps[0, 0], steps[1, 1], steps[2, 2] = 1e9, -1e9, 0.01
    assert made.update(steps).clipped == 2
    assert made.counters.clipped == 2


@pytest.mark.parametrize("delta_bits", [8, 16, 24, 32])
def test_all_delta_widths(delta_bits: int) -> None:
    config = TINY.replace(delta_bits=delta_bits, dac_bits=min(8, delta_bits // 2))
    made = tile(config=config, settings=ControllerSettings(threshold_log2=6))
    assert made.update(np.full((8, 8), 0.025)).pulses_set == 64


def test_nothing_asked_for_is_nothing_done() -> None:
    made = tile()
    made.set_weights(some_steps())
    before = made.weights()
    assert made.update(np.zeros((8, 8))) == UpdateReport()
    assert made.write(np.zeros((8, 8)), noise=True) == UpdateReport()
    assert np.array_equal(made.weights(), before)


def test_write_bypasses_the_controller() -> None:
    made = tile()
    steps = np.zeros((8, 8))
    steps[0, :3] = [0.001, -0.002, 0.003]
    report = made.write(steps, noise=False)
    assert np.allclose(made.weights(), steps, rtol=0, atol=1e-8)
    assert (report.cells_set, report.cells_reset, report.pulses_set, report.pulses_reset) == (2, 1, 2, 1)
    assert made.counters.decisions == 0
    assert made.controller.source.steps == 0
    noisy = made.write(np.where(steps, 0.001, 0), noise=True)
    assert noisy.cells_set == 3
    assert np.count_nonzero(made.weights()[0]) == 3
    assert len(made.last_slots()) == 0


def test_set_weights_reports_the_cells_cut() -> None:
    made = tile()
    wanted = np.zeros((8, 8))
    wanted[3, 3] = 2.6
    assert made.set_weights(wanted) == 1
    assert made.weights()[3, 3] == 2.5


def test_counters_add_up() -> None:
    made = tile()
    reports = [made.update(some_steps(seed)) for seed in range(4)] + [made.write(some_steps(9), noise=True)]
    sums = {item.name: sum(getattr(r, item.name) for r in reports) for item in fields(UpdateReport)}
    others = dict.fromkeys(("programs", "cells_form", "pulses_form", "row_reads", "inputs_clipped"), 0)
    assert asdict(made.counters) == {"updates": 5, "decisions": 4 * 64, **others, **sums}


def test_saved_state_goes_on_bit_for_bit(tmp_path: Any) -> None:
    """Through a file, too, from which numbers come back as arrays of no dimension."""
    made = tile()
    for seed in range(3):
        made.update(some_steps(seed))
    state = made.state()
    np.savez(tmp_path / "state.npz", **state)
    with np.load(tmp_path / "state.npz") as stored:
        loaded = dict(stored)
    for source in (state, loaded):
        other = tile()
        other.update(some_steps(7))
        other.restore(source)
        assert len(other.last_slots()) == 0
        again = tile()
        again.restore(source)
        for seed in range(3):
            assert other.update(some_steps(seed)) == again.update(some_steps(seed))
        assert np.array_equal(other.weights(), again.weights())
        assert other.counters == again.counters
    for seed in range(3):
        made.update(some_steps(seed))
    assert np.array_equal(made.weights(), other.weights())
    assert made.counters == other.counters


def test_a_state_is_a_copy() -> None:
    made = tile()
    state = made.state()
    made.update(some_steps(1, 0.1))
    assert (state["array_conductance"] == 200_000_000).all()
    assert state["count_updates"] == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tile_seed": 4}, "Tile seed of the state must be 3, not 4"),
        ({"random_seed": 0}, "Random seed must be an integer between 1 and"),
        ({"random_steps": -1}, "Random steps must be an integer between 0 and"),
        ({"count_slots": -1}, "Count of slots must be an integer between 0 and 4611686018427387904, not -1"),
        ({"array_conductance": np.zeros((8, 9), np.int32)}, "Conductance of an array state must be int32"),
    ],
)
def test_restore_rejects(changes: dict[str, Any], message: str) -> None:
    made = tile()
    made.update(some_steps())
    before = made.state()
    with pytest.raises(PulsetrainError, match=message):
        made.restore(before | changes)
    after = made.state()
    for name in ("array_conductance", "array_fresh"):
        assert np.array_equal(after.pop(name), before.pop(name))
    assert after == before


def test_restore_rejects_an_incomplete_state() -> None:
    state = tile().state()
    del state["random_steps"]
    with pytest.raises(PulsetrainError, match="Tile state must have random_steps, not only array_clipped, array_con"):
        tile().restore(state)


BAD_STEPS = [
    (np.zeros((8, 9)), r"must have shape \(8, 8\) \(rows, columns\), not \(8, 9\)"),
    (np.zeros(64), r"must have shape \(8, 8\) \(rows, columns\), not \(64,\)"),
    (np.zeros((8, 8), np.complex128), "must be real numbers, not complex128"),
    (np.zeros((8, 8), np.bool_), "must be real numbers, not bool"),
    (np.full((8, 8), None), "must be real numbers, not object"),
    (np.where(np.arange(64).reshape(8, 8) == 21, np.nan, 0.0), "must be finite, not nan at row 2, column 5"),
    (np.where(np.arange(64).reshape(8, 8) == 63, -np.inf, 0.0), "must be finite, not -inf at row 7, column 7"),
]


@pytest.mark.parametrize(("values", "message"), BAD_STEPS)
def test_rejects_steps_and_weights(values: NDArray[Any], message: str) -> None:
    made = tile()
    with pytest.raises(PulsetrainError, match="Steps " + message):
        made.update(values)
    with pytest.raises(PulsetrainError, match="Steps " + message):
        made.write(values, noise=True)
    with pytest.raises(PulsetrainError, match="Weights " + message):
        made.set_weights(values)
    assert made.counters == TileCounters()
    assert made.array.operation == 0


def test_a_finite_step_may_be_huge() -> None:
    assert tile().update(np.full((8, 8), 1e308)).clipped == 64


def test_rejects_deltas() -> None:
    made = tile()
    with pytest.raises(PulsetrainError, match="Deltas must be integers, not float64"):
        made.update_deltas(np.zeros((8, 8)))
    with pytest.raises(PulsetrainError, match=r"Delta of row 0, column 0 must be an integer between -32768 and 32767"):
        made.update_deltas(np.full((8, 8), 40000))
    assert made.controller.source.steps == 0


def test_rejects_settings() -> None:
    with pytest.raises(PulsetrainError, match="Parallel max must be an integer between 1 and 8, not 9"):
        tile(settings=ControllerSettings(parallel_max=9))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"config": "base"}, "Configuration must be of type ControllerConfig, not 'base'"),
        ({"settings": None}, "Settings must be of type ControllerSettings, not None"),
        ({"settings": ControllerSettings().replace(set_lines=3)}, "SET lines must be of type LineSettings, not 3"),
        ({"device": ArrayParameters()}, "Device must be of type Device, not ArrayParameters"),
    ],
)
def test_rejects_arguments_of_another_type(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        ModelTile(**arguments)


def test_restore_rejects_what_is_no_state() -> None:
    with pytest.raises(PulsetrainError, match="Tile state must be a mapping of names to values, not None"):
        tile().restore(None)  # type: ignore[arg-type]


def test_context_manager() -> None:
    with tile() as made:
        assert made.rows == made.columns == 8
        made.update(some_steps())
    made.close()
