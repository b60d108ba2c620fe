"""Configuration of one controller: what is fixed in hardware. Specification, section 1.

The fields of ``ControllerConfig`` are the table: name, range, default and meaning of each stand here once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from pulsetrain.errors import PulsetrainError, check_choice, check_integer

SYNCHRONISER_STAGES = 2
"""Flip-flops of a synchroniser."""


def title(name: str) -> str:
    """'set_cycles' becomes 'SET cycles', 'threshold_log2' 'Threshold log2': names as messages show them."""
    words = name.split("_")
    if words[0] in ("set", "reset", "form", "dac", "adc"):
        return " ".join([words[0].upper(), *words[1:]])
    return " ".join([words[0].capitalize(), *words[1:]])


@dataclass(frozen=True)
class Parameter:
    """A field of the configuration: ``low`` … ``high``, its ``symbol`` in the specification, and what it means.

    ``rule``: what else must hold, as the specification writes it.
    """

    name: str
    default: int
    low: int
    high: int
    symbol: str
    about: str
    rule: str


def _parameter(
    default: int, low: int, high: int, about: str, *, symbol: str = "", rule: str = "", follows: bool = False
) -> Any:
    """``follows``: the default is less where the rule allows no more; the field is None until that is known."""
    metadata = {"default": default, "range": (low, high), "about": about, "symbol": symbol, "rule": rule}
    return field(default=None if follows else default, metadata=metadata)


@dataclass(frozen=True)
class ControllerConfig:
    """What is fixed when the hardware is made. Specification, section 1.

    ``adc_count`` is 16 by default, or as many as there are lines on the longer side. Raises PulsetrainError if a field
    is out of its range, the weights of a row are not a multiple of ``lanes``, the lanes not one of ``product_cycles``,
    the converters more than the lines or not a multiple of ``verify_lanes``, or products of two DAC codes would not fit
    a delta.
    """

    rows: int = _parameter(64, 1, 1024, "word lines; row 0 is visited first", symbol="R")
    columns: int = _parameter(64, 1, 1024, "devices of a row", symbol="C")
    lanes: int = _parameter(16, 1, 1024, "weights decided per clock cycle", rule="divides M")
    delta_bits: int = _parameter(16, 8, 32, "width of one signed delta", symbol="D")
    random_bits: int = _parameter(16, 4, 32, "fresh random bits per lane and beat", symbol="W")
    pulse_count_bits: int = _parameter(4, 1, 8, "width of `max_pulses` and of a pulse count")
    time_bits: int = _parameter(16, 4, 32, "width of every duration, in clock cycles")
    amplitude_bits: int = _parameter(8, 1, 16, "width of an amplitude code")
    queue_depth: int = _parameter(4, 2, 64, "rows that may wait for their pulses")
    dac_bits: int = _parameter(8, 2, 12, "width of one signed input code, sign included", rule="at most `delta_bits`/2")
    adc_bits: int = _parameter(8, 3, 16, "width of one signed output code, sign included")
    adc_count: int = _parameter(
        16, 1, 1024, "converters, shared among the lines that are sampled", symbol="K", follows=True,
        rule="at most the larger of R and M; so is the default",
    )  # fmt: skip
    verify_lanes: int = _parameter(
        1, 0, 1024, "cells programmed or verified per clock cycle; 0: none are",
        rule="divides K", symbol="V",
    )  # fmt: skip
    product_cycles: int = _parameter(
        1, 0, 1024, "clock cycles for a beat of products; 0: there are none",
        rule="divides lanes", symbol="P",
    )  # fmt: skip
    pair: int = _parameter(0, 0, 1, "1: two devices a weight, side by side", rule="if 1, C is even")
    synchronisers: int = _parameter(
        1, 0, 1, "1: two flip-flops before `abort_all`, `arm`, `crossbar.ready` and `crossbar.converted` (§9)"
    )

    def __post_init__(self) -> None:
        for item in fields(self):
            low, high = item.metadata["range"]
            value = getattr(self, item.name)
            if value is not None or item.default is not None:
                object.__setattr__(self, item.name, check_integer(title(item.name), value, low, high))
        if self.adc_count is None:
            object.__setattr__(self, "adc_count", self._usual_adc_count)
        if self.pair and self.columns % 2:
            raise PulsetrainError(f"Columns must be an even number in pair mode, not {self.columns}")
        if self.weight_columns % self.lanes:
            thing = "Weights of a row" if self.pair else "Columns"
            raise PulsetrainError(f"{thing} must be a multiple of lanes ({self.lanes}), not {self.weight_columns}")
        if self.adc_count > self.most_lines:
            rule = f"at most the larger of rows and weight columns ({self.most_lines})"
            raise PulsetrainError(f"ADC count must be {rule}, not {self.adc_count}")
        if self.product_cycles and self.lanes % self.product_cycles:
            raise PulsetrainError(
                f"Lanes must be a multiple of product_cycles ({self.product_cycles}), not {self.lanes}"
            )
        if self.verify_lanes and self.adc_count % self.verify_lanes:
            raise PulsetrainError(
                f"ADC count must be a multiple of verify_lanes ({self.verify_lanes}), not {self.adc_count}"
            )
        if 2 * self.dac_bits > self.delta_bits:
            rule = f"at most half of delta_bits ({self.delta_bits // 2})"
            raise PulsetrainError(f"DAC bits must be {rule}, so that products fit a delta, not {self.dac_bits}")

    def replace(self, **changes: Any) -> ControllerConfig:
        """A copy with the named fields changed and everything checked again.

        Converters that are as many as by default stay so if the shape changes.
        """
        unknown = sorted(set(changes) - {item.name for item in fields(self)})
        if unknown:
            check_choice("Configuration field", unknown[0], [item.name for item in fields(self)])
        if self.adc_count == self._usual_adc_count:
            changes = {"adc_count": None} | changes
        return replace(self, **changes)

    @property
    def _usual_adc_count(self) -> int:
        """The default of ``adc_count``."""
        return min(PARAMETERS["adc_count"].default, self.most_lines)

    @property
    def most_lines(self) -> int:
        """Lines that are sampled at once: rows or weights of a row, whichever are more."""
        return max(self.rows, self.weight_columns)

    @property
    def cells(self) -> int:
        """Weights of the tile, rows × weight_columns."""
        return self.rows * self.weight_columns

    @property
    def weight_columns(self) -> int:
        """Weights of a row: ``columns``, or half of them in pair mode."""
        return self.columns // (1 + self.pair)

    @property
    def beats_per_row(self) -> int:
        """Beats that carry one row of deltas."""
        return self.weight_columns // self.lanes

    @property
    def beats(self) -> int:
        """Beats of one request, rows × weight_columns / lanes."""
        return self.rows * self.beats_per_row

    @property
    def row_beats(self) -> int:
        """Beats that carry a vector with a code for each row."""
        return -(-self.rows // self.lanes)

    @property
    def row_groups(self) -> int:
        """Groups of rows that share the converters."""
        return -(-self.rows // self.adc_count)

    @property
    def column_groups(self) -> int:
        """Groups of weight columns that share the converters."""
        return -(-self.weight_columns // self.adc_count)

    @property
    def group_words(self) -> int:
        """Words of ``verify_lanes`` cells that hold a group of weight columns; 0 without ``verify_lanes``."""
        return -(-min(self.adc_count, self.weight_columns) // self.verify_lanes) if self.verify_lanes else 0

    @property
    def dac_max(self) -> int:
        """Largest magnitude of an input code, 2^(dac_bits − 1) − 1."""
        return (1 << (self.dac_bits - 1)) - 1

    @property
    def adc_max(self) -> int:
        """Largest magnitude of an output code, 2^(adc_bits − 1) − 1."""
        return (1 << (self.adc_bits - 1)) - 1

    @property
    def ramp_bits(self) -> int:
        """Width of a value of a ramp: a duration or an amplitude code."""
        return max(self.time_bits, self.amplitude_bits)

    @property
    def command_bits(self) -> int:
        """Width of a beat of the command stream."""
        return max(64, self.lanes * self.delta_bits, 16 * self.adc_count)

    @property
    def response_bits(self) -> int:
        """Width of a beat of the response stream."""
        return max(64, 16 * self.adc_count)

    @property
    def seen_after(self) -> int:
        """Cycles until abort_all, arm, crossbar.ready and crossbar.converted are seen behind their synchronisers."""
        return SYNCHRONISER_STAGES * self.synchronisers

    @property
    def row_bits(self) -> int:
        """Width of a row number, at least 1."""
        return max(1, (self.rows - 1).bit_length())

    @property
    def delta_max(self) -> int:
        """Largest magnitude of a delta, 2^(delta_bits − 1) − 1."""
        return (1 << (self.delta_bits - 1)) - 1

    @property
    def pulses_max(self) -> int:
        """Largest value of the setting ``max_pulses``."""
        return (1 << self.pulse_count_bits) - 1

    @property
    def cycles_max(self) -> int:
        """Longest duration in clock cycles, 2^time_bits − 1."""
        return (1 << self.time_bits) - 1

    def to_dict(self) -> dict[str, int]:
        """The fields as plain integers, in order."""
        return asdict(self)


PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        item.name: Parameter(
            item.name,
            item.metadata["default"],
            *item.metadata["range"],
            *(item.metadata[key] for key in ("symbol", "about", "rule")),
        )
        for item in fields(ControllerConfig)
    }
)
"""The table of the configuration by name, in order."""


CONFIGS: Mapping[str, ControllerConfig] = MappingProxyType(
    {
        "tiny": ControllerConfig(rows=8, columns=8, lanes=4),
        "small32": ControllerConfig(rows=32, columns=32, lanes=2, adc_count=4, verify_lanes=0, product_cycles=0),
        "macro32": ControllerConfig(rows=32, columns=32, lanes=8, product_cycles=4),
        "base": ControllerConfig(),
        "wide": ControllerConfig(rows=256, columns=256, lanes=64),
    }
)
"""Named configurations. ``base`` is the default everywhere."""


def named_config(name: str) -> ControllerConfig:
    """The configuration of that name. Raises PulsetrainError with the list of names if there is none."""
    return CONFIGS[check_choice("Configuration", name, CONFIGS)]
