"""The tables of the contract hold together, and those of docs/specification.md are made of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import pytest
from pulsetrain.contract import commands, ports, tables
from pulsetrain.contract.commands import CELL_STATE, COMMANDS, HEADER, STATUS_WORD, BitField
from pulsetrain.contract.configuration import CONFIGS, PARAMETERS, ControllerConfig
from pulsetrain.contract.counters import COUNTERS, ControllerCounters
from pulsetrain.contract.enumerations import (
    CODE_BITS,
    COUNTER_BITS,
    FORM_KEY,
    LEFT_ALONE,
    AnswerStatus,
    Opcode,
    Operation,
    ProgramMode,
    RequestStatus,
    member_bits,
)
from pulsetrain.contract.ports import Port
from pulsetrain.contract.settings import (
    SETTINGS_ERRORS,
    ControllerSettings,
    LineSettings,
    RampSettings,
    during,
    groups_of,
    port_settings,
    settings_of,
)
from pulsetrain.contract.tables import COMMAND, ENUMERATIONS, TABLES, with_tables
from pulsetrain.errors import PulsetrainError

ROOT = Path(__file__).parents[2]
SPECIFICATION = ROOT / "docs" / "specification.md"
EDGES = {
    "smallest": ControllerConfig(
        rows=1, columns=1, lanes=1, delta_bits=8, random_bits=4, pulse_count_bits=1, time_bits=4, amplitude_bits=1,
        queue_depth=2, dac_bits=2, adc_bits=3, adc_count=1
    ),
    "widest": ControllerConfig(
        rows=1024, columns=1024, lanes=1024, delta_bits=32, random_bits=32, pulse_count_bits=8, time_bits=32,
        amplitude_bits=16, queue_depth=64, dac_bits=12, adc_bits=16, adc_count=1024, pair=0
    ),
    "pairs": ControllerConfig(rows=4, columns=16, lanes=4, adc_count=3, pair=1),
}  # fmt: skip
EVERY = {**CONFIGS, **EDGES}
GROUPS: dict[str, tuple[Port, ...]] = {
    "crossbar": ports.CROSSBAR,
    "dac": ports.DAC,
    "report": ports.REPORT,
    "done": ports.DONE,
    "clock": ports.CLOCK,
    "keys": ports.KEYS,
    "controls": ports.CONTROLS,
    "states": ports.STATES,
    "counters": ports.COUNTER_PORTS,
}
WORDS: dict[str, tuple[Iterable[BitField], int]] = {
    "header": (HEADER.values(), min(config.command_bits for config in EVERY.values())),
    "status word": (STATUS_WORD.values(), min(config.response_bits for config in EVERY.values())),
    "state of a cell": (CELL_STATE.values(), CODE_BITS),
}


def width_of(port: Port, config: ControllerConfig) -> int:
    """Bits of a port."""
    width = port.width if isinstance(port.width, int) else port.width(config)
    return width if port.count is None else width * port.count(config)


# Every name has a meaning.


def test_every_name_has_a_meaning() -> None:
    told = {name: item.about for name, item in PARAMETERS.items()} | dict(COUNTERS)
    for kind in (ControllerSettings, LineSettings, RampSettings):
        told |= {f"{kind.__name__}.{name}": item.about for name, item in settings_of(kind).items()}
    told |= {name: during(name) for name in groups_of(ControllerSettings)}
    told |= {f"{group} {port.name}": port.about for group, members in GROUPS.items() for port in members}
    told |= {f"{word} {item.name}": item.about for word, (items, _) in WORDS.items() for item in items}
    told |= {kind.__name__: kind.__doc__ or "" for kind in ENUMERATIONS}
    told |= ports.port_meanings()
    assert [name for name, about in told.items() if len(about) < 4] == []
    assert all(stream.summary for stream in ports.STREAMS.values())
    # A line of its own in the table of pins and in a table of the specification: no break, no bar.
    assert [name for name, about in told.items() if "|" in about or ("\n" in about and name[0].islower())] == []


def test_names_are_there_once() -> None:
    for members in GROUPS.values():
        assert len({port.name for port in members}) == len(members)
    assert list(COUNTERS) == [item.name for item in fields(ControllerCounters)]
    assert [port.name for port in ports.COUNTER_PORTS] == list(COUNTERS)
    assert list(PARAMETERS) == list(ControllerConfig().to_dict())
    plain = [name for name in settings_of(ControllerSettings) if name != "pulse_limit"]
    assert list(port_settings())[: len(plain)] == plain


# Settings.


def test_bits_of_errors_have_no_hole() -> None:
    bits = {name: item.error for name, item in settings_of(ControllerSettings).items() if item.error is not None}
    assert sorted(bits.values()) == list(range(len(bits)))
    assert [bits[name] for name in SETTINGS_ERRORS] == list(range(len(bits)))
    width = next(port.width for port in ports.STATES if port.name == "settings_error")
    assert width == len(SETTINGS_ERRORS)
    # What may be illegal has a bit, what may not has none: a range that is narrower than its width, or a rule.
    for name, item in settings_of(ControllerSettings).items():
        free = item.low == 0 and item.high is None and not item.armed and not item.rule
        assert (item.error is None) == (free or not item.is_port), name


@pytest.mark.parametrize("name", list(EVERY))
def test_widths_hold_the_ranges(name: str) -> None:
    config = EVERY[name]
    for kind in (ControllerSettings, LineSettings, RampSettings):
        for item in settings_of(kind).values():
            assert 0 <= item.low <= item.largest(config) < 1 << item.width(config), item.name
            if item.kind is not None:
                assert item.width(config) == member_bits(item.kind), item.name
    for group, members in GROUPS.items():
        for port in members:
            assert width_of(port, config) >= 1, f"{group} {port.name}"
            if port.kind is not None:
                assert width_of(port, config) == member_bits(port.kind), f"{group} {port.name}"
    widths = {port.name: width_of(port, config) for port in ports.CROSSBAR}
    assert config.rows <= 1 << widths["row"]
    assert max(config.row_groups, config.column_groups) <= 1 << widths["group"]
    assert widths["codes"] == config.adc_count * config.adc_bits
    # Any code of the converters and any target fits an element, LEFT_ALONE beside them.
    assert config.adc_max <= -LEFT_ALONE - 1 == (1 << CODE_BITS - 1) - 1


@pytest.mark.parametrize("name", list(CONFIGS))
def test_defaults_are_legal(name: str) -> None:
    checked = ControllerSettings().checked(CONFIGS[name])
    for item in settings_of(ControllerSettings).values():
        value = getattr(checked, item.name)
        assert item.low <= value <= item.largest(CONFIGS[name]), item.name
        if item.default is not None:
            assert value == item.default, item.name
    assert ControllerConfig() == ControllerConfig(**{key: item.default for key, item in PARAMETERS.items()})
    for key, value in CONFIGS[name].to_dict().items():
        assert PARAMETERS[key].low <= value <= PARAMETERS[key].high


def test_largest_values_are_those_that_checks_take() -> None:
    config = ControllerConfig(rows=5, columns=24, lanes=8, pulse_count_bits=3, time_bits=10, adc_bits=6)
    for item in settings_of(ControllerSettings).values():
        if item.kind is None and not item.rule:
            top = item.largest(config)
            ControllerSettings().replace(**{item.name: top}).checked(config)
            with pytest.raises(PulsetrainError, match=f"between {item.low} and {top}, not {top + 1}"):
                ControllerSettings().replace(**{item.name: top + 1}).checked(config)
            with pytest.raises(PulsetrainError, match=f"between {item.low} and {top}, not {item.low - 1}"):
                ControllerSettings().replace(**{item.name: item.low - 1}).checked(config)


# Enumerations, words and commands.


def test_enumerations_count_on_and_fit() -> None:
    assert set(ENUMERATIONS) >= {port.kind for members in GROUPS.values() for port in members if port.kind is not None}
    for kind in ENUMERATIONS:
        numbers = [item.value for item in kind]
        counted = list(range(numbers[0], numbers[0] + len(numbers)))
        assert numbers == (counted if kind is not Operation else [0, *(1 << bit for bit in range(len(numbers) - 1))])
        assert numbers[0] == (1 if kind is Opcode else 0), kind
        assert len(numbers) == len(kind.__members__), f"{kind} names a number twice"
        assert numbers[-1] < 1 << member_bits(kind)
    assert [item.name for item in AnswerStatus][: len(RequestStatus)] == [item.name for item in RequestStatus]
    assert {item.name for item in ProgramMode} <= {item.name for item in Opcode}
    assert HEADER["opcode"].width == STATUS_WORD["opcode"].width == member_bits(Opcode)
    assert STATUS_WORD["status"].width == member_bits(AnswerStatus)
    assert HEADER["tag"].width == STATUS_WORD["tag"].width
    assert max(Operation) < 1 << member_bits(Operation)


@pytest.mark.parametrize("word", list(WORDS))
def test_bits_of_words_do_not_overlap(word: str) -> None:
    items, width = WORDS[word]
    placed = sorted(items, key=lambda item: item.low)
    assert all(first.low + first.width <= second.low for first, second in pairwise(placed))
    assert placed[-1].low + placed[-1].width <= width
    whole = sum(item.at(item.mask) for item in placed)
    for item in placed:
        assert item.of(item.at(item.mask)) == item.mask
        assert item.of(whole) == item.mask
        assert item.of(whole - item.at(item.mask)) == 0
        assert item.at(item.mask + 1) == 0


@pytest.mark.parametrize("name", list(EVERY))
def test_commands_carry_what_the_specification_says(name: str) -> None:
    config = EVERY[name]
    rows, weights, lanes, groups = config.rows, config.weight_columns, config.lanes, config.adc_count
    assert list(COMMANDS) == list(Opcode)
    assert all(COMMANDS[code].opcode is code for code in Opcode)
    load = COMMANDS[Opcode.LOAD]
    assert (load.beats(config), load.beats(config, columns=True)) == (-(-rows // lanes), weights // lanes)
    programmed = rows * -(-weights // groups)
    payload = {Opcode.UPDATE: rows * weights // lanes, **dict.fromkeys((7, 8, 9), programmed)}
    answers = {Opcode.READ_FORWARD: -(-weights // groups), Opcode.READ_BACKWARD: -(-rows // groups)}
    answers |= dict.fromkeys((Opcode.PROGRAM, Opcode.FORM, Opcode.REFRESH), 2 * programmed)
    for code in Opcode:
        if code is not Opcode.LOAD:
            assert COMMANDS[code].beats(config) == payload.get(code, 0)
            assert COMMANDS[code].beats(config, columns=True) == payload.get(code, 0)
        assert COMMANDS[code].answer(config) == answers.get(code, 0)


def test_numbers_of_the_contract() -> None:
    """Those that the prose of the specification has, too."""
    text = SPECIFICATION.read_text(encoding="utf-8")
    for phrase in (
        f"`form_key` is not {FORM_KEY:04X}₁₆",
        f"({commands.MOST_WAITING} commands may wait)",
        f"{LEFT_ALONE} leaves a cell alone".replace("-", "−"),
        f"K × {CODE_BITS} bits",
        f"modulo 2^{COUNTER_BITS}",
    ):
        assert phrase in text, phrase


# The tables of the specification.


def test_the_specification_has_the_tables() -> None:
    text = SPECIFICATION.read_text(encoding="utf-8")
    assert with_tables(text) == text, f"tables of {SPECIFICATION.name} are out of date; `{COMMAND}` brings them up"
    assert re.findall(r"<!-- table: (.*?) -->", text) == list(TABLES)
    for name in (*PARAMETERS, *settings_of(ControllerSettings), *COUNTERS):
        assert f"`{name}`" in text
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert COMMAND.removeprefix("python ") in makefile


@pytest.mark.parametrize("name", list(TABLES))
def test_tables_have_as_many_cells_in_every_row(name: str) -> None:
    lines = TABLES[name]().splitlines()
    cells = {line.count(" | ") for line in lines if "`|`" not in line}
    assert len(lines) > 2
    assert len(cells) == 1
    assert all(line.startswith("| ") and line.endswith(" |") for line in lines)
    assert not any("|  |" in line for line in lines), "an empty cell"


def test_marks_must_be_right() -> None:
    text = SPECIFICATION.read_text(encoding="utf-8")
    cases = {
        "Table must be one of .*, not 'sittings'": text.replace("<!-- table: settings -->", "<!-- table: sittings -->"),
        "Table settings must be marked once, not 0 times": re.sub(
            "<!-- table: settings -->.*?<!-- end -->\n", "", text, flags=re.S
        ),
        "Table header must be marked once, not 2 times": text + "\n<!-- table: header -->\n<!-- end -->\n",
        "Marks of tables must each have an end, not 11 marks with 10 ends": text + "\n<!-- table: header -->\n",
    }
    for message, wrong in cases.items():
        with pytest.raises(PulsetrainError, match=message):
            with_tables(wrong)


def test_the_command_mends_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = SPECIFICATION.read_text(encoding="utf-8")
    copy = tmp_path / "specification.md"
    copy.write_text(text.replace("| `set_cycles` | `time_bits`", "| `set_cycles` | 7"), encoding="utf-8")
    assert copy.read_text(encoding="utf-8") != text
    assert tables.main([str(copy)]) == 0
    assert copy.read_text(encoding="utf-8") == text
    assert tables.main([str(tmp_path / "missing.md")]) == 2
    assert capsys.readouterr().err.startswith("error: Specification ")
    copy.write_text("nothing marked", encoding="utf-8")
    assert tables.main([str(copy)]) == 2
    assert capsys.readouterr().err == "error: Table configuration must be marked once, not 0 times\n"
    assert copy.read_text(encoding="utf-8") == "nothing marked"
