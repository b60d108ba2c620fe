"""Reads of the golden array: exact sums, noise, offsets, clipping, batches, conversions at the pins and bad input."""

from __future__ import annotations

import ctypes
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError
from pulsetrain.numerics.noise import normals
from scipy.stats import kstest

QUIET = ArrayParameters(read_noise=0)


def filled(
    rows: int = 5, columns: int = 6, parameters: ArrayParameters = QUIET, *, pair: int = 0, seed: int = 3
) -> CrossbarArray:
    """An array with random conductances over its whole window, both ends included."""
    made = CrossbarArray(rows, columns, parameters, 1, seed, pair=pair)
    low, high = (round(g * 1e12) for g in (parameters.g_min, parameters.g_max))
    made.conductance[...] = np.random.default_rng(rows).integers(low, high, (rows, columns), endpoint=True)
    made.conductance[0, :2] = low, high
    return made


def plain(
    made: CrossbarArray, codes: list[int], backward: bool, number: int, scales: tuple[int, int, int]
) -> list[int]:
    """Section 12, *Reads*, for one vector in plain Python: unclipped codes of all lines sampled."""
    full_scale, dac_max, adc_max = scales
    g = [[int(value) for value in row] for row in made.conductance]
    if made.pair:
        w = [[row[2 * m] - row[2 * m + 1] for m in range(made.weight_columns)] for row in g]
    else:
        w = [[value - round(made.parameters.g_reference * 1e12) for value in row] for row in g]
    lines = list(zip(*w, strict=True)) if not backward else w
    out = []
    for line, values in enumerate(lines):
        value = float(sum(c * x for c, x in zip(codes, values, strict=True)))
        z = normals(made.read_seed, number, np.array([line]), np.array([int(backward)]))[0]
        fixed = normals(made.read_seed, 0, np.array([line]), np.array([int(backward) + 2]))[0]
        if made.parameters.read_noise:
            value = value + (made.parameters.read_noise * 1e12 * math.sqrt(sum(c * c for c in codes))) * float(z)
        if made.parameters.adc_offset:
            value = value + dac_max * (made.parameters.adc_offset * 1e12 * float(fixed))
        out.append(round((value * adc_max) / ((full_scale * 1e5) * dac_max)))
    return out


@pytest.mark.parametrize("parameters", [
    QUIET,
    ArrayParameters(),
    ArrayParameters(adc_offset=3e-6),
    ArrayParameters(read_noise=0, adc_offset=3e-6, g_min=13e-6, g_max=1.9e-3, g_reference=1e-3),
], ids=["quiet", "noise", "noise and offsets", "offsets"])  # fmt: skip
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("pair", [0, 1])
@pytest.mark.parametrize("scales", [(6400, 127, 127), (900, 2047, 32767), (60, 1, 3)])
def test_reads_follow_the_specification(
    parameters: ArrayParameters, backward: bool, pair: int, scales: tuple[int, int, int]
) -> None:
    made = filled(5, 6, parameters, pair=pair)
    driven = made.weight_columns if backward else 5
    vectors = np.random.default_rng(7).integers(-scales[1], scales[1], (12, driven), endpoint=True)
    vectors[0], vectors[1], vectors[2] = 0, scales[1], -scales[1]
    full_scale, dac_max, adc_max = scales
    found = made.read(vectors, backward=backward, full_scale=full_scale, dac_max=dac_max, adc_max=adc_max)
    free = [plain(made, [int(c) for c in vector], backward, number, scales) for number, vector in enumerate(vectors)]
    assert found.tolist() == np.clip(free, -adc_max, adc_max).tolist()
    assert made.clipped == int((np.abs(free) > adc_max).sum())
    assert (made.reads, made.operation) == (12, 0)
    assert found.dtype == np.int16


def test_largest_sums_are_exact() -> None:
    """1024 lines at the largest codes and conductances: sums near 2^52, each code as of exact fractions."""
    parameters = ArrayParameters(g_min=0, g_max=2e-3, g_reference=2e-3, read_noise=0)
    made = CrossbarArray(1024, 4, parameters, 1, 1)
    made.conductance[...] = np.random.default_rng(1).integers(0, 1000, (1024, 4))
    codes = np.full((1, 1024), 2047)
    codes[0, ::3] = 2046
    found = made.read(codes, full_scale=65535, dac_max=2047, adc_max=32767)
    for line in range(4):
        total = sum(int(c) * (int(g) - 2_000_000_000) for c, g in zip(codes[0], made.conductance[:, line], strict=True))
        assert abs(total) > 2**51
        exact = Fraction(total * 32767, 65535 * 10**5 * 2047)
        assert found[0, line] == max(round(exact), -32767)


