"""Energy and time: units, ranges, closed forms, accounts from a tile's own counters, cycles against the RTL."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from pulsetrain.contract.configuration import CONFIGS
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.energy.accounts import Account, controller_cycles, energy, pulse_energy
from pulsetrain.energy.costs import COST_UNITS, COSTS, Costs, Quantity, named_costs, product
from pulsetrain.errors import PulsetrainError
from pulsetrain.tiles.grid import TileGrid
from pulsetrain.tiles.reports import TileCounters

BASE = CONFIGS["base"]


def exact(value: float, unit: str) -> Quantity:
    return Quantity(value, unit, value, value)


def plain_costs() -> Costs:
    """Costs of round numbers."""
    values = {
        "clock_period": 1e-8, "set_volts": 2.0, "reset_volts": 3.0, "form_volts": 4.0, "read_volts": 0.5,
        "set_width": 1e-7, "reset_width": 2e-7, "form_width": 1e-6, "settle": 1e-8, "conversion_time": 1e-6,
        "line_capacitance": 1e-13, "conversion": 1e-11, "amplifier": 1e-5, "dac": 1e-12, "cycle": 3e-11,
        "idle_cycle": 1e-11,
    }  # fmt: skip
    return Costs(**{name: exact(value, COST_UNITS[name]) for name, value in values.items()})


def test_quantities_carry_their_range() -> None:
    quantity = Quantity.within(6.0, "J", 3, "x3")
    assert (quantity.low, quantity.high) == (2.0, 18.0)
    double = quantity.times(2).plus(exact(1.0, "J"))
    assert (double.value, double.low, double.high) == (13.0, 5.0, 37.0)
    power = quantity.per(2.0)
    assert (power.value, power.unit, power.high) == (3.0, "W", 9.0)
    square = product("J", Quantity(2.0, "V", 1.0, 3.0), Quantity(2.0, "V", 1.0, 3.0), exact(0.5, "F"))
    assert (square.value, square.low, square.high) == (2.0, 0.5, 4.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Quantity(1.0, "kg", 1.0, 1.0), "Unit must be one of F, J, S, V, W, s, not 'kg'"),
        (lambda: Quantity(1.0, "J", 2.0, 3.0), "Low end must be a finite number at least 0 J and at most 1 J, not 2.0"),
        (lambda: Quantity(1.0, "J", 0.5, 0.9), "High end must be a finite number at least 1 J, not 0.9"),
        (lambda: Quantity(float("nan"), "J", 0.0, 1.0), "Value must be a finite number at least 0 J, not nan"),
        (lambda: Quantity(1.0, "J", 1.0, 1.0, 3), "Source must be text, not 3"),  # type: ignore[arg-type]
        (lambda: Quantity.within(1.0, "J", 0.5, ""), "Ratio must be a finite number at least 1, not 0.5"),
        (lambda: exact(1.0, "J").plus(exact(1.0, "V")), "Unit of a sum must be J, not V"),
        (lambda: product("J", exact(1.0, "V"), exact(1.0, "V")), "Unit of a product must be J, not V·V"),
        (lambda: exact(1.0, "V").per(1.0), "Unit of an energy must be J, not V"),
        (lambda: exact(1.0, "J").per(0.0), "Time must be a finite number above 0 s, not 0.0"),
        (lambda: named_costs("7nm"), "Costs must be one of 130nm, 180nm, 40nm, not '7nm'"),
        (lambda: replace(plain_costs(), dac=1.0), "DAC must be a Quantity, not 1.0"),  # type: ignore[arg-type]
        (lambda: replace(plain_costs(), dac=exact(1.0, "V")), "DAC must be in J, not V"),
        (lambda: replace(plain_costs(), clock_period=exact(0.0, "s")), "Clock period must be above 0 s, not 0"),
        (lambda: plain_costs().changed({"volts": 1}), "Costs: key must be one of amplifier, .*, not 'volts'"),
        (lambda: plain_costs().changed({"dac": -1}), "Costs: dac must be a finite number at least 0 J, not -1"),
        (lambda: plain_costs().changed({"dac": {"low": 1}}), "Costs: dac must have a value, not only low"),
        (lambda: plain_costs().changed({"dac": {"value": 1, "x": 2}}), "Costs: dac: key must be one of .*, not 'x'"),
        (lambda: plain_costs().changed({"dac": {"value": 1, "low": 2}}), "Costs: dac: low must be .* 1 J, not 2"),
        (lambda: Account(reads=-1), "Reads must be a finite number at least 0, not -1"),
        (lambda: Account(cycles=2, waiting=3), "Waiting must be a finite number at least 0 and at most 2, not 3"),
        (lambda: Account(adc_bits=99), "ADC bits must be an integer between 3 and 16, not 99"),
        (lambda: Account(lanes=8).plus(Account()), "Lanes must be 8 as in the other account, not 16"),
        (lambda: Account(adc_bits=6).plus(Account()), "ADC bits must be 6 as in the other account, not 8"),
        (lambda: Account(side_by_side=0.5), "Tiles side by side must be a finite number at least 1, not 0.5"),
        (lambda: Account.of(TileCounters(), BASE, ControllerSettings(), conductance=0.0, tiles=0),
         "Tiles must be an integer of at least 1, not 0"),
        (lambda: Account.of(TileCounters(), BASE, ControllerSettings(), conductance=0.0, tiles=4, fullest=0.2),
         "Share of the fullest tile must be a finite number at least 0.25 and at most 1, not 0.2"),
        (lambda: energy(None, plain_costs()), "Account must be of type Account, not None"),  # type: ignore[arg-type]
        (lambda: controller_cycles(TileCounters(), BASE, ControllerSettings(), conversion_cycles=0),
         "Conversion cycles must be an integer of at least 1, not 0"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(make: Any, message: str) -> None:
    with pytest.raises(PulsetrainError, match=message.replace("(", r"\(")):
        make()


def test_every_named_cost_has_a_source_and_a_range() -> None:
    for name, costs in COSTS.items():
        for item in fields(costs):
            quantity = getattr(costs, item.name)
            if quantity is not None:
                assert quantity.source, (name, item.name)
                assert quantity.unit == COST_UNITS[item.name]
                assert 0 < quantity.low <= quantity.value <= quantity.high
    assert set(COST_UNITS) == {item.name for item in fields(Costs)}


def test_a_device_file_changes_costs() -> None:
    costs = named_costs("130nm").changed({"set_volts": 1.0, "read_volts": {"value": 0.1, "low": 0.05, "source": "lab"}})
    assert costs.set_volts == Quantity(1.0, "V", 1.0, 1.0, "device file")
    assert costs.set_pulse is None  # the voltage was given, so its energy follows from it
    assert costs.reset_pulse == named_costs("130nm").reset_pulse
    assert (costs.read_volts.low, costs.read_volts.high, costs.read_volts.source) == (0.05, 0.1, "lab")
    assert named_costs("130nm").changed({"set_pulse": 1e-12, "set_volts": 1.0}).set_pulse is not None


def test_energy_by_hand() -> None:
    account = Account(
        pulses_set=10, pulses_reset=5, pulses_form=2, slots=17, cells_read=4000, conversions=64, dac_lines=100, reads=4,
        conversion_steps=8, cycles=1000, waiting=400, conductance=1e-4, lanes=32, adc_bits=10,
    )  # fmt: skip
    spent = energy(account, plain_costs())
    expected = {
        "SET pulses": 10 * (4 * 1e-4 * 1e-7 + 4 * 1e-13),
        "RESET pulses": 5 * (9 * 1e-4 * 2e-7 + 9 * 1e-13),
        "FORM pulses": 2 * (16 * 1e-4 * 1e-6 + 16 * 1e-13),
        "cells read": 4000 * 0.25 * 1e-4 * (4 * 1e-8 + 8 * 1e-6) / 4,
        "conversions": 64 * 1e-11 * 4,
        "amplifiers": 64 * 1e-5 * 1e-6,
        "DAC lines": 100 * 1e-12,
        "controller at work": 600 * 3e-11 * 2,
        "controller waiting": 400 * 1e-11 * 2,
    }
    assert {name: part.value for name, part in spent.joules.items()} == pytest.approx(expected)
    assert spent.total.value == pytest.approx(sum(expected.values()))
    assert spent.seconds["controller"].value == pytest.approx(1e-5)
    assert spent.seconds["reads"].value == pytest.approx(8.04e-6)
    assert spent.seconds["pulses"].value == pytest.approx(10e-7 + 5 * 2e-7 + 2e-6 + 17e-8)
    assert spent.time.value == pytest.approx(8.04e-6 + 4.17e-6)  # more than the cycles leave
    assert spent.power.value == pytest.approx(spent.total.value / spent.time.value)
    assert energy(replace(account, adc_bits=12), plain_costs()).joules["conversions"].value == pytest.approx(
        64 * 1e-11 * 64
    )
    assert energy(Account(), plain_costs()).total.value == 0 == energy(Account(), plain_costs()).power.value
    assert spent.to_dict()["total"]["unit"] == "J"


def test_a_known_pulse_energy_replaces_the_formula() -> None:
    costs = replace(plain_costs(), set_pulse=Quantity.within(1e-10, "J", 3, "measured"))
    assert pulse_energy("set", costs, 1e-4).value == 1e-10
    assert energy(Account(pulses_set=3, slots=3), costs).total.high == pytest.approx(9e-10)


def test_accounts_add_and_scale() -> None:
    one, other = Account(pulses_set=1, cells_read=99, conductance=1e-6), Account(cells_read=100, conductance=3e-6)
    both = one.plus(other)
    assert (both.pulses_set, both.cells_read, both.pulses) == (1, 199, 1)
    assert both.conductance == pytest.approx(2e-6)
    assert both.times(2.5).cells_read == pytest.approx(497.5)
    assert both.times(2.5).conductance == both.conductance
    assert Account().plus(Account()) == Account()


def test_an_account_counts_what_reads_take() -> None:
    counters = TileCounters(decisions=4096, reads=12, row_reads=2, conversions=43, pulses_set=5, slots=4)
    config = BASE.replace(columns=48, lanes=16)  # three groups of columns, four of rows
    account = Account.of(counters, config, ControllerSettings(), conductance=1e-4, input_square=0.25, backward=4)
    assert account.dac_lines == 6 * 64 + 4 * 48 + 2
    assert account.cells_read == 10 * 64 * 48 * 0.25 + 2 * 48
    assert account.conversions == 6 * 48 + 4 * 64 + (43 - 6 * 3 - 4 * 4) * 16
    assert account.conversion_steps == 43
    with pytest.raises(PulsetrainError, match=r"Backward reads must be .* at most 10, not 11"):
        Account.of(counters, config, ControllerSettings(), conductance=1e-4, backward=11)


def test_tiles_side_by_side_take_the_time_of_the_slowest() -> None:
    """Energy goes with all tiles, time with one; layers come one after the other."""
    one = TileCounters(updates=5, decisions=5 * 4096, reads=40, conversions=160, pulses_set=60, slots=5000)
    grid = TileCounters(**{name: 4 * getattr(one, name) for name in ("updates", *COUNTS)})
    settings, costs = ControllerSettings(), plain_costs()
    alone = Account.of(one, BASE, settings, conductance=1e-4, backward=10)
    alike = Account.of(grid, BASE, settings, conductance=1e-4, backward=40, tiles=4)
    assert alike == replace(alone.times(4), side_by_side=4)
    assert energy(alike, costs).total.value == pytest.approx(4 * energy(alone, costs).total.value)
    assert energy(alike, costs).time.value == pytest.approx(energy(alone, costs).time.value)
    uneven = Account.of(grid, BASE, settings, conductance=1e-4, backward=40, tiles=4, fullest=0.5)
    assert uneven.cycles > 1.5 * alike.cycles  # of the tile with half the slots, which the others wait for
    longer = energy(uneven, costs).seconds["controller"].value / energy(alone, costs).seconds["controller"].value
    assert longer == pytest.approx(uneven.cycles / alike.cycles)
    both = alike.plus(alone)
    assert both.cycles == 5 * alone.cycles
    assert energy(both, costs).time.value == pytest.approx(2 * energy(alone, costs).time.value)
    assert Account().plus(replace(Account(), side_by_side=3)).side_by_side == 3


def test_accounts_of_grids_are_those_of_their_counters() -> None:
    """A grid's counters are sums over tiles, partly used ones included."""
    grid = TileGrid(100, 70)
    grid.vmm(np.ones((3, 100)))
    grid.vmm_transposed(np.ones((2, 70)))
    account = Account.of(grid.counters, BASE, ControllerSettings(), conductance=1e-4, backward=8, tiles=4)
    assert account.reads == 4 * 5
    assert account.conversions == account.dac_lines == 4 * 5 * 64
    assert account.cells_read == 4 * 5 * 64 * 64


