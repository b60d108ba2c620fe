"""Sums of the golden array that are not plain products: temperature and line resistance, with slow noise below them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.array.record import slow_noise
from pulsetrain.array.wires.sums import scratch_size, wired_row, wired_sums
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.device import Flicker, Temperature, Wires
from pulsetrain.device.parameters import ArrayParameters

ROWS, COLUMNS = 7, 10
SCALES: dict[str, Any] = {"full_scale": 20_000, "dac_max": 127, "adc_max": 32767}
FLICKER = Flicker(1e-6, 0.01, reads=1, octaves=4)
WARM = Temperature(350, 300, coefficient=-0.0013)
LOSSY = Wires(40.0, 70.0, 2)


def filled(*, pair: int = 0, shape: tuple[int, int] = (ROWS, COLUMNS), **effects: Any) -> CrossbarArray:
    """A quiet array with random conductances over its whole window."""
    parameters = ArrayParameters(read_noise=0, g_reference=100e-6, **effects)
    made = CrossbarArray(*shape, parameters, 1, 2, pair=pair)
    made.conductance[...] = np.random.default_rng(3).integers(0, 400_000_000, shape, endpoint=True)
    return made


def seen(made: CrossbarArray) -> NDArray[np.int32]:
    """The conductances of the last read."""
    o = slow_noise(made.block)
    g = made.conductance.astype(np.int64)
    if o.size:
        g = np.clip(g + o[: g.size].reshape(g.shape), 0, 2_100_000_000)
    return g.astype(np.int32)


def currents_of(made: CrossbarArray, codes: NDArray[np.int64], backward: bool) -> list[int]:
    """Σ c·g of each sensed line of devices of the last read: a plain product, or rounded from ``wired_sums``."""
    g = seen(made)
    driven = np.stack([codes, -codes], axis=1).reshape(-1) if backward and made.pair else codes
    wires = made.parameters.wires
    if wires is None:
        product = g.astype(np.int64) @ driven if backward else driven @ g.astype(np.int64)
        return [int(value) for value in product]
    out = np.empty(made.rows if backward else made.columns)
    scratch = np.empty(scratch_size(made.rows, made.columns))
    wired_sums(g, driven.astype(np.int32), backward, wires.row, wires.column, wires.passes, scratch, out)
    return [round(float(value)) for value in out]


def codes_of(made: CrossbarArray, currents: list[int], total: int, backward: bool) -> list[int]:
    """Section 18 from the currents on: temperature, reference or pair, and the converter, in plain Python."""
    temperature = made.parameters.temperature
    if temperature is not None:
        currents = [round(float(value) * temperature.conductance_factor) for value in currents]
    if not made.pair:
        weighed = [value - total * 100_000_000 for value in currents]
    else:
        weighed = currents if backward else [a - b for a, b in zip(currents[::2], currents[1::2], strict=True)]
    scale = SCALES["full_scale"] * 1e5 * SCALES["dac_max"]
    found = [round(float(value) * SCALES["adc_max"] / scale) for value in weighed]
    assert max(abs(code) for code in found) < SCALES["adc_max"]
    return found


@pytest.mark.parametrize("effects", [
    {"temperature": WARM},
    {"temperature": WARM, "flicker": FLICKER},
    {"wires": LOSSY},
    {"wires": LOSSY, "flicker": FLICKER},
    {"wires": LOSSY, "flicker": FLICKER, "temperature": WARM},
], ids=lambda effects: " ".join(effects))  # fmt: skip
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("pair", [0, 1])
def test_sums_follow_the_specification(effects: dict[str, Any], backward: bool, pair: int) -> None:
    """Whole reads, bit for bit from integers (and from the sums that ``wires.sums`` gives), pins as well."""
    made, pins = filled(pair=pair, **effects), filled(pair=pair, **effects)
    plain = filled(pair=pair)
    config = ControllerConfig(rows=ROWS, columns=COLUMNS, lanes=1, pair=pair, adc_count=4, adc_bits=16)
    pins.use_converters(config)
    rng = np.random.default_rng(4)
    groups = config.row_groups if backward else config.column_groups
    for _ in range(6):
        codes = rng.integers(-127, 128, made.weight_columns if backward else ROWS)
        found = made.read(codes[np.newaxis], backward=backward, **SCALES)[0].tolist()
        assert found == codes_of(made, currents_of(made, codes, backward), int(codes.sum()), backward)
        assert found != plain.read(codes[np.newaxis], backward=backward, **SCALES)[0].tolist()
        dac = codes.astype(np.int32)
        grouped = np.concatenate(
            [pins.convert(g, first=g == 0, full_scale=20_000, dac=dac, backward=backward) for g in range(groups)]
        )
        assert grouped[: len(found)].tolist() == found


@pytest.mark.parametrize("effects", [
    {"temperature": WARM, "flicker": FLICKER},
    {"wires": LOSSY},
    {"wires": LOSSY, "flicker": FLICKER, "temperature": WARM},
], ids=lambda effects: " ".join(effects))  # fmt: skip
@pytest.mark.parametrize("pair", [0, 1])
def test_sums_of_a_row_follow_the_specification(effects: dict[str, Any], pair: int) -> None:
    """Reads of one row: its devices alone conduct."""
    made = filled(pair=pair, **effects)
    config = ControllerConfig(
        rows=ROWS, columns=COLUMNS, lanes=1, pair=pair, adc_count=max(ROWS, COLUMNS // (1 + pair)), adc_bits=16
    )
    made.use_converters(config)
    assert (config.dac_max, config.adc_max) == (127, 32767)
    for row in (0, 3, ROWS - 1):
        found = made.convert(0, first=True, full_scale=20_000, row=row)
        currents = [127 * int(g) for g in seen(made)[row]]
        wires = made.parameters.wires
        if wires is not None:
            out = np.empty(COLUMNS)
            scratch = np.empty(scratch_size(ROWS, COLUMNS))
            wired_row(seen(made), 127, row, wires.row, wires.column, scratch, out)
            currents = [round(float(value)) for value in out]
        assert found[: made.weight_columns].tolist() == codes_of(made, currents, 127, False)


@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("pair", [0, 1])
def test_wires_without_resistance_are_none(pair: int, backward: bool, passes: int) -> None:
    ideal, wired = (
        filled(pair=pair, flicker=FLICKER, temperature=WARM, wires=wires) for wires in (None, Wires(0, 0, passes))
    )
    driven = ideal.weight_columns if backward else ROWS
    vectors = np.random.default_rng(4).integers(-127, 128, (9, driven))
    expected = ideal.read(vectors, backward=backward, **SCALES)
    assert np.array_equal(wired.read(vectors, backward=backward, **SCALES), expected)
    for made in (ideal, wired):
        made.use_converters(
            ControllerConfig(rows=ROWS, columns=COLUMNS, lanes=1, pair=pair, adc_count=max(ROWS, COLUMNS // (1 + pair)))
        )
    first, second = (made.convert(0, first=True, full_scale=6400, row=4) for made in (ideal, wired))
    assert first.tolist() == second.tolist()


def nodal(g: NDArray[np.float64], volts: NDArray[np.float64], r_row: float, r_column: float) -> NDArray[np.float64]:
    """Currents out of the columns by Kirchhoff's law at every node, a dense system: rows have their source before
    column 0, columns their ground after the last row, one segment away from the nearest cell each."""
    rows, columns = g.shape
    matrix, right = np.zeros((2 * g.size, 2 * g.size)), np.zeros(2 * g.size)

    def conductor(a: int, b: int | None, siemens: float, volt: float = 0.0) -> None:
        """Between nodes a and b, or from a to a source of ``volt``."""
        matrix[a, a] += siemens
        if b is None:
            right[a] += siemens * volt
            return
        matrix[b, b] += siemens
        matrix[a, b] -= siemens
        matrix[b, a] -= siemens

    for i in range(rows):
        for j in range(columns):
            top, bottom = i * columns + j, g.size + i * columns + j
            conductor(top, bottom, g[i, j])
            conductor(top, top - 1 if j else None, 1 / r_row, volts[i])
            conductor(bottom, bottom + columns if i < rows - 1 else None, 1 / r_column)
    solved: NDArray[Any] = np.linalg.solve(matrix, right)[-columns:] / r_column
    return solved


@pytest.mark.parametrize(("ohm", "passes", "bound"), [(1.0, 1, 2e-3), (1.0, 2, 2e-4), (5.0, 2, 5e-3), (5.0, 8, 1e-4)])
@pytest.mark.parametrize("backward", [False, True])
def test_line_resistance_is_that_of_the_network(ohm: float, passes: int, bound: float, backward: bool) -> None:
    """24 × 20 devices of 200 µS on average: codes within ``bound`` of the largest output from Kirchhoff's law, where
    plain products are wrong by much more. A backward read is a forward one of the network seen from the columns."""
    made = filled(shape=(24, 20), wires=Wires(ohm, 1.5 * ohm, passes))
    vectors = np.random.default_rng(4).integers(0, 128, (4, 20 if backward else 24))
    scales: dict[str, Any] = {"full_scale": 65_535, "dac_max": 127, "adc_max": 32767}
    found = made.read(vectors, backward=backward, **scales) / 32767 * 65_535 * 127 * 0.1  # codes · µS of weights
    g = made.conductance / 1e12
    if backward:  # turned over: rows become columns, and the end of each line stays where it was
        g, along, across = g.T[::-1, ::-1], 1.5 * ohm, ohm
    else:
        along, across = ohm, 1.5 * ohm
    for codes, output in zip(vectors.tolist(), found, strict=True):
        volts = np.array(codes[::-1] if backward else codes, np.float64)
        exact, ideal = (values * 1e6 for values in (nodal(g, volts, along, across), volts @ g))
        measured = (output[::-1] if backward else output) + 100 * sum(codes)  # the reference is ideal
        largest = np.abs(g).sum(axis=0).max() * 127e6
        assert np.abs(measured - exact).max() < bound * largest
        assert np.abs(ideal - exact).max() > 5 * bound * largest


def test_a_row_is_read_through_its_own_devices_alone() -> None:
    """Within one unit of the converter of Kirchhoff's law with all other rows open."""
    made = filled(shape=(24, 20), wires=Wires(5.0, 8.0))
    made.use_converters(ControllerConfig(rows=24, columns=20, lanes=1, adc_count=20, adc_bits=16))
    for row in (0, 11, 23):
        found = made.convert(0, first=True, full_scale=4000, row=row) / 32767 * 400e-6 + 100e-6
        g, volts = np.zeros((24, 20)), np.zeros(24)
        g[row], volts[row] = made.conductance[row] / 1e12, 1.0
        exact = nodal(g, volts, 5.0, 8.0)
        assert np.abs(found - exact).max() < 0.6 * 400e-6 / 32767
        assert np.abs(g[row] - exact).max() > 2e-6
