"""Products with the weights, codes of reads, and updates by outer products, on a model tile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.errors import PulsetrainError
from pulsetrain.tiles.reports import TileCounters, UpdateReport

from tests.tiles.model_tiles import QUIET, some_steps, tile


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
