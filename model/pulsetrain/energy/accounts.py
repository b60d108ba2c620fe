"""Energy and time of what tiles do: events that were counted, times what each costs.

The counts are those that a tile keeps (``TileCounters``), so every rule, simulator and device is counted alike. What is
left out: the host (gradients, optimizer, its memory), links off chip, supplies and leakage. Costs and their sources:
``pulsetrain.energy.costs``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.energy.costs import Costs, Quantity, product
from pulsetrain.errors import PulsetrainError, check_integer, check_real, check_type
from pulsetrain.tiles.reports import TileCounters

UPDATE_LATENCY, BETWEEN_READS = 12, 40
"""Cycles of an update beyond its beats or slots, measured on the RTL: alone, and with reads before and after it."""
ROW_LATENCY = 3.4
"""Cycles of the row programmer for each group of lines converted in a read of a row, measured likewise (section 16
allows 4 a group, and 4 a group and round)."""


def controller_cycles(
    counters: TileCounters,
    config: ControllerConfig,
    settings: ControllerSettings,
    *,
    conversion_cycles: int = 1,
    backward: float | None = None,
) -> int:
    """Clock cycles that the controller takes for what ``counters`` say, the array being ready at once.

    The sum of: reads, ``settle_cycles`` + ``recovery_cycles`` each and 1 + ``conversion_cycles`` a conversion (§14),
    every setup and conversion with the cycles of its synchroniser (§9);
    updates in an open loop, max(beats, Σ slot times) (§7) and a latency each; verified updates, their beats, slots and
    reads of rows one after the other (§16). ``backward``: reads of the whole array in that direction; None: half.

    Against the RTL on ``base``: trainings of ``make sim`` within 1 %, open loop and verified; updates in an open loop
    within 9 %, verified ones within 3 % with slots of 100 cycles and 16 % with the shortest. Reads that take less time
    than their vectors need to be loaded take that instead (``tiny``: 18 %). Programming counts as slots and reads,
    without its overhead. Raises PulsetrainError for values out of range.
    """
    wait = check_integer("Conversion cycles", conversion_cycles, 1)
    back = counters.vectors / 2 if backward is None else check_real("Backward reads", backward, low=0)
    updates = counters.decisions // config.cells
    pulses = counters.pulses_set + counters.pulses_reset + counters.pulses_form
    unseen = config.seen_after
    shared = settings.setup_cycles + unseen + settings.hold_cycles + settings.recovery_cycles
    widths = sum(
        getattr(settings, f"{kind}_cycles") * getattr(counters, f"pulses_{kind}") for kind in ("set", "reset", "form")
    )  # slots are not counted by polarity, pulses are
    slot_cycles = counters.slots * (shared + (widths / pulses if pulses else settings.set_cycles))
    reading = counters.reads * (settings.settle_cycles + unseen + settings.recovery_cycles)
    reading += counters.conversions * (1 + wait + unseen)
    beats = updates * config.beats
    latency = updates * (BETWEEN_READS if counters.vectors else UPDATE_LATENCY)
    if not counters.row_reads:
        return round(reading + max(beats, slot_cycles) + latency)
    whole = (counters.vectors - back) * config.column_groups + back * config.row_groups
    row_conversions = max(counters.conversions - whole, counters.row_reads)
    return round(reading + beats + slot_cycles + latency + ROW_LATENCY * row_conversions)


_COUNTS = (
    "pulses_set", "pulses_reset", "pulses_form", "slots", "cells_read", "conversions", "dac_lines", "reads",
    "conversion_steps", "cycles", "waiting",
)  # fmt: skip


@dataclass(frozen=True)
class Account:
    """What happened, as counts from 0; not whole where they are means or predictions.

    ``pulses_set``, ``pulses_reset``, ``pulses_form``: at single devices. ``slots``: pulses of lines. ``reads``: of the
    array and of rows. ``cells_read``: devices that conducted, times reads, each as one that is driven at full input.
    ``conversions``: of single lines, ``conversion_steps``: of groups of lines, one after the other. ``dac_lines``:
    lines driven, times reads. ``cycles`` of the controller, ``waiting`` those in which nothing is decided.
    ``conductance``: mean of a device in siemens. ``adc_bits``, ``lanes``: of the configuration. ``side_by_side``: tiles
    that work at the same time, whose counts these are together; energy goes with the counts, time with those of one.
    """

    pulses_set: float = 0.0
    pulses_reset: float = 0.0
    pulses_form: float = 0.0
    slots: float = 0.0
    cells_read: float = 0.0
    conversions: float = 0.0
    dac_lines: float = 0.0
    reads: float = 0.0
    conversion_steps: float = 0.0
    cycles: float = 0.0
    waiting: float = 0.0
    conductance: float = 0.0
    adc_bits: int = 8
    lanes: int = 16
    side_by_side: float = 1.0

    def __post_init__(self) -> None:
        for item in fields(self):
            name = item.name.replace("_", " ").capitalize().replace("Adc", "ADC")
            if item.name in _COUNTS:
                high = self.cycles if item.name == "waiting" else None
                object.__setattr__(self, item.name, check_real(name, getattr(self, item.name), low=0, high=high))
        object.__setattr__(self, "conductance", check_real("Conductance", self.conductance, low=0, high=1, unit="S"))
        check_integer("ADC bits", self.adc_bits, 3, 16)
        check_integer("Lanes", self.lanes, 1, 1024)
        object.__setattr__(self, "side_by_side", check_real("Tiles side by side", self.side_by_side, low=1))

    @staticmethod
    def of(
        counters: TileCounters,
        config: ControllerConfig,
        settings: ControllerSettings,
        *,
        conductance: float,
        input_square: float = 1.0,
        conversion_cycles: int = 1,
        backward: float | None = None,
        tiles: int = 1,
        fullest: float | None = None,
    ) -> Account:
        """What ``counters`` of a tile come to. ``cycles`` are its own, or ``controller_cycles`` where it has no clock.

        ``conductance``: mean of a device, siemens. ``input_square``: mean square of the input codes of reads of the
        whole array over the largest code; 1 is an upper bound. ``backward``: reads of the whole array in that
        direction; None: half of them. In a read of a row all devices of the row conduct.

        ``tiles``: the counters are sums over so many tiles of a grid that work side by side, and ``backward`` is, too.
        Lines that are not used are driven and converted as well. ``fullest``: share of pulses, slots and reads of rows
        of the tile that has most of them; None: as many as the others. The others wait for it.
        """
        check_type("Counters", counters, TileCounters)
        check_type("Configuration", config, ControllerConfig)
        filled = check_type("Settings", settings, ControllerSettings).checked(config)
        square = check_real("Mean square of the inputs", input_square, low=0, high=1)
        vectors = counters.vectors
        back = vectors / 2 if backward is None else check_real("Backward reads", backward, low=0, high=vectors)
        forward, rows, columns = vectors - back, config.rows, config.weight_columns
        count = check_integer("Tiles", tiles, 1)
        slowest = (
            1 / count if fullest is None else check_real("Share of the fullest tile", fullest, low=1 / count, high=1)
        )
        whole = forward * config.column_groups + back * config.row_groups
        cycles = counters.cycles or count * controller_cycles(
            _of_fullest(counters, count, slowest, whole), config, filled,
            conversion_cycles=conversion_cycles, backward=back / count,
        )  # fmt: skip
        # The last group of a side may be smaller than the others; in reads of rows groups are taken as of mean size.
        of_rows = max(counters.conversions - whole, 0.0) * columns / config.column_groups
        return Account(
            pulses_set=counters.pulses_set,
            pulses_reset=counters.pulses_reset,
            pulses_form=counters.pulses_form,
            slots=counters.slots,
            cells_read=vectors * rows * config.columns * square + counters.row_reads * config.columns,
            conversions=forward * columns + back * rows + of_rows,
            dac_lines=forward * rows + back * columns + counters.row_reads,
            reads=counters.reads,
            conversion_steps=counters.conversions,
            cycles=cycles,
            waiting=max(cycles - counters.decisions / config.lanes, 0.0),
            conductance=conductance,
            adc_bits=config.adc_bits,
            lanes=config.lanes,
            side_by_side=count,
        )

    def plus(self, other: Account) -> Account:
        """Both, one after the other; ``conductance`` is the mean by cells read and pulses, ``side_by_side`` the one
        that takes the cycles as long. Raises PulsetrainError for other converters or lanes."""
        for name, mine, theirs in (
            ("ADC bits", self.adc_bits, other.adc_bits),
            ("Lanes", self.lanes, other.lanes),
        ):
            if mine != theirs:
                raise PulsetrainError(f"{name} must be {mine} as in the other account, not {theirs}")
        sums = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        share = (other.cells_read + other.pulses) / max(sums["cells_read"] + self.pulses + other.pulses, 1e-300)
        mean = (1 - share) * self.conductance + share * other.conductance
        elapsed = self.cycles / self.side_by_side + other.cycles / other.side_by_side
        together = sums["cycles"] / elapsed if elapsed else max(self.side_by_side, other.side_by_side)
        return replace(self, **sums, conductance=mean, side_by_side=max(1.0, together))

    def times(self, factor: float) -> Account:
        """``factor`` times (from 0) as much of everything."""
        return replace(self, **{name: getattr(self, name) * factor for name in _COUNTS})

    @property
    def pulses(self) -> float:
        """Pulses at single devices."""
        return self.pulses_set + self.pulses_reset + self.pulses_form

    def to_dict(self) -> dict[str, float]:
        """Plain values."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def _of_fullest(counters: TileCounters, tiles: int, share: float, whole: float) -> TileCounters:
    """Counts of the one of ``tiles`` that has ``share`` of what goes with written cells; ``whole``: conversions of
    reads of the whole array, of all tiles, of which each has as many."""
    if tiles == 1:
        return counters
    row_reads = round(share * counters.row_reads)
    written = ("pulses_set", "pulses_reset", "pulses_form", "slots")
    return TileCounters(
        decisions=counters.decisions // tiles,
        reads=round(counters.vectors / tiles) + row_reads,
        row_reads=row_reads,
        conversions=round(whole / tiles + share * max(counters.conversions - whole, 0.0)),
        **{name: round(share * getattr(counters, name)) for name in written},
    )


