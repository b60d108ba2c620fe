"""The golden array: pulses, noise, window, writes, cut pulses, saved states and bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from pulsetrain.array.crossbar import CrossbarArray, CutPulse
from pulsetrain.contract.enumerations import Polarity
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError
from pulsetrain.numerics.noise import normals

QUIET = ArrayParameters(write_noise=0)


def array(parameters: ArrayParameters = ArrayParameters(), seed: int = 11) -> CrossbarArray:  # noqa: B008
    return CrossbarArray(6, 7, parameters, seed)


def some_counts(seed: int = 0, density: float = 0.5) -> NDArray[np.int16]:
    rng = np.random.default_rng(seed)
    counts = rng.integers(-4, 5, (6, 7)) * (rng.random((6, 7)) < density)
    return counts.astype(np.int16)


def slow(made: CrossbarArray, counts: NDArray[np.int16]) -> tuple[NDArray[np.int64], int]:
    """Section 12, pulse by pulse in plain Python: the conductances after ``counts``, and the window hits."""
    par, out, hits = made.parameters, made.conductance.astype(np.int64), 0
    low, high = round(par.g_min * 1e12), round(par.g_max * 1e12)
    middle = (low + high) / 2
    for (i, j), n in np.ndenumerate(counts):
        for k in range(1, abs(int(n)) + 1):
            change, g = float(round((par.step_set if n > 0 else par.step_reset) * 1e12)), int(out[i, j])
            if par.bounds == "soft":
                change = change * ((high - g) / (high - middle) if n > 0 else (g - low) / (middle - low))
            change = change if n > 0 else -change
            if par.noise_per == "pulse" or k == abs(n):
                index = k if par.noise_per == "pulse" else 1
                z = normals(made.seed, made.operation, np.array([i * made.columns + j]), np.array([index]))
                change = change + par.write_noise * 1e12 * float(z[0])
            target = g + round(change)
            cut = min(max(target, low), high)
            hits += cut != target
            out[i, j] = cut
    return out, hits


@pytest.mark.parametrize("bounds", ["hard", "soft"])
@pytest.mark.parametrize("noise_per", ["pulse", "step"])
@pytest.mark.parametrize("window", [400e-6, 202e-6])
def test_pulses_follow_the_specification(noise_per: str, window: float, bounds: str) -> None:
    made = array(ArrayParameters(noise_per=noise_per, g_min=197e-6, g_max=window, step_set=2.5e-6, bounds=bounds))
    total = 0
    for operation in range(4):
        counts = some_counts(operation)
        expected, hits = slow(made, counts)
        assert made.apply_pulses(counts) == hits
        assert np.array_equal(made.conductance, expected)
        total += hits
    assert made.window_hits == total > 0
    assert made.operation == 4
    assert made.conductance.dtype == np.int32


def test_without_noise_a_pulse_is_a_step() -> None:
    made = array(QUIET)
    counts = some_counts()
    made.apply_pulses(counts)
    assert np.array_equal(made.conductance, 200_000_000 + 2_000_000 * counts.astype(np.int64))
    assert np.allclose(made.weights(), counts * 0.025, rtol=0, atol=1e-15)


def test_cells_and_requests_may_be_split_in_any_way() -> None:
    """What happens to a cell depends on its own pulses only: any two halves of an operation make up the whole."""
    counts = some_counts(3, 0.8)
    whole, left, right = array(), array(), array()
    chosen = np.random.default_rng(1).random((6, 7)) < 0.5
    whole.apply_pulses(counts)
    left.apply_pulses(np.where(chosen, counts, 0))
    right.apply_pulses(np.where(chosen, 0, counts))
    assert np.array_equal(np.where(chosen, left.conductance, right.conductance), whole.conductance)


def test_operations_and_seeds_have_noise_of_their_own() -> None:
    counts = np.ones((6, 7), np.int16)
    first, second, other = array(), array(), array(seed=12)
    first.apply_pulses(counts)
    second.apply_pulses(np.zeros((6, 7), np.int16))
    second.apply_pulses(counts)
    other.apply_pulses(counts)
    assert not np.any(first.conductance == second.conductance)
    assert not np.any(first.conductance == other.conductance)


def test_noise_has_the_stated_spread() -> None:
    """Mean and spread of 65,536 single pulses within 4 standard errors of 2 µS and 2 µS."""
    made = CrossbarArray(256, 256, ArrayParameters(), 5)
    made.apply_pulses(np.ones((256, 256), np.int16))
    change = (made.conductance - 200_000_000) / 1e6
    assert abs(change.mean() - 2) < 4 * 2 / 256
    assert abs(change.std() - 2) < 4 * 2 / 256 / np.sqrt(2)


@pytest.mark.parametrize("noise_per", ["pulse", "step"])
def test_cut_pulse_is_a_share_of_a_step_with_full_noise(noise_per: str) -> None:
    counts = np.zeros((6, 7), np.int16)
    counts[2, 3], counts[4, 4] = -1, 2
    made = array(ArrayParameters(noise_per=noise_per))
    made.apply_pulses(counts, CutPulse(2, Polarity.RESET, (3, 5), cycles=1, width=3))
    cells = np.array([2 * 7 + 3, 2 * 7 + 5])
    per_pulse = noise_per == "pulse"
    z = normals(11, 0, cells, np.array([2, 1]) if per_pulse else np.array([1, 1]))
    share = np.rint(-2e6 / 3 + 2e6 * z)
    before = np.array([-2e6 + (np.rint(2e6 * normals(11, 0, cells[:1], np.array([1]))[0]) if per_pulse else 0), 0])
    assert np.array_equal(made.conductance.reshape(-1)[cells], 200_000_000 + before + share)
    whole = array(ArrayParameters(noise_per=noise_per))
    whole.apply_pulses(counts)
    assert made.conductance[4, 4] == whole.conductance[4, 4]
    assert made.operation == 1


def test_cut_pulse_keeps_to_the_window() -> None:
    made = array(QUIET.replace(g_max=201e-6))
    assert made.apply_pulses(np.zeros((6, 7), np.int16), CutPulse(0, Polarity.SET, (0, 1), 3, 4)) == 2
    assert made.conductance[0, :3].tolist() == [201_000_000, 201_000_000, 200_000_000]


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (CutPulse(6, Polarity.SET, (0,), 1, 2), "Row of a cut pulse must be an integer between 0 and 5, not 6"),
        (CutPulse(0, Polarity.SET, (7,), 1, 2), "Column of a cut pulse must be an integer between 0 and 6, not 7"),
        (CutPulse(0, Polarity.SET, (0,), 3, 2), "Cycles of a cut pulse must be an integer between 0 and 2, not 3"),
        (CutPulse(0, Polarity.SET, (0,), 0, 0), "Width of a cut pulse must be an integer of at least 1, not 0"),
        (CutPulse(0, 2, (0,), 1, 2), "Polarity of a cut pulse must be SET or RESET, not 2"),  # type: ignore[arg-type]
    ],
)
def test_rejects_cut_pulse(cut: CutPulse, message: str) -> None:
    made = array()
    with pytest.raises(PulsetrainError, match=message):
        made.apply_pulses(some_counts(), cut)
    assert made.operation == 0
    assert (made.conductance == 200_000_000).all()


@pytest.mark.parametrize("noise", [True, False])
def test_write_changes_cells_with_a_step_only(noise: bool) -> None:
    made = array()
    steps = np.zeros((6, 7))
    steps[1, 2], steps[3, 4], steps[5, 6] = 1.5e-6, -0.25e-6, 1e-13
    assert made.write(steps, noise) == 0
    cells = np.array([1 * 7 + 2, 3 * 7 + 4, 5 * 7 + 6])
    z = normals(11, 0, cells, np.array([1, 1, 1])) if noise else np.zeros(3)
    expected = np.full(42, 200_000_000)
    expected[cells] += np.rint(np.array([1.5e6, -0.25e6, 0.1]) + 2e6 * z).astype(np.int64)
    assert np.array_equal(made.conductance.reshape(-1), expected)
    assert made.operation == 1


def test_write_keeps_to_the_window() -> None:
    made = array()
    steps = np.zeros((6, 7))
    steps[0, :3] = [300e-6, -300e-6, 200e-6]
    assert made.write(steps, noise=False) == 2
    assert made.window_hits == 2
    assert made.conductance[0, :3].tolist() == [400_000_000, 0, 400_000_000]


def test_weights_and_programming() -> None:
    made = array()
    wanted = np.linspace(-2, 2, 42).reshape(6, 7)
    assert made.set_weights(wanted) == 0
    assert np.abs(made.weights() - wanted).max() <= 0.5e-12 / 80e-6 + 1e-16
    assert made.operation == 0
    wanted[0, 0], wanted[5, 6] = -2.6, 1e300
    assert made.set_weights(wanted) == 2
    assert made.weights()[0, 0] == -2.5
    assert made.weights()[5, 6] == 2.5


def test_saved_state_goes_on_bit_for_bit() -> None:
    made, other = array(), array(seed=1)
    made.apply_pulses(some_counts(1))
    other.restore(made.state())
    for each in (made, other):
        each.apply_pulses(some_counts(2))
        each.write(np.full((6, 7), 1e-6), noise=True)
    assert np.array_equal(made.conductance, other.conductance)
    assert made.operation == other.operation == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conductance": np.zeros((7, 6), np.int32)}, r"Conductance of an array state must be int32 \(6, 7\)"),
        ({"conductance": np.zeros((6, 7))}, r"Conductance of an array state must be int32 \(6, 7\), not float64"),
        ({"conductance": np.full((6, 7), -1, np.int32)}, "Conductance must be between 0 and 400000000 pS, not -1"),
        ({"operation": -1}, "Operation number must be an integer between 0"),
        ({"window_hits": 0.5}, "Window hits must be an integer between 0 and .*, not 0.5"),
        ({"seed": 2**64}, "Noise seed must be an integer between 0"),
        ({"read_seed": -1}, "Read seed must be an integer between 0"),
        ({"reads": 2**64}, "Read number must be an integer between 0"),
        ({"clipped": -1}, "Clipped codes must be an integer between 0"),
        (
            {"fresh": np.zeros((6, 7), np.int8)},
            r"Fresh cells of an array state must be bool \(6, 7\), not int8 \(6, 7\)",
        ),
        ({"fresh": np.ones((6, 7), np.bool_)}, "Fresh cells of an array state must be none without .*, not 42"),
    ],
)
def test_restore_rejects(changes: dict[str, Any], message: str) -> None:
    made = array()
    made.apply_pulses(some_counts())
    before = made.state()
    with pytest.raises(PulsetrainError, match=message):
        made.restore(before | changes)
    assert np.array_equal(made.conductance, before["conductance"])
    assert made.operation == 1


def test_restore_rejects_an_incomplete_state() -> None:
    with pytest.raises(PulsetrainError, match=r"Array state must have conductance, fresh, .*, not \['seed'\]"):
        array().restore({"seed": 1})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"g_min": -1e-6}, "Smallest conductance must be a finite number at least 0 S and at most 0.002 S, not -1e-06"),
        ({"g_max": float("nan")}, "Largest conductance must be a finite number .* S, not nan"),
        ({"g_max": 1.0}, "Largest conductance must be a finite number .* at most 0.002 S, not 1.0"),
        ({"g_max": 0.0}, "Largest conductance must be above the smallest of 0 S, not 0"),
        ({"g_reference": 500e-6}, "Reference conductance must be within the window of 0 to 0.0004 S, not 0.0005"),
        ({"siemens_per_weight": 0}, "Conductance per weight must be a finite number at least 1e-12 S .*, not 0"),
        ({"siemens_per_weight": 1e308}, r"Conductance per weight must be .* at most 1 S, not 1e\+308"),
        ({"write_noise": 10**400}, "Write noise must be a finite number .*, not inf"),
        ({"step_set": 0}, "SET step must be a finite number at least 1e-12 S"),
        ({"step_reset": -2e-6}, "RESET step must be a finite number at least 1e-12 S"),
        ({"write_noise": "2"}, "Write noise must be a finite number .*, not '2'"),
        ({"write_noise": 1e-4}, "Write noise must be a finite number .* at most 2e-05 S, not 0.0001"),
        ({"noise_per": "slot"}, "Noise per must be one of pulse, step, not 'slot'"),
        ({"sigma": 1}, "Array parameter must be one of .*, not 'sigma'"),
        ({"read_noise": -1e-6}, "Read noise must be a finite number at least 0 S"),
        ({"adc_offset": 1.0}, "ADC offset must be a finite number at least 0 S and at most 2e-05 S, not 1.0"),
        ({"bounds": "none"}, "Bounds must be one of hard, soft, not 'none'"),
        ({"stuck_share": 1.5}, "Stuck share must be a finite number at least 0 and at most 1, not 1.5"),
        ({"form_yield": -0.5}, "Form yield must be a finite number at least 0 and at most 1, not -0.5"),
        ({"fresh": 1}, "Fresh must be True or False, not 1"),
        ({"fresh": True, "g_min": 1e-6}, "Fresh conductance must be within the window of 1e-06 to 0.0004 S, not 5e-08"),
        ({"fresh": True, "g_formed": 1e-3}, "Formed conductance must be within the window of 0 to 0.0004 S, not 0.001"),
        ({"g_max": 1e-13, "g_reference": 0}, "Largest conductance must be above the smallest of 0 S, not 1e-13"),
    ],
)
def test_rejects_parameters(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        ArrayParameters().replace(**changes)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.zeros((7, 6), np.int16), r"Pulse counts must have shape \(6, 7\) \(rows, columns\), not \(7, 6\)"),
        (np.zeros((6, 7)), "Pulse counts must be integers, not float64"),
        ([[1, 2], [3]], "Pulse counts must be an array with rows of one length, not list"),
        (np.full((6, 7), -256), "Pulse counts must have a magnitude of at most 255, not 256"),
        (np.full((6, 7), 300, np.int16), "Pulse counts must have a magnitude of at most 255, not 300"),
    ],
)
def test_rejects_counts(counts: ArrayLike, message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        array().apply_pulses(counts)


def test_rejects_shape_and_seed() -> None:
    with pytest.raises(PulsetrainError, match="Rows must be an integer between 1 and 1024, not 0"):
        CrossbarArray(0, 1, QUIET, 1)
    with pytest.raises(PulsetrainError, match="Columns must be an integer between 1 and 1024, not 1025"):
        CrossbarArray(1, 1025, QUIET, 1)
    with pytest.raises(PulsetrainError, match="Noise seed must be an integer between 0 and"):
        CrossbarArray(1, 1, QUIET, -1)
    with pytest.raises(PulsetrainError, match="Read seed must be an integer between 0 and"):
        CrossbarArray(1, 1, QUIET, 1, 2**64)
    with pytest.raises(PulsetrainError, match="Pair must be an integer between 0 and 1, not 2"):
        CrossbarArray(1, 2, QUIET, 1, pair=2)
    with pytest.raises(PulsetrainError, match="Columns must be an even number in pair mode, not 7"):
        CrossbarArray(1, 7, QUIET, 1, pair=1)
    with pytest.raises(PulsetrainError, match="Array parameters must be of type ArrayParameters, not None"):
        CrossbarArray(1, 7, None, 1)  # type: ignore[arg-type]


def test_operation_number_wraps_at_64_bits() -> None:
    made = array()
    made.restore(made.state() | {"operation": 2**64 - 1})
    made.apply_pulses(np.ones((6, 7), np.int16))
    assert made.operation == 0
    fresh = array()
    fresh.conductance[...] = made.conductance
    made.write(np.full((6, 7), 1e-6), noise=True)
    fresh.write(np.full((6, 7), 1e-6), noise=True)
    assert np.array_equal(made.conductance, fresh.conductance)
    assert made.operation == 1


@pytest.mark.filterwarnings("error")
def test_huge_weights_and_changes_are_cut_to_the_window() -> None:
    made = array()
    assert made.set_weights(np.full((6, 7), 1e308)) == 42
    assert made.write(np.full((6, 7), -1e308), noise=True) == 42
    assert (made.conductance == 0).all()


def test_rejects_weights() -> None:
    with pytest.raises(PulsetrainError, match="Weights must be real numbers, not object"):
        array().set_weights(None)  # type: ignore[arg-type]
    with pytest.raises(PulsetrainError, match="Weights must be an array with rows of one length, not list"):
        array().set_weights([[1.0], [1.0, 2.0]])


def test_pairs_hold_weights_as_differences() -> None:
    """Ideal programming moves both devices by half, in opposite directions, and counts weights that were cut."""
    made = CrossbarArray(2, 6, ArrayParameters(g_reference=150e-6), 1, pair=1)
    assert (made.weights() == 0).all()
    wanted = np.array([[1.0, -0.5, 0.0], [3.75, 4.0, -6.0]])
    assert made.set_weights(wanted) == 2
    assert made.conductance[0].tolist() == [190_000_000, 110_000_000, 130_000_000, 170_000_000, *[150_000_000] * 2]
    assert made.conductance[1].tolist() == [300_000_000, 0, 310_000_000, 0, 0, 390_000_000]
    assert made.weights().tolist() == [[1.0, -0.5, 0.0], [3.75, 3.875, -4.875]]
    with pytest.raises(PulsetrainError, match=r"Weights must have shape \(2, 3\) \(rows, columns\), not \(2, 6\)"):
        made.set_weights(np.zeros((2, 6)))


@pytest.mark.parametrize("noise", [True, False])
def test_writes_share_a_change_among_the_devices_of_a_pair(noise: bool) -> None:
    made = CrossbarArray(2, 6, ArrayParameters(), 11, pair=1)
    steps = np.zeros((2, 3))
    steps[0, 1], steps[1, 2] = 3e-6, -1e-12
    assert made.write(steps, noise) == 0
    cells = np.array([2, 3, 10, 11])
    z = normals(11, 0, cells, np.ones(4, np.int64)) if noise else np.zeros(4)
    expected = np.full(12, 200_000_000)
    expected[cells] += np.rint(np.array([1.5e6, -1.5e6, -0.5, 0.5]) + 2e6 * z).astype(np.int64)
    assert np.array_equal(made.conductance.reshape(-1), expected)


def test_pulses_of_pairs_are_those_of_devices() -> None:
    one, two = CrossbarArray(6, 8, ArrayParameters(), 3), CrossbarArray(6, 8, ArrayParameters(), 3, pair=1)
    counts = np.random.default_rng(1).integers(-3, 4, (6, 8))
    assert one.apply_pulses(counts) == two.apply_pulses(counts)
    assert np.array_equal(one.conductance, two.conductance)
