"""The tables of the specification, made from the contract.

``python -m pulsetrain.contract.tables docs/specification.md`` writes each between its marks, ``<!-- table: NAME -->``
and ``<!-- end -->``; ``make verilog`` does so, too. What stands outside the marks is left alone.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType

from pulsetrain.contract.commands import CELL_STATE, COMMANDS, HEADER, STATUS_WORD, BitField, CommandShape
from pulsetrain.contract.configuration import PARAMETERS
from pulsetrain.contract.counters import COUNTERS
from pulsetrain.contract.enumerations import (
    COUNTER_BITS,
    AnswerStatus,
    Fault,
    Opcode,
    Operation,
    PairPolicy,
    Polarity,
    ProgramMode,
    Ramp,
    RequestStatus,
    Side,
    Unselected,
    Which,
    marked,
    member_bits,
)
from pulsetrain.contract.expressions import Expression
from pulsetrain.contract.ports import CONTROLS, CROSSBAR, DAC, KEYS, REPORT, STATES, STREAMS, Port
from pulsetrain.contract.settings import ControllerSettings, Setting, groups_of, settings_of
from pulsetrain.errors import PulsetrainError, check_choice

COMMAND = "python -m pulsetrain.contract.tables docs/specification.md"
"""What brings the tables of the specification up to date."""

ENUMERATIONS: tuple[type[IntEnum], ...] = (
    Polarity,
    Operation,
    Unselected,
    PairPolicy,
    Ramp,
    ProgramMode,
    RequestStatus,
    Fault,
    Opcode,
    AnswerStatus,
    Side,
    Which,
)
"""The enumerations of the contract."""

_MARKED = re.compile(r"(<!-- table: (.*?) -->\n)(.*?)(<!-- end -->\n)", re.DOTALL)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def _code(*names: str) -> str:
    return ", ".join(f"`{name}`" for name in names)


def configuration() -> str:
    """Section 1."""
    rows = []
    for item in PARAMETERS.values():
        legal = f"{item.low} … {item.high}" + (f", {item.rule}" if item.rule else "")
        rows.append((f"{_code(item.name)} {item.symbol}".rstrip(), legal, str(item.default), item.about))
    return _table(("field", "range", "default", "meaning"), rows)


def _default(setting: Setting) -> str:
    if setting.default is None:
        return "the largest"
    return _code(setting.kind(setting.default).name) if setting.kind else str(setting.default)


def settings() -> str:
    """Section 2: what is a port by itself, then ramps and sets of lines, members of the same width in one row."""
    head = ("setting", "width", "legal values", "default", "unit", "meaning", "`settings_error` bit when illegal")
    rows = [
        (
            f"{_code(item.name)} t" if item.name == "threshold_log2" else _code(item.name),
            item.width.text,
            item.legal,
            _default(item),
            item.unit or "–",
            item.about,
            "–" if item.error is None else str(item.error),
        )
        for item in settings_of(ControllerSettings).values()
        if item.is_port
    ]
    groups = groups_of(ControllerSettings)
    for kind in dict.fromkeys(groups.values()):
        names = _code(*(name for name, of in groups.items() if of is kind))
        alike: dict[tuple[str, str], list[Setting]] = {}
        for item in settings_of(kind).values():
            alike.setdefault((item.width.text, item.legal), []).append(item)
        for (width, legal), items in alike.items():
            defaults = ", ".join(dict.fromkeys(map(_default, items)))
            abouts = "; ".join(item.about for item in items)
            if len({_default(item) for item in items}) > 1:
                defaults = ", ".join(map(_default, items))
            members = _code(*(item.name for item in items))
            rows.append((f"{names} {{{members}}}", f"{width} each", legal, defaults, "–", abouts, "–"))
    return _table(head, rows)


def _port_rows(ports: Iterable[Port], prefix: str = "") -> list[tuple[str, str, str, str]]:
    return [
        (_code(prefix + item.name), "in" if item.is_input else "out", item.width_text, item.summary or item.about)
        for item in ports
    ]


def crossbar() -> str:
    """Section 8."""
    rows = [*_port_rows(CROSSBAR, "crossbar."), *_port_rows(DAC, "dac.")]
    return _table(("signal", "direction", "width", "meaning"), rows)


def ports() -> str:
    """Section 10."""
    rows = [
        (
            _code(name),
            f"{'in' if item.is_input else 'out'}, stream" + (" {`data`, `last`}" if item.is_packet else ""),
            item.width_text,
            item.summary,
        )
        for name, item in STREAMS.items()
    ]
    rows.append((_code("settings__*"), "in", "§2", "§2: `settings__set_lines__word_code` and so on"))
    rows += [*_port_rows(KEYS), *_port_rows(CONTROLS)]
    rows.append((_code("crossbar__*", "dac__*"), "§8", "§8", "§8"))
    rows += [*_port_rows(REPORT, "report__"), *_port_rows(STATES)]
    rows.append((_code("counters__*"), "out", f"{COUNTER_BITS} each", f"since reset, modulo 2^{COUNTER_BITS}"))
    return _table(("port", "direction", "width", "meaning"), rows)


def counters() -> str:
    """Section 10."""
    return _table(("counter", "counts"), [(_code(name), about) for name, about in COUNTERS.items()])


def enumerations() -> str:
    """Section 10."""
    rows = []
    for kind in ENUMERATIONS:
        about = " ".join((kind.__doc__ or "").split()).replace("``", "`").removesuffix(".")
        rows.append((about, str(member_bits(kind)), marked(kind)))
    return _table(("what", "bits", "numbers"), rows)


def _bits(table: Mapping[str, BitField], head: str) -> str:
    rows = []
    for item in table.values():
        high = item.low + item.width - 1
        rows.append((f"{high} … {item.low}" if item.width > 1 else str(item.low), item.about))
    return _table((head, "meaning"), [*rows, ("others", "0, not looked at" if table is HEADER else "0")])


def header() -> str:
    """Section 17."""
    return _bits(HEADER, "bits of the header")


def status_word() -> str:
    """Section 17."""
    return _bits(STATUS_WORD, "bits of the status word")


def cell_state() -> str:
    """Section 16."""
    return _bits(CELL_STATE, "bits of a state")


def _beats(shape: CommandShape) -> tuple[str, str]:
    def told(beats: Expression, others: Expression | None, about: str) -> str:
        text = beats.text if others is None else f"{beats.text} (rows) or {others.text} (columns)"
        return f"{text}: {about}" if about else text

    return told(shape.payload, shape.columns, shape.about), told(shape.answer, None, shape.answer_about)


def commands() -> str:
    """Section 17."""
    rows = [(str(code.value), code.name, *_beats(shape)) for code, shape in COMMANDS.items()]
    return _table(("opcode", "command", "payload beats", "data beats of the answer"), rows)


TABLES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "configuration": configuration,
        "settings": settings,
        "crossbar": crossbar,
        "ports": ports,
        "counters": counters,
        "enumerations": enumerations,
        "state of a cell": cell_state,
        "header": header,
        "commands": commands,
        "status word": status_word,
    }
)
"""What makes each table of the specification, by the name in its mark."""


def with_tables(text: str) -> str:
    """``text`` with what stands between the marks of each table replaced by the table.

    Raises PulsetrainError for a mark with another name, a mark without its end, and a table without marks or with two.
    """
    found = []

    def made(match: re.Match[str]) -> str:
        found.append(check_choice("Table", match[2], TABLES))
        return f"{match[1]}\n{TABLES[match[2]]()}\n{match[4]}"

    done = _MARKED.sub(made, text)
    opened, closed = text.count("<!-- table: "), text.count("<!-- end -->")
    if not opened == closed == len(found):
        raise PulsetrainError(f"Marks of tables must each have an end, not {opened} marks with {closed} ends")
    for name in TABLES:
        if found.count(name) != 1:
            raise PulsetrainError(f"Table {name} must be marked once, not {found.count(name)} times")
    return done


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of ``python -m pulsetrain.contract.tables``. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="pulsetrain.contract.tables", description="Write the contract's tables into the specification"
    )
    parser.add_argument("specification", type=Path, help="the document, docs/specification.md")
    path = parser.parse_args(arguments).specification
    try:
        before = path.read_text(encoding="utf-8")
        after = with_tables(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
    except OSError as error:
        print(f"error: Specification {path} must be a file to write, not refused ({error.strerror})", file=sys.stderr)
        return 2
    except PulsetrainError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
