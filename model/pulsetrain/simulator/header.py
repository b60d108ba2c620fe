"""The C of the contract, written anew for each build of the harness: structures, enumerations, and the ports by name.

Two files: ``contract.h`` needs nothing, ``contract_ports.h`` the macros of ``ports.h``. ``describe.cpp`` tells what was
made of them, name by name; ``layouts.differences`` holds it against the types on this side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum

from pulsetrain.contract.commands import HEADER, STATUS_WORD, BitField
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.counters import COUNTERS
from pulsetrain.contract.enumerations import AnswerStatus, Opcode, Operation, Ramp
from pulsetrain.contract.settings import (
    LineSettings,
    port_settings,
    settings_of,
)
from pulsetrain.simulator.structures import FLAGS, Member, RunEnd, Structure, structures

ENUMERATIONS: tuple[type[IntEnum], ...] = (Opcode, AnswerStatus, Operation, Ramp, RunEnd)
"""Enumerations that the harness knows."""

TYPES = {"u32": "uint32_t", "i32": "int32_t", "u64": "uint64_t", "i64": "int64_t"}
"""Kinds of members that are numbers, in C."""


def header_text(config: ControllerConfig) -> str:
    """``contract.h`` for ``config``: configuration, enumerations, structures, and where each member lies."""
    made = structures(config)
    parts = [
        "// Made by pulsetrain.simulator.header from the contract. Do not edit.",
        "#pragma once\n#include <cstddef>\n#include <cstdint>",
        "\n".join(f"constexpr int {name.upper()} = {value};" for name, value in config.to_dict().items()),
        *(_enumeration(kind) for kind in ENUMERATIONS),
        _bit_fields("Header", HEADER.values()),
        _bit_fields("StatusWord", STATUS_WORD.values()),
        *(_structure(item) for item in made),
        _places(made, config),
    ]
    return "\n\n".join(parts) + "\n"


def ports_text() -> str:
    """``contract_ports.h``: settings to the ports, and lines, counters and flags from them, each by its name."""
    settings = [_assigned(name) for name in port_settings()]
    lines = [f"        PORT(crossbar, {name})," for name in settings_of(LineSettings)]
    counters = [f"        PORT(counters, {name})," for name in COUNTERS]
    differences = [f"        after.{name} - before.{name}," for name in COUNTERS]
    smallest = [f"    settings.{name.replace('__', '.')} = {item.low};" for name, item in port_settings().items()]
    return "\n".join(
        [
            "// Made by pulsetrain.simulator.header from the contract. Do not edit.",
            "#pragma once",
            "",
            "inline void put_settings(Vcontroller *top, const Settings &settings) {",
            *settings,
            "}",
            "",
            "// Every setting at the smallest value of its range: the shortest operations.",
            "inline Settings smallest_settings() {",
            "    Settings settings = {};",
            *smallest,
            "    return settings;",
            "}",
            "",
            "inline LineSettings get_lines(const Vcontroller *top) {",
            "    return {",
            *lines,
            "    };",
            "}",
            "",
            "inline Counters get_counters(const Vcontroller *top) {",
            "    return {",
            *counters,
            "    };",
            "}",
            "",
            "inline Counters operator-(const Counters &after, const Counters &before) {",
            "    return {",
            *differences,
            "    };",
            "}",
            "",
            "inline Readback get_readback(const Vcontroller *top) {",
            f"    return {{top->random_seed, top->random_steps, get_counters(top), "
            f"{', '.join(f'top->{name}' for name in FLAGS)}, top->fault}};",
            "}",
            "",
        ]
    )


def _assigned(name: str) -> str:
    group, _, inner = name.partition("__")
    if inner:
        return f"    PORT3(settings, {group}, {inner}) = settings.{group}.{inner};"
    return f"    PORT(settings, {name}) = settings.{name};"


def _enumeration(kind: type[IntEnum]) -> str:
    members = ", ".join(f"{item.name} = {item.value}" for item in kind)
    return f"namespace {kind.__name__} {{\nenum : int32_t {{ {members} }};\n}}"


def _bit_fields(name: str, bits: Iterable[BitField]) -> str:
    lines = [
        f"constexpr uint32_t {item.name}(uint32_t word) {{ return word >> {item.low} & {item.mask}; }}" for item in bits
    ]
    return "\n".join([f"namespace {name} {{", *lines, "}"])


def _declaration(member: Member) -> str:
    if member.pointer:
        return member.pointer.format(member.name)
    array = f"[{member.count}]" if member.count else ""
    return f"{TYPES.get(member.kind, member.kind)} {member.name}{array}"


def _structure(structure: Structure) -> str:
    lines = [f"    {_declaration(item)};" + (f" // {item.about}" if item.about else "") for item in structure.members]
    about = [f"// {structure.about}"] if structure.about else []
    return "\n".join([*about, f"struct {structure.name} {{", *lines, "};"])


def _places(made: Sequence[Structure], config: ControllerConfig) -> str:
    """A table of what the compiler made of it: the places of all members, numbers of enumerations, configuration."""
    pairs = [(item.name, member.name) for item in made for member in item.members]
    places = [f'    {{"{name}.{inner}", offsetof({name}, {inner}), sizeof({name}::{inner})}},' for name, inner in pairs]
    wholes = [f'    {{"{item.name}", 0, sizeof({item.name})}},' for item in made]
    items = [(kind.__name__, item.name) for kind in ENUMERATIONS for item in kind]
    numbers = [f'    {{"{kind}.{name}", {kind}::{name}}},' for kind, name in items]
    fields = [f'    {{"{name}", {name.upper()}}},' for name in config.to_dict()]
    return "\n".join(
        [
            "struct Place {\n    const char *name;\n    int64_t offset, size;\n};",
            "constexpr Place places[] = {",
            *places,
            *wholes,
            "};",
            "struct Number {\n    const char *name;\n    int64_t value;\n};",
            "constexpr Number numbers[] = {",
            *numbers,
            *fields,
            "};",
        ]
    )