@dataclass(frozen=True)
class Energy:
    """What an account costs: ``joules`` by kind of event, ``seconds`` by what takes the time of the array, of tiles
    that work side by side that of one: of the controller that of the slowest, else the mean."""

    joules: Mapping[str, Quantity]
    seconds: Mapping[str, Quantity]

    @property
    def total(self) -> Quantity:
        """Energy in all; the ends of the ranges are added."""
        return _sum(self.joules.values(), "J")

    @property
    def time(self) -> Quantity:
        """Time by the controller's clock, or that of pulses and reads where the cycles leave less."""
        clock, array = self.seconds["controller"], self.seconds["pulses"].plus(self.seconds["reads"])
        return clock if clock.value >= array.value else array

    @property
    def power(self) -> Quantity:
        """Mean power while it lasts. Its range is that of the energy: the time is taken as it is."""
        time = self.time.value
        return self.total.per(time) if time > 0 else Quantity(0.0, "W", 0.0, 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        kinds = {"joules": self.joules, "seconds": self.seconds}
        parts = {kind: {name: item.to_dict() for name, item in values.items()} for kind, values in kinds.items()}
        return {**parts, **{name: getattr(self, name).to_dict() for name in ("total", "time", "power")}}


def energy(account: Account, costs: Costs) -> Energy:
    """Energy and time of ``account`` at ``costs``.

    A pulse: V²·G·t + V²·C, or as given. A cell read: V²·G·t with the mean time of a read, settling and conversions. A
    conversion of n bits: that of 8 times 2^(n − 8), from 10 bits on times 4 a bit, and its amplifier while it lasts. A
    cycle: in proportion to the lanes. Ranges multiply end by end.
    """
    check_type("Account", account, Account)
    check_type("Costs", costs, Costs)
    joules: dict[str, Quantity] = {}
    for kind in ("set", "reset", "form"):
        count = getattr(account, f"pulses_{kind}")
        joules[f"{kind.upper()} pulses"] = pulse_energy(kind, costs, account.conductance).times(count)
    reading = costs.settle.times(account.reads).plus(costs.conversion_time.times(account.conversion_steps))
    per_read = account.cells_read / max(account.reads, 1.0)
    device = _exact(account.conductance, "S")
    joules["cells read"] = product("J", costs.read_volts, costs.read_volts, device, reading).times(per_read)
    bits = account.adc_bits
    factor = 2.0 ** (min(bits, 10) - 8) * 4.0 ** max(bits - 10, 0)
    joules["conversions"] = costs.conversion.times(account.conversions * factor)
    joules["amplifiers"] = product("J", costs.amplifier, costs.conversion_time).times(account.conversions)
    joules["DAC lines"] = costs.dac.times(account.dac_lines)
    lanes = account.lanes / 16
    joules["controller at work"] = costs.cycle.times((account.cycles - account.waiting) * lanes)
    joules["controller waiting"] = costs.idle_cycle.times(account.waiting * lanes)
    pulses = max(account.pulses, 1.0)
    widths = [getattr(costs, f"{kind}_width").times(account.slots * getattr(account, f"pulses_{kind}") / pulses)
              for kind in ("set", "reset", "form")]  # fmt: skip
    one = 1 / account.side_by_side
    seconds = {
        "controller": costs.clock_period.times(account.cycles * one),
        "pulses": _sum(widths, "s").plus(costs.settle.times(account.slots)).times(one),
        "reads": reading.times(one),
    }
    return Energy(joules, seconds)


def pulse_energy(kind: str, costs: Costs, conductance: float) -> Quantity:
    """Energy of a pulse ("set", "reset", "form") at a device of ``conductance`` (siemens), its line charged once."""
    known: Quantity | None = getattr(costs, f"{kind}_pulse")
    if known is not None:
        return known
    volts, width = getattr(costs, f"{kind}_volts"), getattr(costs, f"{kind}_width")
    device = _exact(check_real("Conductance", conductance, low=0, high=1, unit="S"), "S")
    line = product("J", volts, volts, costs.line_capacitance)
    return product("J", volts, volts, device, width).plus(line)


def _exact(value: float, unit: str) -> Quantity:
    return Quantity(value, unit, value, value)


def _sum(parts: Iterable[Quantity], unit: str) -> Quantity:
    total = Quantity(0.0, unit, 0.0, 0.0)
    for part in parts:
        total = total.plus(part)
    return total
