"""Pair mode: which devices take the pulses of a weight, and update sources of exact products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import PairPolicy
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.controller import GoldenController
from pulsetrain.controller.decision import decide
from pulsetrain.controller.fired import FiredCells
from pulsetrain.controller.pairs import device_counts, fired_devices
from pulsetrain.controller.random_source import RandomSource
from pulsetrain.controller.sources import outer_deltas
from pulsetrain.errors import PulsetrainError

# The table of section 15: (device, polarity) of a positive and of a negative step; device 0 is G⁺, + is SET.
TABLE = {
    PairPolicy.SET_ONLY: ([(0, +1)], [(1, +1)]),
    PairPolicy.RESET_ONLY: ([(1, -1)], [(0, -1)]),
    PairPolicy.BOTH: ([(0, +1), (1, -1)], [(0, -1), (1, +1)]),
}
PAIRS = ControllerConfig(rows=5, columns=12, lanes=3, pair=1)


def by_table(counts: NDArray[np.int16], policy: PairPolicy) -> NDArray[np.int16]:
    devices = np.zeros((counts.shape[0], 2 * counts.shape[1]), np.int16)
    for (i, m), n in np.ndenumerate(counts):
        for device, sign in TABLE[policy][0 if n > 0 else 1]:
            devices[i, 2 * m + device] = sign * abs(n)
    return devices


@pytest.mark.parametrize("policy", list(PairPolicy))
def test_devices_follow_the_table(policy: PairPolicy) -> None:
    counts = np.random.default_rng(1).integers(-255, 256, (9, 7)).astype(np.int16)
    counts[0] = 0
    devices = device_counts(counts, policy)
    assert devices.dtype == np.int16
    assert np.array_equal(devices, by_table(counts, policy))
    counts[np.random.default_rng(2).random(counts.shape) < 0.7] = 0
    fired = fired_devices(FiredCells.of(counts), policy)
    wanted = FiredCells.of(by_table(counts, policy))
    assert np.array_equal(fired.cells, wanted.cells)
    assert np.array_equal(fired.counts, wanted.counts)
    assert [str(part.dtype) for part in (fired.cells, fired.counts)] == ["int64", "int16"]
    assert fired.shape == (9, 14)


@pytest.mark.parametrize("policy", list(PairPolicy))
@pytest.mark.parametrize("verify", [0, 1])
def test_updates_count_weights_and_pulse_devices(policy: PairPolicy, verify: int) -> None:
    """Deltas and words count weights, the same ones whatever the policy; slots and counts those of the devices."""
    settings = ControllerSettings(threshold_log2=8, parallel_max=4, pair_policy=policy, verify=verify)
    controller = GoldenController(PAIRS, settings, 5)
    deltas = np.random.default_rng(2).integers(-900, 900, (5, 6))
    decisions = controller.update(deltas)
    words = RandomSource(PAIRS, 5).fields(PAIRS.beats)
    wanted, saturated = decide(deltas.astype(np.int16), words, threshold_log2=8, max_pulses=15)
    assert np.array_equal(decisions.weight_counts, wanted)
    assert decisions.saturated == saturated
    assert np.array_equal(decisions.counts, by_table(wanted, policy))
    assert np.array_equal(decisions.slots().counts(PAIRS), decisions.counts)
    assert np.array_equal(decisions.cells, np.flatnonzero(decisions.counts))
    assert decisions.slot_count == len(decisions.slots())
    assert controller.source.steps == PAIRS.beats == 10


def test_deltas_have_the_shape_of_the_weights() -> None:
    controller = GoldenController(PAIRS, ControllerSettings(), 1)
    with pytest.raises(PulsetrainError, match=r"Deltas must have shape \(5, 6\) \(rows, columns\), not \(5, 12\)"):
        controller.update(np.zeros((5, 12), np.int16))


@pytest.mark.parametrize("pair", [0, 1])
@pytest.mark.parametrize(("delta_bits", "dac_bits"), [(16, 8), (24, 12), (8, 4)])
def test_products_are_exact(pair: int, delta_bits: int, dac_bits: int) -> None:
    config = PAIRS.replace(pair=pair, delta_bits=delta_bits, dac_bits=dac_bits)
    high, columns = config.dac_max, config.weight_columns
    rng = np.random.default_rng(3)
    x, second_x = (rng.integers(-high, high, 5, endpoint=True) for _ in range(2))
    y, second_y = (rng.integers(-high, high, columns, endpoint=True) for _ in range(2))
    x[0], y[0], second_x[0], second_y[0] = high, high, -high, high  # the largest difference there is
    one, two = outer_deltas(config, x, y), outer_deltas(config, x, y, second_x, second_y)
    assert one.tolist() == [[int(a) * int(b) for b in y] for a in x]
    assert two.tolist() == [
        [int(a) * int(b) - int(c) * int(d) for b, d in zip(y, second_y, strict=True)]
        for a, c in zip(x, second_x, strict=True)
    ]
    assert two[0, 0] == 2 * high**2 <= config.delta_max
    assert one.dtype == two.dtype == (np.int16 if delta_bits <= 16 else np.int32)


@pytest.mark.parametrize("zero", ["x", "second_x", "both", "neither"])
def test_rows_whose_codes_are_zero(zero: str) -> None:
    rng = np.random.default_rng(4)
    x, second_x = (rng.integers(1, 127, 5) for _ in range(2))
    y, second_y = (rng.integers(-127, 127, 6) for _ in range(2))
    x[1:3] *= zero in ("second_x", "neither")
    second_x[1:3] *= zero in ("x", "neither")
    found = outer_deltas(PAIRS, x, y, second_x, second_y)
    assert np.array_equal(found, np.outer(x, y) - np.outer(second_x, second_y))
    assert found[1:3].any() == (zero != "both")
    assert np.array_equal(outer_deltas(PAIRS, x, y), np.outer(x, y))


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (([0] * 5, [0] * 5), r"Columns A must have shape \(n, 6\) \(vectors, driven lines\), not \(1, 5\)"),
        (([0] * 4 + [128], [0] * 6), "Rows A must be between -127 and 127, not 128 in vector 0, line 4"),
        (([0.0] * 5, [0] * 6), "Rows A must be integers, not float64"),
        (([0] * 5, [0] * 6, [0] * 5, [-128] * 6), "Columns B must be between -127 and 127, not -128"),
        (([0] * 5, [0] * 6, [0] * 5), "Columns B must be given with its companion, not None"),
        (([0] * 5, [0] * 6, None, [0] * 6), "Rows B must be given with its companion, not None"),
    ],
)
def test_rejects_vectors(vectors: Any, message: str) -> None:
    with pytest.raises(PulsetrainError, match=message):
        outer_deltas(PAIRS, *vectors)
