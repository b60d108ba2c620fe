"""Converters: scaling of vectors and codes, and outer products as codes with a threshold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.controller.sources import outer_deltas
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError
from pulsetrain.numerics.noise import philox
from pulsetrain.tiles.converters import OuterCodes, checked_vectors, dac_codes, outer_codes, products


def test_vectors_become_codes() -> None:
    """Each vector is scaled by itself; half to even; 0 stays 0."""
    vectors = np.array([[1.0, -0.5, 0.25, 0.0], [0, 0, 0, 0], [-3.0, 1.5, 5e-324, 2.9], [1e-310, 0, 0, -1e-310]])
    codes, scales, clipped = dac_codes(vectors, 127)
    assert codes.tolist() == [[127, -64, 32, 0], [0] * 4, [-127, 64, 0, 123], [127, 0, 0, -127]]
    assert scales.tolist() == [1.0, 0.0, 3.0, 1e-310]
    assert clipped == 0
    assert dac_codes(np.array([[1.0, 0.5, -0.5]]), 3)[0].tolist() == [[3, 2, -2]]
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(50, 9)) * 10.0 ** rng.integers(-300, 300, (50, 1))
    codes, scales, clipped = dac_codes(vectors, 2047)
    for vector, row, m in zip(vectors.tolist(), codes.tolist(), scales.tolist(), strict=True):
        assert m == max(abs(x) for x in vector)
        assert row == [round((x / m) * 2047) for x in vector]
    assert dac_codes(np.empty((0, 4)), 127)[0].shape == (0, 4)


def test_codes_become_products() -> None:
    codes = np.random.default_rng(2).integers(-127, 128, (6, 5)).astype(np.int16)
    scales = np.array([0.0, 1.0, 0.3, 1e-300, 1e300, 7.7])
    found = products(codes, scales, full_scale=6400, adc_max=127, siemens_per_weight=80e-6)
    unit = (6400 * 1e5) / (127 * (80e-6 * 1e12))
    assert found.tolist() == [
        [(a * m) * unit for a in row] for row, m in zip(codes.tolist(), scales.tolist(), strict=True)
    ]


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("pair", [0, 1])
def test_products_of_an_array_come_close_to_exact_ones(backward: bool, pair: int) -> None:
    """Converters of 12 and 16 bits without noise: products within what rounding of the codes explains."""
    made = CrossbarArray(30, 20 * (1 + pair), ArrayParameters(read_noise=0), 1, 1, pair=pair)
    made.set_weights(np.random.default_rng(1).uniform(-1, 1, (30, 20)))
    w = made.weights().T if backward else made.weights()
    x = np.random.default_rng(3).normal(size=(40, w.shape[0])) * 17.0
    codes, scales, _ = dac_codes(x, 2047)
    read = made.read(codes, backward=backward, full_scale=16000, dac_max=2047, adc_max=32767)
    y = products(read, scales, full_scale=16000, adc_max=32767, siemens_per_weight=80e-6)
    bound = scales[:, np.newaxis] * (0.5 / 2047 * np.abs(w).sum(axis=0) + 0.5 * 20 / 32767)
    assert (np.abs(y - x @ w) <= bound * (1 + 1e-9)).all()
    assert np.abs(y - x @ w).max() > 0
    assert not made.clipped


def test_rejects_vectors() -> None:
    assert checked_vectors("Inputs", [[1, 2]], 2).dtype == np.float64
    cases: list[tuple[Any, str]] = [
        ([1.0, 2.0], r"Inputs must have shape \(n, 2\) \(vectors, driven lines\), not \(2,\)"),
        ([[1.0], [1.0, 2.0]], "Inputs must be an array with rows of one length, not list"),
        ([["1", "2"]], "Inputs must be real numbers, not <U1"),
        ([[0.0, 1.0], [math.nan, 0.0]], "Inputs must be finite, not nan in vector 1, line 0"),
        ([[0.0, -math.inf]], "Inputs must be finite, not -inf in vector 0, line 1"),
    ]
    for values, message in cases:
        with pytest.raises(PulsetrainError, match=message):
            checked_vectors("Inputs", values, 2)


COMMON: dict[str, Any] = {"threshold_weight": 0.025, "dac_max": 127, "random_bits": 16}


def codes_of(rows: Any, columns: Any, seed: int = 1, operation: int = 0, **changes: Any) -> OuterCodes | None:
    return outer_codes(np.array(rows), np.array(columns), seed=seed, operation=operation, **(COMMON | changes))


def plain(rows: Any, columns: Any, rate: float, seed: int, operation: int) -> tuple[int, list[list[int]]]:
    """Section 13, *Outer products*, in plain Python, unclipped: the threshold and x, y of each pair."""
    largest_x = max(abs(x) for pair in rows for x in pair)
    largest_y = max(abs(rate * y) for pair in columns for y in pair)
    ratio = 0.025 * 127**2 / (largest_x * largest_y)
    t = max((t for t in range(1, 17) if 2**t <= ratio), default=1)
    f = math.sqrt(ratio / 2**t)
    out, cell = [], 0
    for x, y in zip(rows, columns, strict=True):
        for vector, largest in ((x, largest_x), ([rate * v for v in y], largest_y)):
            codes = []
            for value in vector:
                _, _, x2, x3 = philox((cell, 0, operation, 0), (seed, 0))
                codes.append(math.floor((value / largest) * (127 / f) + (x2 << 32 | x3) // 2**11 * 2.0**-53))
                cell += 1
            out.append(codes)
    return t, out


@pytest.mark.parametrize("pairs", [1, 2])
@pytest.mark.parametrize("rate", [1.0, -0.01, 1e-5, 3e-8, 4000.0])
def test_outer_products_follow_the_specification(pairs: int, rate: float) -> None:
    rng = np.random.default_rng(pairs)
    rows, columns = rng.normal(size=(pairs, 9)), rng.normal(size=(pairs, 7))
    found = codes_of(rows, columns, rate=rate, seed=77, operation=5)
    assert found is not None
    t, expected = plain(rows.tolist(), columns.tolist(), rate, 77, 5)
    assert found.threshold_log2 == t
    clipped = [[min(max(c, -127), 127) for c in vector] for vector in expected]
    assert [vector.tolist() for pair in zip(found.rows, found.columns, strict=True) for vector in pair] == clipped
    assert found.clipped == sum(abs(c) > 127 for vector in expected for c in vector)
    assert (found.clipped > 0) == (rate == 4000.0)


@pytest.mark.parametrize("rate", [0.5, 0.002, 1e-6])
def test_mean_deltas_are_the_desired_steps(rate: float) -> None:
    """Mean of 4000 rounded products, in weight units, within 5 standard errors of η·x·y."""
    config = ControllerConfig(rows=3, columns=4, lanes=1)
    x, y = np.array([[0.3, -1.7, 0.05]]), np.array([[1.0, -0.2, 0.0, 0.6]])
    steps = []
    for operation in range(4000):
        codes = codes_of(x, y, rate=rate, operation=operation)
        assert codes is not None
        steps.append(outer_deltas(config, codes.rows[0], codes.columns[0]) * (0.025 / 2.0**codes.threshold_log2))
    mean, spread = np.mean(steps, axis=0), np.std(steps, axis=0) / math.sqrt(4000)
    assert (np.abs(mean - rate * x.T * y) <= 5 * spread + 1e-12 * rate).all()


def test_thresholds_at_powers_of_two() -> None:
    """t is the largest that fits, to the last bit; at least 1, at most W."""
    for t in (1, 5, 16):
        scale = 0.025 * 127**2 / 2.0**t
        for factor, expected in ((1.0, t), (1 + 1e-12, max(t - 1, 1)), (1 - 1e-12, t)):
            codes = codes_of([[1.0]], [[scale * factor]])
            assert codes is not None
            assert codes.threshold_log2 == expected
    small = codes_of([[1.0]], [[1e-12]])
    assert small is not None
    assert small.threshold_log2 == 16


@pytest.mark.filterwarnings("error")
def test_extreme_steps() -> None:
    """Nothing to send; products below all floats; products above all floats are clipped, zeros stay zeros."""
    assert codes_of([[0.0, 0.0]], [[1.0]]) is None
    assert codes_of([[1.0, 0.0]], [[0.0]]) is None
    assert codes_of([[1.0, 0.0]], [[1.0]], rate=0.0) is None
    assert codes_of([[1e-200]], [[1e-200]]) is None
    tiny = codes_of([[1e-160, 0.0]], [[1e-160]])
    assert tiny is not None
    assert tiny.rows.tolist() == [[0, 0]]
    huge = codes_of([[1e200, 0.0, -1e200]], [[1e200]])
    assert huge is not None
    assert (huge.rows.tolist(), huge.columns.tolist()) == ([[127, 0, -127]], [[127]])
    assert (huge.threshold_log2, huge.clipped) == (1, 3)
    with pytest.raises(PulsetrainError, match="Rate must be a finite number, not nan"):
        codes_of([[1.0]], [[1.0]], rate=math.nan)
    with pytest.raises(PulsetrainError, match="Rate times columns must be finite, not inf"):
        codes_of([[1.0]], [[1e300]], rate=1e300)


def test_a_difference_shares_one_scale() -> None:
    codes = codes_of([[1.0, 0.0], [0.0, 0.5]], [[0.5], [-1.0]])
    assert codes is not None
    one, two = (np.abs(v).max(axis=1).tolist() for v in (codes.rows, codes.columns))
    assert abs(one[0] - 2 * one[1]) <= 2
    assert abs(two[1] - 2 * two[0]) <= 2