@pytest.mark.parametrize("backward", [False, True])
def test_splitting_a_batch_changes_nothing(backward: bool) -> None:
    whole, parts = (filled(9, 9, ArrayParameters(adc_offset=1e-6)) for _ in range(2))
    vectors = np.random.default_rng(2).integers(-127, 128, (20, 9))
    scales: dict[str, Any] = {"full_scale": 2000, "dac_max": 127, "adc_max": 127}
    expected = whole.read(vectors, backward=backward, **scales)
    found = [parts.read(part, backward=backward, **scales) for part in np.split(vectors, [0, 1, 8, 20])]
    assert np.array_equal(np.concatenate(found), expected)
    assert parts.reads == whole.reads == 20
    assert parts.read(vectors[:0], backward=backward, **scales).shape == (0, 9)


@pytest.mark.parametrize(("pair", "adc_count"), [(0, 1), (0, 4), (0, 10), (1, 2), (1, 3)])
@pytest.mark.parametrize("backward", [False, True])
def test_conversions_at_the_pins_are_those_reads(pair: int, adc_count: int, backward: bool) -> None:
    """Group by group, through Python and through the C function, as in one piece; 0 beyond the last line."""
    config = ControllerConfig(rows=7, columns=10, lanes=1, pair=pair, adc_count=adc_count)
    once, grouped, c_side = (filled(7, 10, ArrayParameters(), pair=pair) for _ in range(3))
    grouped.use_converters(config)
    c_side.use_converters(config)
    driven, sampled = (config.weight_columns, 7) if backward else (7, config.weight_columns)
    groups = config.row_groups if backward else config.column_groups
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_uint32] * 6, ctypes.c_void_p, ctypes.c_void_p)
    convert, context = function(c_side.port.convert), c_side.port.context
    for seed in range(3):
        dac = np.random.default_rng(seed).integers(-127, 128, driven).astype(np.int32)
        scales: dict[str, Any] = {"full_scale": 3000, "dac_max": 127, "adc_max": 127}
        expected = np.zeros(groups * adc_count, np.int32)
        expected[:sampled] = once.read(dac[np.newaxis], backward=backward, **scales)[0]
        codes = np.empty(adc_count, np.int32)
        for g in range(groups):
            part = expected[g * adc_count : (g + 1) * adc_count]
            found = grouped.convert(g, first=g == 0, full_scale=3000, dac=dac, backward=backward)
            convert(context, backward, 1, 0, 3000, g, g == 0, dac.ctypes.data, codes.ctypes.data)
            assert found.tolist() == part.tolist() == codes.tolist()
    assert once.reads == grouped.reads == c_side.reads == 3


@pytest.mark.parametrize("pair", [0, 1])
def test_reads_of_a_row(pair: int) -> None:
    """A row alone with c_max is a whole read with c_max in that row and 0 elsewhere; groups may be left out."""
    config = ControllerConfig(rows=7, columns=10, lanes=1, pair=pair, adc_count=2)
    whole, alone = (filled(7, 10, ArrayParameters(), pair=pair) for _ in range(2))
    alone.use_converters(config)
    for number, row in enumerate((0, 3, 6)):
        dac = np.zeros((1, 7), np.int32)
        dac[0, row] = 127
        expected = whole.read(dac, full_scale=2540, dac_max=127, adc_max=127)[0]
        for group in (1, 2):
            found = alone.convert(group, first=group == 1, full_scale=2540, row=row)
            assert found.tolist() == [*expected[2 * group : 2 * group + 2], 0][:2]
        assert alone.reads == number + 1


def statistics_codes(parameters: ArrayParameters, n: int) -> NDArray[np.int16]:
    """Codes of ``n`` reads of weights 0 in units of 0.01 µS: F·0.1 µS at full input over 32767 codes."""
    made = CrossbarArray(16, 64, parameters, 1, 9)
    codes = np.zeros((n, 16), np.int32)
    codes[:, :4] = 127
    return made.read(codes, full_scale=3277, dac_max=127, adc_max=32767)


def test_read_noise_has_the_stated_spread() -> None:
    """Four lines at full input: σ = 2 · 0.5 µS, within 4 standard errors, normal, new for every read and line."""
    codes = statistics_codes(ArrayParameters(), 1000) / 100
    count = codes.size
    assert abs(codes.mean()) < 4 / math.sqrt(count)
    assert abs(codes.std() - 1) < 4 / math.sqrt(2 * count)
    assert kstest((codes + np.random.default_rng(1).uniform(-0.005, 0.005, codes.shape)).ravel(), "norm").pvalue > 1e-3
    assert abs(np.mean(codes[1:] * codes[:-1])) < 4 / math.sqrt(count)
    assert abs(np.mean(codes[:, 1:] * codes[:, :-1])) < 4 / math.sqrt(count)


