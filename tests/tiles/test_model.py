"""ModelTile and what every tile on the golden array shares: rounding, reports, counters, states, bad input."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.contract.enumerations import PairPolicy, Ramp
from pulsetrain.contract.settings import ControllerSettings, LineSettings
from pulsetrain.controller import GoldenController
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError
from pulsetrain.numerics.noise import rounded_steps
from pulsetrain.tiles import ModelTile, verified
from pulsetrain.tiles.array_tile import TileSeeds
from pulsetrain.tiles.reports import TileCounters, UpdateReport

from tests.tiles.devices import device

TINY = CONFIGS["tiny"]


def tile(**changes: Any) -> ModelTile:
    arguments: dict[str, Any] = {"config": TINY, "seed": 3}
    return ModelTile(**(arguments | changes))


def some_steps(seed: int = 0, size: float = 0.02) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, size, (8, 8))


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
    others = dict.fromkeys(("programs", "cells_form", "pulses_form", "row_reads"), 0)
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
        ({"count_slots": -1}, "Count of slots must be an integer of at least 0, not -1"),
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


QUIET = device(write_noise=0, read_noise=0)


def test_products_are_those_of_the_weights() -> None:
    """Without noise: within half a code of the converters and what rounding the vector leaves."""
    made = tile(device=QUIET)
    weights = some_steps(1, 0.5)
    made.set_weights(weights)
    x = some_steps(2, 1.0)
    code = 6400 * 0.1e-6 / 127 / 80e-6
    for found, exact in (
        (made.vmm(x), x @ made.weights()),
        (made.vmm_transposed(x), x @ made.weights().T),
        (made.vmm(x[3]), x[3] @ made.weights()),
        (made.vmm_transposed(x[4]), made.weights() @ x[4]),
    ):
        assert found.shape == exact.shape
        scale = np.abs(x).max()
        assert np.abs(found - exact).max() < scale * (code / 2 + 8 * np.abs(weights).max() / 254)
        assert np.abs(found).max() > 0.1
    assert (made.counters.reads, made.counters.vectors, made.counters.conversions) == (18, 18, 18)


def test_products_of_a_batch_are_those_of_its_vectors() -> None:
    """Also with read noise: the reads are numbered one after the other."""
    whole, single = tile(), tile()
    x = some_steps(2, 1.0)
    together = whole.vmm(x)
    assert np.array_equal(together, np.stack([single.vmm(vector) for vector in x]))
    assert not np.array_equal(together, whole.vmm(x))
    assert whole.vmm(x[:0]).shape == (0, 8)
    assert whole.vmm_transposed(x[:0]).shape == (0, 8)
    assert whole.vmm(np.zeros(8)).tolist() == [0.0] * 8
    assert whole.counters.vectors == 17


def test_read_codes() -> None:
    made = tile(device=QUIET, settings=ControllerSettings(forward_full_scale=100, backward_full_scale=127))
    weights = np.zeros((8, 8))
    weights[1, 2], weights[3, 4] = 0.125, -2.0  # 10 µS and −160 µS
    made.set_weights(weights)
    codes = np.zeros((2, 8), np.int64)
    codes[0, 1], codes[1, 3] = 127, -127
    assert made.read_codes(codes).tolist() == [[0, 0, 127, 0, 0, 0, 0, 0], [0, 0, 0, 0, 127, 0, 0, 0]]
    assert made.counters.codes_clipped == 1
    assert made.last_codes().dtype == np.int16
    single = np.zeros(8, np.int8)
    single[2] = 127
    assert made.read_codes(single, backward=True).tolist() == [0, 100, 0, 0, 0, 0, 0, 0]
    assert made.last_codes().shape == (1, 8)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((8, 9)), r"Vectors must have shape \(8,\) or \(n, 8\), not \(8, 9\)"),
        (np.zeros((1, 2, 8)), r"Vectors must have shape .* not \(1, 2, 8\)"),
        (np.zeros(8, np.bool_), "Vectors must be real numbers, not bool"),
        (np.full(8, np.inf), "Vectors must be finite, not inf in vector 0, line 0"),
        (np.where(np.eye(8) > 0, np.nan, 0.0), "Vectors must be finite, not nan in vector 0, line 0"),
    ],
)
def test_rejects_vectors(values: NDArray[Any], message: str) -> None:
    made = tile()
    for product in (made.vmm, made.vmm_transposed):
        with pytest.raises(PulsetrainError, match=message):
            product(values)
    with pytest.raises(PulsetrainError, match=r"Codes must (be integers|have shape)"):
        made.read_codes(values)
    with pytest.raises(PulsetrainError, match="Codes must be between -127 and 127, not 128 in vector 0, line 0"):
        made.read_codes(np.full(8, 128))
    assert made.counters == TileCounters()
    assert made.array.reads == 0


@pytest.mark.parametrize("rate", [0.06, -0.004, 1e-4])
def test_mean_change_of_outer_products(rate: float) -> None:
    """Over 400 updates: rate · x ⊗ y, within 6 times what decisions and the rounding of codes scatter, and a pulse."""
    made = tile(device=QUIET.changed(g_max=2e-3, g_reference=1e-3))
    x, y = np.linspace(-0.2, 0.9, 8), np.linspace(0.5, -0.1, 8)
    for _ in range(400):
        assert made.update_outer(x, y, rate=rate).saturated == 0
    wanted = rate * np.outer(x, y)
    code = np.abs(wanted).max() / 127
    allowed = 6 * np.sqrt((np.abs(wanted) * made.threshold_weight + code**2) / 400) + made.threshold_weight / 400
    assert (np.abs(made.weights() / 400 - wanted) < allowed).all()
    assert (made.counters.clipped, made.counters.decisions) == (0, 400 * 64)
    assert made.counters.cells_set + made.counters.cells_reset > 0


def test_difference_is_of_two_products() -> None:
    made = tile(device=QUIET, settings=ControllerSettings(threshold_log2=6))
    x, y, u, v = (np.arange(8) - k for k in range(4))
    report = made.update_difference_codes(8 * x, 8 * y, 8 * u, 8 * v)  # multiples of the threshold: no chance in it
    counts = np.outer(x, y) - np.outer(u, v)
    assert np.allclose(made.weights(), np.clip(0.025 * np.clip(counts, -15, 15), -2.5, 2.5), atol=1e-12)
    assert (report.saturated, report.pulses_set) == ((np.abs(counts) > 15).sum(), counts[counts > 0].clip(max=15).sum())
    again = tile(device=QUIET, settings=ControllerSettings(threshold_log2=6))
    again.update_outer_codes(8 * x, 8 * y, threshold_log2=7)
    assert np.allclose(again.weights(), 0.025 * np.clip(np.outer(x, y) / 2, -15, 15), atol=0.0125)
    same = tile(device=QUIET, settings=ControllerSettings(threshold_log2=6))
    same.update_deltas(64 * counts)
    assert np.array_equal(same.weights(), made.weights())
    means = tile(device=QUIET)
    for _ in range(200):
        means.update_difference(x / 8, y / 8, u / 8, v / 8, rate=0.01)
    assert np.corrcoef(means.weights().reshape(-1), counts.reshape(-1))[0, 1] > 0.9


def test_no_change_is_no_request() -> None:
    made = tile()
    zero, some = np.zeros(8), np.ones(8)
    for report in (made.update_outer(zero, some), made.update_outer(some, zero), made.update_outer(some, some, rate=0),
                   made.update_difference(zero, some, zero, some)):  # fmt: skip
        assert report == UpdateReport()
    assert (made.counters, made.array.operation, made.controller.source.steps) == (TileCounters(), 0, 0)


def test_rejects_outer_products() -> None:
    made = tile()
    one = np.ones(8)
    for x, y, message in (
        (np.ones(7), one, r"Row vector must have shape \(8,\)"),
        (one, np.full(8, np.nan), "Column vector must be finite, not nan"),
        (one, np.ones((2, 8)), "Column vector must have shape"),
    ):
        with pytest.raises(PulsetrainError, match=message):
            made.update_outer(x, y)
        with pytest.raises(PulsetrainError, match=message):
            made.update_difference(x, y, one, one)
    for x, message in ((np.full(8, 128), "Row codes must be between -127 and 127, not 128"), (one, "must be integers")):
        with pytest.raises(PulsetrainError, match=message):
            made.update_outer_codes(x, np.ones(8, np.int16))
    with pytest.raises(PulsetrainError, match="Threshold log2 must be an integer between 1 and 16, not 17"):
        made.update_outer_codes(np.ones(8, np.int16), np.ones(8, np.int16), 17)
    with pytest.raises(PulsetrainError, match="Rate must be a finite number, not nan"):
        made.update_outer(one, one, rate=float("nan"))
    assert made.counters == TileCounters()


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