LONG = {"setup_cycles": 10, "set_cycles": 100, "reset_cycles": 100, "settle_cycles": 10}
COUNTS = ("decisions", "pulses_set", "pulses_reset", "slots", "reads", "row_reads", "conversions")
CYCLES: list[tuple[tuple[int, ...], dict[str, int], int, int]] = [
    # make sim, means of five trainings on two tiles of base (README): open loop and verified.
    ((3440 * 4096, 22722, 22721, 40829, 197640, 0, 790560), {}, 1, 2986303),
    ((3440 * 4096, 67955, 67954, 127782, 355156, 157516, 964107), {}, 1, 4784892),
    # RtlTile on base, six updates of 0.1, 3 or 20 % of the cells, with and without reads; short and long slots.
    ((24576, 13, 10, 23, 0, 0, 0), {}, 1, 1602),
    ((24576, 2491, 2448, 768, 0, 0, 0), {}, 1, 3138),
    ((24576, 7473, 7487, 5230, 3734, 3734, 9197), LONG, 100, 1584845),
    ((24576, 1105, 1066, 1695, 1821, 1725, 2862), LONG, 100, 512268),
]
SEEN_LATE: list[tuple[tuple[int, ...], dict[str, int], int, int]] = [
    # With synchronisers: RtlTile on base, six updates of 20 % of the cells; 40 reads forward and 40 backward.
    ((24576, 2449, 2455, 766, 0, 0, 0), {}, 1, 4725),
    ((0, 0, 0, 0, 80, 0, 320), {}, 3, 2276),
]


@pytest.mark.parametrize(
    ("synchronisers", "counts", "changes", "wait", "measured"),
    [(0, *row) for row in CYCLES] + [(1, *row) for row in SEEN_LATE],
)
def test_cycles_are_those_that_the_rtl_took(
    synchronisers: int, counts: tuple[int, ...], changes: dict[str, int], wait: int, measured: int
) -> None:
    settings, config = ControllerSettings(**changes), BASE.replace(synchronisers=synchronisers)  # type: ignore[arg-type]
    counters = TileCounters(**dict(zip(COUNTS, counts, strict=True)))
    assert controller_cycles(counters, config, settings, conversion_cycles=wait) == pytest.approx(measured, rel=0.05)
    account = Account.of(counters, config, settings, conductance=1e-4, conversion_cycles=wait)
    assert account.cycles == controller_cycles(counters, config, settings, conversion_cycles=wait)
    assert account.waiting == account.cycles - counters.decisions / 16
    counters = replace(counters, cycles=10**7)  # a tile with a clock is believed
    assert Account.of(counters, config, settings, conductance=1e-4).cycles == 10**7
