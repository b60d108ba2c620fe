"""The structures that the harness and its caller share, as one table: C, ctypes and NumPy types are made of it.

``header.py`` writes the C of them, ``layouts.py`` makes the types on this side. Settings, counters, enumerations and
the configuration come from ``pulsetrain.contract``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.counters import COUNTERS
from pulsetrain.contract.settings import (
    ControllerSettings,
    LineSettings,
    RampSettings,
    groups_of,
    settings_of,
)


class RunEnd(IntEnum):
    """How a run of the harness, or one of its functions, ended."""

    DONE = 0
    """Every command is answered, none with ABORTED or FAULT."""
    BUFFER_FULL = 1
    """The buffer of pulses must be emptied and the run resumed."""
    ABORTED = 2
    """By ``abort_cycle``: an answer says so, or commands were not sent."""
    STOPPED = 3
    """The same, by the observer."""
    FAULTED = 4
    """``fault`` holds the code."""
    NOT_ARMED = 5
    NOT_SEEDED = 6
    CYCLE_LIMIT = 7
    """The run took longer than its cycle limit."""
    STUCK = 8
    """Nothing happened for ``stuck_limit`` cycles."""
    UNSAFE = 9
    """The pin checker saw a violation."""
    BAD_ANSWER = 10
    """An answer that nobody asked for, or more data than there can be."""


@dataclass(frozen=True)
class Member:
    """A member of a structure.

    ``kind``: "u32", "i32", "u64", "i64", "address", or the name of a structure. ``count``: elements of an array, 0
    for a plain member. ``pointer``: the C declaration of an address, with {} in place of the name.
    """

    name: str
    kind: str
    about: str = ""
    count: int = 0
    pointer: str = ""


@dataclass(frozen=True)
class Structure:
    """A C structure. Members lie in order, each aligned to its size."""

    name: str
    members: tuple[Member, ...]
    about: str = ""


GROUPS: dict[type[object], str] = {kind: kind.__name__ for kind in (LineSettings, RampSettings)}
"""Groups of settings, by the name of their structure."""


def _numbers(names: Sequence[str]) -> tuple[Member, ...]:
    return tuple(Member(name, "u32") for name in names)


def _settings() -> tuple[Structure, ...]:
    """Lines, ramps and the settings that are ports."""
    groups = tuple(Structure(name, _numbers(list(settings_of(kind)))) for kind, name in GROUPS.items())
    plain = _numbers([name for name, setting in settings_of(ControllerSettings).items() if setting.is_port])
    inner = tuple(Member(name, GROUPS[kind]) for name, kind in groups_of(ControllerSettings).items())
    return (*groups, Structure("Settings", plain + inner))


def structures(config: ControllerConfig) -> tuple[Structure, ...]:
    """Every structure for ``config``, those that others are made of first."""
    return (
        *_settings(),
        Structure("Counters", _numbers(list(COUNTERS)), "the controller's counters; of a run, by how much they rose"),
        Structure(
            "Command",
            (
                Member("header", "u32", "as in section 17"),
                Member("settings", "u32", "which settings of the run are at the pins when the header is taken"),
                Member("elements", "address", "int16_t or int32_t; null: zeros", pointer="const void *{}"),
                Member("count", "i64", "of the elements"),
                Member("beats", "i64", "of payload; 0: the header has `last`"),
                Member("element_bytes", "u32", "in memory"),
                Member("element_bits", "u32", "as a field of a beat"),
                Member("per_beat", "u32", "elements"),
                Member("reserved", "u32", "0"),
            ),
            "a packet: the header, then the payload made of the elements in order; zeros after the last of them",
        ),
        Structure(
            "Answer",
            (
                Member("opcode", "u32"),
                Member("status", "u32"),
                Member("tag", "u32"),
                Member("beats", "u32", "of data"),
                Member("first", "i64", "its first beat of data in the buffer"),
                Member("cycle", "i64", "clock cycle of this run in which the status word was taken"),
            ),
        ),
        Structure(
            "Pulse",
            (
                Member("cycle", "i64", "clock cycle of this run in which it was reported"),
                Member("row", "u32"),
                Member("polarity", "u32", "SET 0, RESET 1"),
                Member("form", "u32", "1: a FORM pulse"),
                Member("level", "u32", "the bit code (RESET: source code) that was at the pins"),
                Member("cycles", "u32", "length of the strobe"),
                Member("cut", "u32", "1 if shorter than asked for"),
                Member("columns", "u64", "bit c % 64 of word c / 64: column c took the pulse",
                       count=-(-config.columns // 64)),
            ),
            "a finished write pulse, as the controller reports it",
        ),
        Structure(
            "Peripheral",
            (
                Member("context", "address", pointer="void *{}"),
                Member("observer", "address", "not null: takes the pulses in place of the buffer; not 0 from it aborts",
                       pointer="int32_t (*{})(void *context, const Pulse *pulse)"),
                Member("array", "address", pointer="void *{}"),
                Member("pulse", "address", "applies a pulse",
                       pointer="void (*{})(void *array, uint32_t operation, uint32_t row, uint32_t cycles, "
                       "uint32_t level, const uint64_t *columns)"),
                Member("convert", "address", "gives the codes of a group of lines",
                       pointer="void (*{})(void *array, uint32_t backward, uint32_t whole, uint32_t row, "
                       "uint32_t full_scale, uint32_t group, uint32_t first, const int32_t *dac, int32_t *codes)"),
                Member("conversion_cycles", "i64", "from `convert` to `converted`, at least 1"),
            ),
            "whatever stands at the crossbar pins, called in the cycle in which the thing happens",
        ),
        Structure(
            "Run",
            (
                Member("commands", "address", pointer="const Command *{}"),
                Member("command_count", "i64"),
                Member("settings", "address", pointer="const Settings *{}"),
                Member("pulses", "address", "buffer of finished pulses", pointer="Pulse *{}"),
                Member("capacity", "i64", "of it"),
                Member("answers", "address", "room for one of each command", pointer="Answer *{}"),
                Member("data", "address", "room for the data of all answers, ADC_COUNT elements a beat",
                       pointer="int16_t *{}"),
                Member("data_capacity", "i64", "in beats"),
                Member("peripheral", "Peripheral"),
                Member("abort_cycle", "i64", "raise `abort_all` in this cycle, -1: never"),
                Member("cycle_limit", "i64", "at least 1"),
                Member("stuck_limit", "i64", "at least 1"),
                Member("stall_seed", "u64", "random stalls are a function of it alone"),
                Member("idle_share", "u32", "of 65536: how often no beat of a command is offered in a cycle"),
                Member("unready_share", "u32", "of 65536: how often crossbar.ready is low in a cycle"),
                Member("blocked_share", "u32", "of 65536: how often responses.ready is low in a cycle"),
                Member("late_share", "u32", "of 65536: how often a conversion takes one cycle more"),
                Member("form_key", "u32"),
                Member("check_pins", "u32", "watch the safety rules in every cycle"),
                Member("status", "i32", "what happened: a RunEnd"),
                Member("pulse_count", "i64", "in the buffer, of this call"),
                Member("cycles", "i64", "of the whole run"),
                Member("beats", "i64", "of commands, headers included"),
                Member("answer_count", "i64"),
                Member("data_count", "i64"),
                Member("fault", "u32"),
                Member("settings_error", "u32", "of the first header that was taken with one"),
                Member("counters", "Counters"),
            ),
            "a run of commands: what the caller asks for, then what happened",
        ),
        Structure(
            "Readback",
            (
                Member("random_seed", "u64"),
                Member("random_steps", "u64"),
                Member("counters", "Counters"),
                *_numbers(FLAGS),
                Member("fault", "u32"),
            ),
            "what the core shows between runs",
        ),
    )  # fmt: skip


FLAGS = ("armed", "seeded", "busy")
"""Ports of the core that a read-back has as 0 or 1."""
