"""Slow noise of the golden array: flicker and telegraph noise against section 18, their statistics, and what holds."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.array.record import header, slow_noise
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.device import Flicker, Telegraph
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.numerics.noise import normals, uniforms
from scipy.stats import kstest

QUIET: dict[str, Any] = {"read_noise": 0, "g_reference": 100e-6}
BOTH = ArrayParameters(
    **QUIET, flicker=Flicker(0.7e-6, 0.03, reads=3, octaves=3), telegraph=Telegraph(0.5, 0.1, 2e-6, 0.4, reads=5)
)
SCALES: dict[str, Any] = {"full_scale": 900, "dac_max": 127, "adc_max": 32767}
TOP = 2_100_000_000


def filled(rows: int, columns: int, parameters: ArrayParameters, *, pair: int = 0) -> CrossbarArray:
    """An array with random conductances over its whole window."""
    made = CrossbarArray(rows, columns, parameters, 11, 2**40 + 3, pair=pair)
    made.conductance[...] = np.random.default_rng(rows).integers(0, 400_000_000, (rows, columns), endpoint=True)
    return made


def noise_of(made: CrossbarArray) -> NDArray[np.int64]:
    """Slow noise of each device as the array holds it."""
    return slow_noise(made.block)[: made.rows * made.columns].reshape(made.rows, made.columns).astype(np.int64)


def expected_noise(made: CrossbarArray, number: int) -> NDArray[np.int64]:
    """Section 18 for a renewal at read ``number``, device by device in plain Python."""
    par, out = made.parameters, np.zeros((made.rows, made.columns), np.int64)
    for cell, g in enumerate(int(value) for value in made.conductance.reshape(-1)):
        total, at = 0.0, np.array([cell])
        if par.flicker is not None:
            for k in range(par.flicker.octaves):
                z = normals(made.read_seed, number // (par.flicker.reads * 2**k), at, np.array([16 + k]))[0]
                total = total + (par.flicker.sigma * 1e12 + par.flicker.relative * g) * float(z)
        o = round(total)
        if par.telegraph is not None:
            has = uniforms(made.seed, 0, at, np.array([2**32 - 6]))[0] < par.telegraph.share
            state = uniforms(made.read_seed, number // par.telegraph.reads, at, np.array([8]))[0]
            if has and state < par.telegraph.occupancy:
                o -= round(par.telegraph.relative * g + par.telegraph.step * 1e12)
        out.reshape(-1)[cell] = o
    return out


def expected_codes(made: CrossbarArray, g: NDArray[np.int64], codes: NDArray[np.int64], backward: bool) -> list[int]:
    """The codes of a quiet read of conductances ``g``: exact sums, one rounding."""
    reference = round(made.parameters.g_reference * 1e12)
    weights = g[:, 0::2] - g[:, 1::2] if made.pair else g - reference
    sums = weights @ codes if backward else codes @ weights
    scale = SCALES["full_scale"] * 1e5 * SCALES["dac_max"]
    return [max(-32767, min(32767, round(float(s) * 32767 / scale))) for s in sums.tolist()]


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("pair", [0, 1])
@pytest.mark.parametrize("start", [0, 7, 2**32 - 3, 2**63 - 4, 2**64 - 9])
def test_reads_see_what_the_specification_says(start: int, pair: int, backward: bool) -> None:
    """The noise is new at the first read and at multiples of 3 and 5, with the conductances as they are then."""
    made = filled(5, 6, BOTH, pair=pair)
    made.restore(made.state() | {"reads": start})
    rng = np.random.default_rng(start % 1000)
    held, renewals = np.zeros((5, 6), np.int64), 0
    for n in range(12):
        number = (start + n) % 2**64
        before = (number - 1) % 2**64
        if n == 0 or number // 3 != before // 3 or number // 5 != before // 5:
            held = expected_noise(made, number)
            renewals += 1
        codes = rng.integers(-127, 128, made.weight_columns if backward else 5)
        found = made.read(codes[np.newaxis], backward=backward, **SCALES)[0]
        seen = np.clip(made.conductance + held, 0, TOP)
        assert found.tolist() == expected_codes(made, seen, codes, backward)
        assert np.array_equal(noise_of(made), held)
        made.conductance[...] = rng.integers(0, 400_000_000, (5, 6))
    assert 4 < renewals < 9
    assert made.reads == (start + 12) % 2**64


def test_a_conductance_is_cut_to_what_there_can_be() -> None:
    """Noise far beyond the conductance: between nothing and 2.1·10⁹ pS, whatever the integer would hold."""
    par = ArrayParameters(**QUIET | {"g_max": 2e-3}, flicker=Flicker(20e-6, 0.5, reads=1, octaves=16))
    made = filled(8, 64, par)
    made.conductance[...] = 2_000_000_000
    codes = np.zeros((1, 8), np.int64)
    codes[0, 5] = 1
    found = made.read(codes, full_scale=40000, dac_max=1, adc_max=32767)[0]
    seen = np.clip(2_000_000_000 + expected_noise(made, 0)[5], 0, TOP)
    assert (seen == 0).any()
    assert (seen == TOP).any()
    assert found.tolist() == [round((int(g) - 100_000_000) * 32767 / 4e9) for g in seen]


@pytest.mark.parametrize("pair", [0, 1])
@pytest.mark.parametrize("backward", [False, True])
def test_all_ways_to_read_see_the_same(pair: int, backward: bool) -> None:
    """In one batch, one by one, group by group through Python, and through the C function; with white noise on top."""
    par = ArrayParameters(flicker=BOTH.flicker, telegraph=BOTH.telegraph)
    config = ControllerConfig(rows=7, columns=10, lanes=1, pair=pair, adc_count=3)
    batch, single, grouped, c_side = (filled(7, 10, par, pair=pair) for _ in range(4))
    grouped.use_converters(config)
    c_side.use_converters(config)
    driven, sampled = (config.weight_columns, 7) if backward else (7, config.weight_columns)
    groups = config.row_groups if backward else config.column_groups
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_uint32] * 6, ctypes.c_void_p, ctypes.c_void_p)
    convert, context = function(c_side.port.convert), c_side.port.context
    vectors = np.random.default_rng(1).integers(-127, 128, (14, driven)).astype(np.int32)
    scales: dict[str, Any] = {"full_scale": 3000, "dac_max": 127, "adc_max": config.adc_max}
    expected = batch.read(vectors, backward=backward, **scales)
    without = filled(7, 10, ArrayParameters(), pair=pair).read(vectors, backward=backward, **scales)
    assert np.mean(expected != without) > 0.3
    assert np.array_equal(
        np.concatenate([single.read(vector[np.newaxis], backward=backward, **scales) for vector in vectors]), expected
    )
    codes = np.empty(3, np.int32)
    for vector, wanted in zip(vectors, expected, strict=True):
        padded = np.zeros(groups * 3, np.int32)
        padded[:sampled] = wanted
        for g in range(groups):
            part = padded[3 * g : 3 * g + 3].tolist()
            found = grouped.convert(g, first=g == 0, full_scale=3000, dac=vector, backward=backward)
            convert(context, backward, 1, 0, 3000, g, g == 0, vector.ctypes.data, codes.ctypes.data)
            assert found.tolist() == codes.tolist() == part


@pytest.mark.parametrize("pair", [0, 1])
def test_reads_of_a_row_see_it_and_count(pair: int) -> None:
    """Rows are read as with c_max in that row and 0 elsewhere: the noise is renewed by them as by any read."""
    config = ControllerConfig(rows=7, columns=10, lanes=1, pair=pair, adc_count=4)
    whole, alone = (filled(7, 10, BOTH, pair=pair) for _ in range(2))
    alone.use_converters(config)
    for number in range(11):
        dac = np.zeros((1, 7), np.int32)
        dac[0, number % 7] = 127
        expected = whole.read(dac, full_scale=2540, dac_max=127, adc_max=config.adc_max)[0]
        found = alone.convert(1, first=True, full_scale=2540, row=number % 7)
        assert np.array_equal(found[: len(expected[4:8])], expected[4:8])
        assert np.array_equal(noise_of(whole), noise_of(alone))
    assert alone.reads == 11


def series(parameters: ArrayParameters, shape: tuple[int, int], count: int) -> NDArray[np.int64]:
    """Slow noise of each device at each of ``count`` reads, (reads, devices)."""
    made = CrossbarArray(*shape, parameters, 5, 6)
    codes, out = np.zeros((1, shape[0]), np.int32), []
    for _ in range(count):
        made.read(codes, **SCALES)
        out.append(noise_of(made).reshape(-1))
    return np.array(out)


def test_the_spectrum_of_flicker_is_one_over_f() -> None:
    """Periodogram of 192 constant devices, averaged over them: its slope over seven octaves is −1 within 0.1, and each
    octave holds the same power within a fifth; a white spectrum has the slope 0, a random walk −2."""
    count = 2048
    o = series(ArrayParameters(flicker=Flicker(1e-6, reads=1, octaves=10)), (8, 24), count) / 1e6
    power = (np.abs(np.fft.rfft(o, axis=0)) ** 2).mean(axis=1) / count
    frequency = np.fft.rfftfreq(count)
    octaves = [(2.0**-k, 2.0 ** (1 - k)) for k in range(3, 10)]
    density = [power[(frequency >= low) & (frequency < high)].mean() for low, high in octaves]
    middle = [math.sqrt(low * high) for low, high in octaves]
    slope = np.polyfit(np.log(middle), np.log(density), 1)[0]
    assert abs(slope + 1) < 0.1
    held = np.array([d * (high - low) for d, (low, high) in zip(density, octaves, strict=True)])
    assert held.max() / held.min() < 1.2 / 0.8


@pytest.mark.parametrize("octaves", [1, 4, 16])
def test_the_spread_of_flicker(octaves: int) -> None:
    """(sigma + relative·G)·√octaves over 16384 devices within 4 standard errors, normal, no mean."""
    made = CrossbarArray(128, 128, ArrayParameters(flicker=Flicker(0.5e-6, 0.01, octaves=octaves)), 5, 6)
    made.conductance[:64] = 40_000_000
    made.read(np.zeros((1, 128), np.int32), **SCALES)
    for half, sigma in ((noise_of(made)[:64], 0.9e6), (noise_of(made)[64:], 2.5e6)):
        scaled = half.reshape(-1) / (sigma * math.sqrt(octaves))
        assert abs(scaled.mean()) < 4 / math.sqrt(scaled.size)
        assert abs(scaled.std() - 1) < 4 / math.sqrt(2 * scaled.size)
        assert kstest(scaled, "norm").pvalue > 1e-3


def test_octaves_are_held_as_long_as_they_say() -> None:
    """Octave k alone changes every reads·2^k reads; correlation between reads is the share of octaves still held."""
    one = series(ArrayParameters(flicker=Flicker(1e-6, reads=4, octaves=1)), (8, 8), 24)
    for n in range(1, 24):
        assert (one[n] == one[n - 1]).all() == (n % 4 != 0)
    four = series(ArrayParameters(flicker=Flicker(1e-6, reads=2, octaves=4)), (64, 64), 17) / 1e6
    for later, held in ((1, 4), (2, 3), (4, 2), (8, 1), (16, 0)):
        assert abs(np.mean(four[0] * four[later]) - held) < 4 * 4 / 64


@pytest.mark.parametrize(("share", "occupancy"), [(0.3, 0.2), (1.0, 0.5), (0.05, 1.0)])
def test_telegraph_noise_has_two_levels(share: float, occupancy: float) -> None:
    """Devices with it (share) are lower by relative·G + step in a share of the periods (occupancy), new every 4 reads;
    the others stay."""
    par = ArrayParameters(telegraph=Telegraph(share, 0.05, 1e-6, occupancy, reads=4))
    o = series(par, (48, 48), 400)
    assert set(np.unique(o).tolist()) <= {0, -(10_000_000 + 1_000_000)}
    assert all((o[n] == o[n - 1]).all() for n in range(400) if n % 4)
    has = (o < 0).any(axis=0)
    assert abs(has.mean() - share) <= 4 * math.sqrt(share * (1 - share) / has.size)
    states = o[::4, has] < 0
    assert abs(states.mean() - occupancy) <= 4 * math.sqrt(occupancy * (1 - occupancy) / states.size)
    if occupancy == 0.5:
        jumps = (states[1:] != states[:-1]).mean()
        assert abs(jumps - 0.5) < 4 * 0.5 / math.sqrt(states[1:].size)


def test_which_devices_have_telegraph_noise_is_theirs_not_the_reads() -> None:
    """The noise seed chooses the devices, the read seed their states."""
    par = ArrayParameters(telegraph=Telegraph(0.5, 0.1, occupancy=1.0))
    arrays = [CrossbarArray(16, 16, par, seed, read_seed) for seed, read_seed in ((1, 1), (1, 2), (2, 1))]
    for made in arrays:
        made.read(np.zeros((1, 16), np.int32), **SCALES)
    assert np.array_equal(noise_of(arrays[0]), noise_of(arrays[1]))
    assert not np.array_equal(noise_of(arrays[0]), noise_of(arrays[2]))


def test_noise_of_no_size_changes_nothing() -> None:
    vectors = np.random.default_rng(1).integers(-127, 128, (40, 9))
    found = [
        filled(9, 9, par).read(vectors, full_scale=3000, dac_max=127, adc_max=127)
        for par in (ArrayParameters(), ArrayParameters(flicker=Flicker(), telegraph=Telegraph(0.0, 0.5)))
    ]
    assert np.array_equal(found[0], found[1])


def test_without_slow_noise_nothing_is_kept() -> None:
    made = filled(9, 9, ArrayParameters())
    made.read(np.ones((40, 9), np.int32), full_scale=3000, dac_max=127, adc_max=127)
    assert slow_noise(made.block).size == 0
    assert (int(header(made.block).slow_reads), made.reads) == (0, 40)


@pytest.mark.parametrize("reads", [0, 4, 7])
def test_a_saved_state_goes_on_with_the_noise_as_it_was(reads: int) -> None:
    """Written after a renewal: the noise made from the conductances before is part of the state."""
    par = ArrayParameters(flicker=BOTH.flicker, telegraph=BOTH.telegraph)
    made, other = filled(5, 6, par), CrossbarArray(5, 6, par, 99, 98)
    rng = np.random.default_rng(1)
    scales: dict[str, Any] = {"full_scale": 3000, "dac_max": 127, "adc_max": 127}
    made.read(rng.integers(-127, 128, (reads, 5)), **scales)
    made.apply_pulses(rng.integers(-9, 10, (5, 6)))
    other.restore(made.state())
    for _ in range(10):
        codes = rng.integers(-127, 128, (1, 5))
        assert np.array_equal(made.read(codes, **scales), other.read(codes, **scales))
        assert np.array_equal(noise_of(made), noise_of(other))
        made.apply_pulses(np.ones((5, 6), np.int16))
        other.apply_pulses(np.ones((5, 6), np.int16))
