"""The ports of the core: name, direction, width and meaning of each, once (specification, sections 8 to 10).

``pulsetrain_rtl.interfaces`` makes signatures of them, ``pulsetrain_rtl.pin_table`` and the specification their tables.
Settings and counters have tables of their own (``settings``, ``counters``); ``port_meanings`` has them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from pulsetrain.contract.counters import COUNTERS
from pulsetrain.contract.enumerations import (
    COUNTER_BITS,
    FORM_KEY,
    FULL_SCALE_BITS,
    SEED_BITS,
    STATE_WORD_BITS,
    Fault,
    Operation,
    Polarity,
    RequestStatus,
    listed,
    marked,
    member_bits,
)
from pulsetrain.contract.expressions import (
    ADC_BITS,
    ADC_COUNT,
    COLUMNS,
    COMMAND_BITS,
    DAC_BITS,
    GROUP_BITS,
    LANES,
    LINE_BEAT_BITS,
    RESPONSE_BITS,
    ROW_BITS,
    TIME_BITS,
    Expression,
)
from pulsetrain.contract.settings import (
    SETTINGS_ERRORS,
    ControllerSettings,
    LineSettings,
    port_settings,
    settings_of,
)


@dataclass(frozen=True)
class Port:
    """A port, or a member of a group of ports: ``width`` bits.

    ``kind``: the enumeration that it carries. ``count``: it carries that many signed fields of ``width`` bits, the
    first in the lowest bits. ``is_input``: seen from the core. ``summary``: as the specification's table says it;
    ``about``: as the pin table does.
    """

    name: str
    width: Expression | int
    about: str
    summary: str = ""
    is_input: bool = False
    kind: type[IntEnum] | None = None
    count: Expression | None = None

    @property
    def width_text(self) -> str:
        """The width as the specification writes it."""
        width = str(self.width) if isinstance(self.width, int) else self.width.text
        return f"{self.count.text}·{width}" if self.count is not None else width


def _line_ports() -> tuple[Port, ...]:
    return tuple(Port(setting.name, setting.width, setting.about) for setting in settings_of(LineSettings).values())


CROSSBAR: tuple[Port, ...] = (
    Port("operation", member_bits(Operation), listed(Operation), kind=Operation,
         summary=marked(Operation, {Operation.READ_FORWARD: " (rows driven, columns sampled)",
                                    Operation.READ_BACKWARD: " (the reverse)"})),
    Port("select", 1, "lines are selected: the other crossbar pins are valid",
         "lines are selected: row, columns, codes and states are valid and must be driven"),
    Port("row", ROW_BITS, "the selected word line, 0 in a read of the whole array",
         "the selected word line; 0 in a read of the whole array"),
    Port("columns", COLUMNS, "bit c: column c takes the pulse; 0 in reads",
         "bit c set: column c takes the pulse; 0 in reads"),
    *_line_ports(),
    Port("strobe", 1, "the pulse", "the pulse: high for exactly the width"),
    Port("ready", 1, "the array has settled on what is selected",
         "the array's DACs or shift registers have settled on what is selected", is_input=True),
    Port("whole", 1, "read: 1 all lines of the driven side carry their DAC codes, 0 the row alone is driven",
         "read: 1, every line of the driven side carries its own DAC code; 0, the row `row` alone is driven, "
         "with c_max"),
    Port("full_scale", FULL_SCALE_BITS, "read: full scale of the converters",
         "read: full scale of the converters, in units that the peripheral defines"),
    Port("convert", 1, "the converters start on the lines of the group; one cycle",
         "the converters start on the lines of `group`; one cycle"),
    Port("group", GROUP_BITS, "lines that the converters are switched to",
         "the lines that the converters are switched to; 0 unless selected for a read"),
    Port("converted", 1, "the converters have finished", "the converters have finished: `codes` are valid",
         is_input=True),
    Port("codes", ADC_BITS, "their codes, two's complement, converter 0 in the lowest bits",
         "converter k, line gK + k, in bits [k·`adc_bits`, (k+1)·`adc_bits`), two's complement",
         is_input=True, count=ADC_COUNT),
)  # fmt: skip
"""The pins of the array. Every output is 0 unless ``select`` is 1."""

DAC: tuple[Port, ...] = (
    Port("valid", 1, "a beat of DAC codes is loaded", "one beat of DAC codes is loaded"),
    Port("side", 1, "0 rows, 1 columns"),
    Port("index", LINE_BEAT_BITS, "lines index * lanes and up of that side", "lines index·lanes … of that side"),
    Port("codes", DAC_BITS, "a code per line, two's complement, the first line in the lowest bits",
         "line index·lanes + l in bits [l·`dac_bits`, …), two's complement; lanes beyond the last line carry 0",
         count=LANES),
)  # fmt: skip
"""A beat of DAC codes for the input registers of one side; everything is 0 unless ``valid`` is 1."""

REPORT: tuple[Port, ...] = (
    Port("valid", 1, "a pulse has ended; the other report pins are valid"),
    Port("row", ROW_BITS, "its word line"),
    Port("polarity", member_bits(Polarity), f"{listed(Polarity)}; 0 for FORM", kind=Polarity),
    Port("columns", COLUMNS, "its columns"),
    Port("form", 1, "it was a FORM pulse"),
    Port("cycles", TIME_BITS, "cycles that the strobe was high"),
    Port("cut", 1, "fewer cycles than asked for"),
)
"""One pulse that was applied; the other members hold while ``valid`` is 1 and mean nothing otherwise."""

DONE: tuple[Port, ...] = (
    Port("valid", 1, "a request has ended"),
    Port("status", member_bits(RequestStatus), listed(RequestStatus), kind=RequestStatus),
)
"""The end of a request, or of all requests in flight, as the controller tells the core."""


@dataclass(frozen=True)
class Stream:
    """A stream of the core: ``width`` bits of data, with ``last`` above them if it carries packets (``is_packet``).

    ``is_input``: seen from the core. ``meanings``: of its three ports, as the pin table says them. ``summary``: as the
    specification's table does.
    """

    width: Expression | int
    is_input: bool
    is_packet: bool
    meanings: Mapping[str, str]
    summary: str

    @property
    def width_text(self) -> str:
        """The width as the specification writes it."""
        width = str(self.width) if isinstance(self.width, int) else self.width.text
        return f"{width}, 1" if self.is_packet else width


STREAMS: Mapping[str, Stream] = MappingProxyType(
    {
        "commands": Stream(
            COMMAND_BITS,
            is_input=True,
            is_packet=True,
            meanings={
                "payload": "a beat of a command packet; the highest bit is last",
                "valid": "a beat is offered",
                "ready": "the beat is accepted",
            },
            summary="§17",
        ),
        "responses": Stream(
            RESPONSE_BITS,
            is_input=False,
            is_packet=True,
            meanings={
                "payload": "a beat of an answer; the highest bit is last",
                "valid": "a beat is offered",
                "ready": "the beat is accepted",
            },
            summary="§17",
        ),
        "seed": Stream(
            SEED_BITS,
            is_input=True,
            is_packet=False,
            meanings={
                "payload": "seed of the random source; 0 is none",
                "valid": "a seed is offered; it waits while busy is high",
                "ready": "the seed is accepted",
            },
            summary="accepted from its second cycle on offer with no command waiting for its answer (`busy` low), "
            "not seeding, `abort_all` low; armed or not. A header that is taken in that cycle comes after the seed",
        ),
    }
)
"""The streams of the core."""

CLOCK: tuple[Port, ...] = (
    Port("clk", 1, "clock; everything changes with its rising edge", is_input=True),
    Port("rst", 1, "synchronous reset, active high", is_input=True),
)

KEYS: tuple[Port, ...] = (
    Port("form_key", 16, f"{FORM_KEY:04X} (hexadecimal) lets FORM commands pass", "§17", is_input=True),
)

CONTROLS: tuple[Port, ...] = (
    Port("arm", 1, "high arms; low disarms, releases the array and clears a fault", "§9", is_input=True),
    Port("pulse_limit", TIME_BITS, settings_of(ControllerSettings)["pulse_limit"].about, "§9", is_input=True),
    Port("abort_all", 1, "drops all commands and releases the array", "§9", is_input=True),
)

STATES: tuple[Port, ...] = (
    Port("armed", 1, "commands are accepted and pulses applied", "§9"),
    Port("seeded", 1, "there is a seed", "§4"),
    Port("seeding", 1, "the random source is being filled", "§4"),
    Port("busy", 1, "a command has been taken and is not answered"),
    Port("fault", member_bits(Fault), f"{listed(Fault, nothing='none')}; held until disarmed", "§9, 0 none",
         kind=Fault),
    Port("settings_error", len(SETTINGS_ERRORS),
         "one bit per illegal setting; commands that use settings are refused while it is not 0", "§2"),
    Port("seed_error", 1, "the seed taken last was 0, which is none",
         "the seed taken last was 0: there is none (§4)"),
    Port("random_seed", SEED_BITS, "the seed loaded last", "§4"),
    Port("random_steps", 64, "beats of deltas accepted since", "§4"),
    Port("state_index", 16, "word of the random state to read", "§4", is_input=True),
    Port("state_word", STATE_WORD_BITS, "that word, some cycles later", "§4"),
)  # fmt: skip

COUNTER_PORTS: tuple[Port, ...] = tuple(
    Port(name, COUNTER_BITS, f"{about}, since reset") for name, about in COUNTERS.items()
)


def port_meanings() -> dict[str, str]:
    """What every port of the core means, by its name in the Verilog."""
    found = {port.name: port.about for port in (*CLOCK, *KEYS, *CONTROLS, *STATES)}
    for name, stream in STREAMS.items():
        found |= {f"{name}__{part}": about for part, about in stream.meanings.items()}
    groups = {"crossbar": CROSSBAR, "dac": DAC, "report": REPORT, "counters": COUNTER_PORTS}
    for group, ports in groups.items():
        found |= {f"{group}__{port.name}": port.about for port in ports}
    return found | {f"settings__{name}": setting.about for name, setting in port_settings().items()}
