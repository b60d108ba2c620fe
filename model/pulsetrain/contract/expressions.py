"""Numbers that follow from a configuration: how the specification writes each, and its value.

Widths and ranges of the contract's tables are such expressions, so that hardware, model and documents read them alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulsetrain.contract.configuration import ControllerConfig


@dataclass(frozen=True)
class Expression:
    """``text``: as the specification writes it (Markdown). ``value``: the number for a configuration."""

    text: str
    value: Callable[[ControllerConfig], int]

    def __call__(self, config: ControllerConfig) -> int:
        return self.value(config)


def constant(number: int) -> Expression:
    """The same number for every configuration."""
    return Expression(str(number), lambda _: number)


def bits_of(expression: Expression) -> Expression:
    """The number of bits that hold the value of ``expression``, ⌊log2 X⌋ + 1."""
    return Expression(f"bits of {expression.text}", lambda config: expression(config).bit_length())


def index_bits(expression: Expression, text: str) -> Expression:
    """The number of bits of an index into ``expression`` things, at least 1."""
    return Expression(text, lambda config: max(1, (expression(config) - 1).bit_length()))


ROWS = Expression("R", lambda config: config.rows)
COLUMNS = Expression("C", lambda config: config.columns)
RANDOM_BITS = Expression("W", lambda config: config.random_bits)
PULSE_COUNT_BITS = Expression("`pulse_count_bits`", lambda config: config.pulse_count_bits)
TIME_BITS = Expression("`time_bits`", lambda config: config.time_bits)
AMPLITUDE_BITS = Expression("`amplitude_bits`", lambda config: config.amplitude_bits)
ADC_BITS = Expression("`adc_bits`", lambda config: config.adc_bits)
DAC_BITS = Expression("`dac_bits`", lambda config: config.dac_bits)
ADC_COUNT = Expression("K", lambda config: config.adc_count)
LANES = Expression("lanes", lambda config: config.lanes)
RAMP_BITS = Expression("max(`time_bits`, `amplitude_bits`)", lambda config: config.ramp_bits)
COMMAND_BITS = Expression("max(64, lanes·D, 16·K)", lambda config: config.command_bits)
RESPONSE_BITS = Expression("max(64, 16·K)", lambda config: config.response_bits)
ROW_BITS = index_bits(ROWS, "bits of R−1, at least 1")
GROUP_BITS = index_bits(
    Expression("groups", lambda config: max(config.row_groups, config.column_groups)),
    "bits of the larger number of groups less 1, at least 1",
)
LINE_BEAT_BITS = index_bits(
    Expression("beats", lambda config: max(config.row_beats, config.beats_per_row)),
    "bits of the larger number of beats less 1, at least 1",
)