def test_offsets_are_fixed_and_have_the_stated_spread() -> None:
    """σ = 3 µS over the lines of many arrays within 4 standard errors, the same in every read of an array."""
    spread = []
    for seed in range(40):
        made = CrossbarArray(8, 64, ArrayParameters(read_noise=0, adc_offset=3e-6), 1, seed)
        codes = made.read(np.zeros((3, 8), np.int32), full_scale=3277, dac_max=127, adc_max=32767)
        back = made.read(np.zeros((1, 64), np.int32), backward=True, full_scale=3277, dac_max=127, adc_max=32767)
        assert (codes == codes[0]).all()
        assert np.mean(back[0] == codes[0, :8]) < 0.5  # each direction has its own
        spread.append(codes[0] / 100)
    offsets = np.concatenate(spread)
    assert abs(offsets.mean()) < 4 * 3 / math.sqrt(offsets.size)
    assert abs(offsets.std() - 3) < 4 * 3 / math.sqrt(2 * offsets.size)


def test_saved_state_goes_on_with_the_next_read() -> None:
    made, other = filled(5, 6, ArrayParameters(adc_offset=1e-6)), filled(5, 6, ArrayParameters(adc_offset=1e-6), seed=8)
    scales: dict[str, Any] = {"full_scale": 100, "dac_max": 127, "adc_max": 127}
    vectors = np.random.default_rng(2).integers(-127, 128, (4, 5))
    made.read(vectors, **scales)
    assert made.clipped > 0
    other.restore(made.state())
    assert (other.reads, other.clipped, other.read_seed) == (4, made.clipped, 3)
    assert np.array_equal(made.read(vectors, **scales), other.read(vectors, **scales))
    assert made.clipped == other.clipped


def test_read_numbers_wrap_at_64_bits() -> None:
    made, fresh = filled(5, 6, ArrayParameters()), filled(5, 6, ArrayParameters())
    scales: dict[str, Any] = {"full_scale": 3000, "dac_max": 127, "adc_max": 127}
    made.restore(made.state() | {"reads": 2**64 - 1})
    made.read(np.ones((1, 5), np.int64), **scales)
    assert made.reads == 0
    vectors = np.full((2, 5), 99)
    assert np.array_equal(made.read(vectors, **scales), fresh.read(vectors, **scales))


@pytest.mark.parametrize(
    ("codes", "changes", "message"),
    [
        (np.zeros(5, np.int8), {}, r"Codes must have shape \(n, 5\) \(vectors, driven lines\), not \(5,\)"),
        (np.zeros((2, 6), np.int8), {}, r"Codes must have shape \(n, 5\) .*, not \(2, 6\)"),
        (np.zeros((2, 5), np.int8), {"backward": True}, r"Codes must have shape \(n, 6\) .*, not \(2, 5\)"),
        (np.zeros((2, 5)), {}, "Codes must be integers, not float64"),
        ([[1], [1, 2]], {}, "Codes must be an array with rows of one length, not list"),
        (np.full((2, 5), -128), {}, "Codes must be between -127 and 127, not -128 in vector 0, line 0"),
        ([[0] * 5, [0, 0, 300, 0, 0]], {}, "Codes must be between -127 and 127, not 300 in vector 1, line 2"),
        (np.zeros((2, 5), np.int8), {"full_scale": 0}, "Full scale must be an integer between 1 and 65535, not 0"),
        (np.zeros((2, 5), np.int8), {"dac_max": 2048}, "Largest DAC code must be an integer between 1 and 2047"),
        (np.zeros((2, 5), np.int8), {"adc_max": 0.5}, "Largest ADC code must be an integer between 1 and 32767"),
    ],
)
def test_rejects_reads(codes: Any, changes: dict[str, Any], message: str) -> None:
    made = filled()
    with pytest.raises(PulsetrainError, match=message):
        made.read(codes, **({"full_scale": 3000, "dac_max": 127, "adc_max": 127} | changes))
    assert made.reads == 0


def test_rejects_converters_of_another_shape() -> None:
    message = r"Configuration must be that of the array \(5 rows, 6 columns, pair 0\), not 5 rows, 6 columns, pair 1"
    with pytest.raises(PulsetrainError, match=message):
        filled().use_converters(ControllerConfig(rows=5, columns=6, lanes=1, pair=1))
