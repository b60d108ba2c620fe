"""What an event costs: pulses, reads, conversions, drivers and clock cycles, each with a source and a range.

A number here is an estimate. ``low`` and ``high`` say between which values it is believed to lie; "x3" in a source is a
ratio, from a third of the value to three times it. What was measured or published is named with where; "recalled" marks
numbers without a source at hand. Costs of the host (gradients, optimizer) are left out everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from pulsetrain.errors import PulsetrainError, check_choice, check_real

UNITS = ("J", "V", "S", "F", "W", "s")
"""Units that costs are given in."""


@dataclass(frozen=True)
class Quantity:
    """A positive number with its unit, a range ``low`` … ``high`` that holds it, and where it comes from.

    Raises PulsetrainError unless 0 ≤ low ≤ value ≤ high, all finite, and the unit is one of ``UNITS``.
    """

    value: float
    unit: str
    low: float
    high: float
    source: str = ""

    def __post_init__(self) -> None:
        check_choice("Unit", self.unit, UNITS)
        object.__setattr__(self, "value", check_real("Value", self.value, low=0, unit=self.unit))
        object.__setattr__(self, "low", check_real("Low end", self.low, low=0, high=self.value, unit=self.unit))
        object.__setattr__(self, "high", check_real("High end", self.high, low=self.value, unit=self.unit))
        if not isinstance(self.source, str):
            raise PulsetrainError(f"Source must be text, not {self.source!r}")

    @staticmethod
    def within(value: float, unit: str, ratio: float, source: str) -> Quantity:
        """``value`` known to a factor of ``ratio`` (1 or more) either way."""
        check_real("Ratio", ratio, low=1)
        return Quantity(value, unit, value / ratio, value * ratio, source)

    def times(self, factor: float) -> Quantity:
        """This many times the quantity (``factor`` from 0)."""
        return Quantity(self.value * factor, self.unit, self.low * factor, self.high * factor, self.source)

    def plus(self, other: Quantity) -> Quantity:
        """The sum. Ends are added: both may be off the same way. Raises PulsetrainError for another unit."""
        if other.unit != self.unit:
            raise PulsetrainError(f"Unit of a sum must be {self.unit}, not {other.unit}")
        return Quantity(self.value + other.value, self.unit, self.low + other.low, self.high + other.high, "")

    def per(self, seconds: float) -> Quantity:
        """Power of this energy within ``seconds``. Raises PulsetrainError for another unit than joules."""
        if self.unit != "J":
            raise PulsetrainError(f"Unit of an energy must be J, not {self.unit}")
        over = check_real("Time", seconds, above=0, unit="s")
        return Quantity(self.value / over, "W", self.low / over, self.high / over)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def product(unit: str, *factors: Quantity) -> Quantity:
    """The product, in ``unit``, of factors whose units make it. Ends are multiplied: all may be off the same way.

    Raises PulsetrainError if the units of the factors do not make ``unit``.
    """
    made = tuple(sum(powers) for powers in zip(*(_DIMENSIONS[factor.unit] for factor in factors), strict=True))
    made_of = "·".join(factor.unit for factor in factors)
    if made != _DIMENSIONS[unit]:
        raise PulsetrainError(f"Unit of a product must be {unit}, not {made_of}")
    ends = [math.prod(getattr(factor, end) for factor in factors) for end in ("value", "low", "high")]
    return Quantity(ends[0], unit, ends[1], ends[2])


_DIMENSIONS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {"V": (1, 0, 0), "S": (-1, 1, 0), "s": (0, 0, 1), "W": (1, 1, 0), "J": (1, 1, 1), "F": (-1, 1, 1)}
)
"""Powers of volt, ampere and second."""


COST_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "clock_period": "s",  # a clock cycle of the controller
        "set_volts": "V",  # across a cell in a SET pulse
        "reset_volts": "V",  # across a cell in a RESET pulse
        "form_volts": "V",  # across a cell in a FORM pulse
        "read_volts": "V",  # across a cell in a read, at the largest input code
        "set_width": "s",  # length of a SET pulse
        "reset_width": "s",  # length of a RESET pulse
        "form_width": "s",  # length of a FORM pulse
        "settle": "s",  # lines and drivers settle, before a pulse or a read
        "conversion_time": "s",  # a conversion
        "line_capacitance": "F",  # a line, charged once a pulse
        "conversion": "J",  # a conversion of one line, 8 bits
        "amplifier": "W",  # the amplifier of a converter while a read lasts
        "dac": "J",  # a line driven by a DAC, once a read
        "cycle": "J",  # a cycle of the controller at work, 16 lanes
        "idle_cycle": "J",  # a cycle in which it waits for the array, 16 lanes
        "set_pulse": "J",  # a SET pulse at one cell, if known
        "reset_pulse": "J",  # a RESET pulse at one cell, if known
        "form_pulse": "J",  # a FORM pulse at one cell, if known
    }
)
"""Unit of each cost, by the name of its field; what it is of stands behind it."""


@dataclass(frozen=True)
class Costs:
    """What events of one technology cost.

    Fields and units: ``COST_UNITS``. Energies of pulses are V²·G·t + V²·C with the conductance G that the account
    knows; ``set_pulse``, ``reset_pulse`` and ``form_pulse`` replace that where the energy of a pulse itself is known.
    Raises PulsetrainError for another unit.
    """

    clock_period: Quantity
    set_volts: Quantity
    reset_volts: Quantity
    form_volts: Quantity
    read_volts: Quantity
    set_width: Quantity
    reset_width: Quantity
    form_width: Quantity
    settle: Quantity
    conversion_time: Quantity
    line_capacitance: Quantity
    conversion: Quantity
    amplifier: Quantity
    dac: Quantity
    cycle: Quantity
    idle_cycle: Quantity
    set_pulse: Quantity | None = None
    reset_pulse: Quantity | None = None
    form_pulse: Quantity | None = None

    def __post_init__(self) -> None:
        for item in fields(self):
            found = getattr(self, item.name)
            if found is None and item.name.endswith("_pulse"):
                continue
            if not isinstance(found, Quantity):
                raise PulsetrainError(f"{_title(item.name)} must be a Quantity, not {found!r}")
            if found.unit != COST_UNITS[item.name]:
                raise PulsetrainError(f"{_title(item.name)} must be in {COST_UNITS[item.name]}, not {found.unit}")
        if self.clock_period.low <= 0:
            raise PulsetrainError(f"Clock period must be above 0 s, not {self.clock_period.low:g}")

    def changed(self, changes: Mapping[str, Any], thing: str = "Costs") -> Costs:
        """These costs with those of a device file's table ``[costs]``: a number in SI units (exact), or a table with
        ``value`` and, if wanted, ``low``, ``high`` and ``source``. A width or a voltage that is given takes the place
        of a pulse energy that is not. Raises PulsetrainError for unknown names and for values out of range."""
        made: dict[str, Any] = {}
        for name, given in changes.items():
            check_choice(f"{thing}: key", name, COST_UNITS)
            made[name] = _quantity(f"{thing}: {name.replace('_', ' ')}", given, COST_UNITS[name])
        for kind in ("set", "reset", "form"):
            if f"{kind}_pulse" not in made and (f"{kind}_volts" in made or f"{kind}_width" in made):
                made[f"{kind}_pulse"] = None
        return replace(self, **made)


def named_costs(name: str) -> Costs:
    """The costs of that name. Raises PulsetrainError with the list of names if there are none."""
    return COSTS[check_choice("Costs", name, COSTS)]


def _quantity(thing: str, given: Any, unit: str) -> Quantity:
    if not isinstance(given, Mapping):
        value = check_real(thing, given, low=0, unit=unit)
        return Quantity(value, unit, value, value, "device file")
    for key in given:
        check_choice(f"{thing}: key", key, ("value", "low", "high", "source"))
    if "value" not in given:
        raise PulsetrainError(f"{thing} must have a value, not only {', '.join(given) or 'nothing'}")
    value = check_real(thing, given["value"], low=0, unit=unit)
    low = check_real(f"{thing}: low", given.get("low", value), low=0, high=value, unit=unit)
    high = check_real(f"{thing}: high", given.get("high", value), low=value, unit=unit)
    return Quantity(value, unit, low, high, given.get("source", "device file"))


def _title(name: str) -> str:
    words = name.replace("_", " ")
    return (
        words.capitalize()
        .replace("Set ", "SET ")
        .replace("Reset ", "RESET ")
        .replace("Form ", "FORM ")
        .replace("Dac", "DAC")
    )


_CYCLE = (
    "decision core of 16 lanes (159 flip-flops, 545 LUT4 in synthesis): 46 fJ a flip-flop and 16 fJ a LUT4 from "
    "sky130_fd_sc_hd dfxtp_1 and nand2_1 (tt, 25 °C, 1.8 V; 6 gates a LUT4 and activity 0.15 recalled), 30 % for the "
    "clock tree"
)
_WHOLE = "; high end x10: the whole core with its vectors and queue is larger than the decision core"
_IDLE = "flip-flops alone, data still: 7.3 pJ at 130 nm (sky130 dfxtp_1), scaled as the cycle"
_LINE = "recalled: 64 to 128 cells of 0.2 fF/µm of wire and 1 fF of drain, x3"
_AMPLIFIER = "recalled: 10 µW a current amplifier, x5"
_SURVEY = "of Murmann's survey as in Accelergy's adc_list.csv, times 256"
_TIMES = "recalled: 100 ns, x5"
_READ = "sky130_fd_pr_reram background.rst: 0.1 to 0.2 V"


def _at_node(
    node: str, *, cycle: float, conversion: Quantity, dac: Quantity, set_width: Quantity, reset_width: Quantity,
    volts: Mapping[str, Quantity], form_width: Quantity, pulses: Mapping[str, Quantity] = MappingProxyType({}),
    clock: float = 1e-8,
) -> Costs:  # fmt: skip
    """Costs of a node; ``cycle``: its energy of a gate relative to 130 nm (C ~ node, volts 1.8, 1.8, 1.1)."""
    scaled = f", times {cycle:g} for {node}" if cycle != 1 else ""
    return Costs(
        clock_period=Quantity(clock, "s", clock, clock, "chosen: 100 MHz"),
        **{f"{kind}_volts": volts[kind] for kind in ("set", "reset", "form")},
        read_volts=Quantity(0.2, "V", 0.1, 0.2, _READ),
        set_width=set_width,
        reset_width=reset_width,
        form_width=form_width,
        settle=Quantity.within(1e-7, "s", 5, _TIMES),
        conversion_time=Quantity(1e-6, "s", 1e-7, 1e-6, "8-bit converters of the survey: 1e5 to 2.4e7 samples/s"),
        line_capacitance=Quantity.within(1.5e-13, "F", 3, _LINE),
        conversion=conversion,
        amplifier=Quantity.within(1e-5, "W", 5, _AMPLIFIER),
        dac=dac,
        cycle=Quantity(1.7e-11 * cycle, "J", 1.7e-11 * cycle / 3, 1.7e-10 * cycle, _CYCLE + scaled + _WHOLE),
        idle_cycle=Quantity(9.5e-12 * cycle, "J", 9.5e-12 * cycle / 3, 9.5e-11 * cycle, _IDLE + scaled + _WHOLE),
        **pulses,
    )  # fmt: skip


_SKY130 = "sky130_fd_pr_reram 1T1R #5"
_DAC_SCALED = "8 bits: 0.32 mW/1.1 GS/s at 40 nm (VLSI 2018 8502370), scaled by node and V²: x10, x4"
_TAOX = "recalled: TaOx 1T1R on 180 nm"

COSTS: Mapping[str, Costs] = MappingProxyType(
    {
        "180nm": _at_node(
            "180 nm",
            cycle=1.4,
            volts={
                "set": Quantity.within(1.5, "V", 2, f"{_TAOX}, x2"),
                "reset": Quantity.within(1.5, "V", 2, f"{_TAOX}, x2"),
                "form": Quantity.within(3.0, "V", 1.2, "sky130 FORM 2.2 to 3.1 V"),
            },
            set_width=Quantity(1e-7, "s", 5e-8, 1e-6, f"{_TAOX}, 50 ns to 1 µs"),
            reset_width=Quantity(1e-7, "s", 5e-8, 1e-6, f"{_TAOX}, 50 ns to 1 µs"),
            form_width=Quantity.within(1e-6, "s", 10, "sky130 FORM 1 µs"),
            conversion=Quantity.within(8e-12, "J", 4, f"32 fJ a step, median of 7 chips at 180 nm {_SURVEY}, x4"),
            dac=Quantity.within(3e-12, "J", 4, _DAC_SCALED),
        ),
        "130nm": _at_node(
            "130 nm",
            cycle=1,
            volts={
                "set": Quantity(2.4, "V", 2.4, 2.4, _SKY130),
                "reset": Quantity(2.6, "V", 2.6, 2.6, _SKY130),
                "form": Quantity(2.5, "V", 2.2, 3.1, "sky130_fd_pr_reram technology_specifications.rst"),
            },
            set_width=Quantity(1e-6, "s", 1e-7, 1e-6, f"{_SKY130}: 1 µs; 100 to 200 ns are possible with verify"),
            reset_width=Quantity(1e-6, "s", 1e-7, 1e-6, f"{_SKY130}: 1 µs; 100 to 200 ns are possible with verify"),
            form_width=Quantity(1e-6, "s", 1e-6, 1e-6, "sky130_fd_pr_reram technology_specifications.rst"),
            pulses={
                "set_pulse": Quantity(1.5e-10, "J", 5e-11, 5.8e-10, "2.4 V · 60 µA (recalled) · 1 µs; high: V²·G·t"),
                "reset_pulse": Quantity(2e-10, "J", 6.7e-11, 6.8e-10, "2.6 V · 80 µA (recalled) · 1 µs; high: V²·G·t"),
                "form_pulse": Quantity.within(5e-10, "J", 3, "3 V, 150 µA (recalled), 1 µs, x3"),
            },
            conversion=Quantity.within(1e-11, "J", 4, f"28 and 42 fJ a step, two chips at 130 nm {_SURVEY}, x4"),
            dac=Quantity.within(3e-12, "J", 4, _DAC_SCALED),
        ),
        "40nm": _at_node(
            "40 nm",
            cycle=0.115,
            volts={
                "set": Quantity.within(2.0, "V", 1.5, "PRIME/ISAAC cell, CiMLoop rram_isaac: 2 V, x1.5"),
                "reset": Quantity.within(2.0, "V", 1.5, "PRIME/ISAAC cell, CiMLoop rram_isaac: 2 V, x1.5"),
                "form": Quantity.within(3.0, "V", 1.2, "sky130 FORM 2.2 to 3.1 V"),
            },
            set_width=Quantity.within(4e-8, "s", 3, "PRIME/ISAAC cell, CiMLoop rram_isaac: 40 ns, x3"),
            reset_width=Quantity.within(4e-8, "s", 3, "PRIME/ISAAC cell, CiMLoop rram_isaac: 40 ns, x3"),
            form_width=Quantity.within(1e-6, "s", 10, "sky130 FORM 1 µs"),
            conversion=Quantity(5e-12, "J", 2e-13, 2.5e-11, f"21 fJ a step, median of 8 chips at 40 nm {_SURVEY}, x5"),
            dac=Quantity.within(2.9e-13, "J", 2, "8 bits: 0.32 mW/1.1 GS/s at 40 nm (VLSI 2018 8502370), x2"),
        ),
    }
)  # fmt: skip
"""Named costs. Voltages and widths are those of a device on that node; a device file's ``[costs]`` replaces them."""
