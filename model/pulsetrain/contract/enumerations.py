"""Numbers with names, and the keys: what is on the wires, in the harness and in answers. Each stands here once.

RTL (``pulsetrain_rtl.interfaces``), model, harness and documents read them from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Any, TypeVar

from pulsetrain.errors import PulsetrainError, did_you_mean

Member = TypeVar("Member", bound=IntEnum)

FORM_KEY = 0xF03A
"""What ``form_key`` must be for a FORM command (specification, section 17)."""

CODE_BITS = 16
"""Width of an element of targets, of cells and of the data beats of answers (section 16)."""

LEFT_ALONE = -(1 << CODE_BITS - 1)
"""The target of a cell that is not to be touched (section 16)."""

FULL_SCALE_BITS = 16
"""Width of a full scale (section 2)."""

TRY_BITS = 8
"""Width of a number of rounds (section 16)."""

COUNTER_BITS = 32
"""Width of a counter (section 10)."""

SEED_BITS = 64
"""Width of a seed (section 4)."""

STATE_WORD_BITS = 32
"""Width of a word of the random state (section 4)."""

FULL_SCALE_UNIT = 100_000
"""Picosiemens of one unit of a full scale: 0.1 µS (section 12)."""


class Polarity(IntEnum):
    """Direction of a write pulse: SET raises the conductance, RESET lowers it."""

    SET = 0
    RESET = 1


class Operation(IntEnum):
    """What the crossbar is asked to do (section 8)."""

    IDLE = 0
    SET = 1
    RESET = 2
    FORM = 4
    READ_FORWARD = 8
    READ_BACKWARD = 16


class Unselected(IntEnum):
    """What the lines of a class do that an operation does not select (section 2)."""

    GROUND = 0
    FLOAT = 1
    INHIBIT = 2


class PairPolicy(IntEnum):
    """Which devices of a pair take the pulses of a weight (section 15)."""

    SET_ONLY = 0
    RESET_ONLY = 1
    BOTH = 2


class Ramp(IntEnum):
    """What grows from round to round in programming and forming (section 16)."""

    NONE = 0
    WIDTH = 1
    LEVEL = 2


class ProgramMode(IntEnum):
    """What happens to the rows whose targets are sent (section 16)."""

    PROGRAM = 0
    FORM = 1
    REFRESH = 2


class RequestStatus(IntEnum):
    """How the requests in flight ended (sections 3 and 9)."""

    OK = 0
    ABORTED = 1
    FAULT = 2


class Fault(IntEnum):
    """Why the controller released the array by itself (section 9)."""

    NONE = 0
    READY_TIMEOUT = 1
    STROBE_LIMIT = 2
    CONVERTER_TIMEOUT = 3


class Opcode(IntEnum):
    """Commands (section 17)."""

    LOAD = 1
    READ_FORWARD = 2
    READ_BACKWARD = 3
    UPDATE = 4
    UPDATE_OUTER = 5
    UPDATE_DIFFERENCE = 6
    PROGRAM = 7
    FORM = 8
    REFRESH = 9


class AnswerStatus(IntEnum):
    """What an answer says (section 17). The first three say how requests ended, by the same numbers."""

    OK = 0
    ABORTED = 1
    FAULT = 2
    UNKNOWN = 3
    LENGTH = 4
    SETTINGS = 5
    DISARMED = 6
    UNSEEDED = 7
    LOCKED = 8
    CODE = 9


class Side(IntEnum):
    """The lines that a vector belongs to (section 17)."""

    ROWS = 0
    COLUMNS = 1


class Which(IntEnum):
    """Which of the two vectors of a side (section 17)."""

    A = 0
    B = 1


def member_bits(kind: type[IntEnum]) -> int:
    """The number of bits that hold every member: the width of the enumeration on wires and in words."""
    return max(kind).bit_length()


def listed(kind: type[IntEnum], *, nothing: str | None = None) -> str:
    """The members as text: "0 SET, 1 RESET". ``nothing``: a name for 0 in place of its own."""
    return ", ".join(
        f"{item.value} {nothing if nothing is not None and not item.value else item.name}" for item in kind
    )


def marked(kind: type[IntEnum], notes: Mapping[IntEnum, str] = MappingProxyType({})) -> str:
    """The members as the specification writes them: "0 `SET`, 1 `RESET`". ``notes``: what follows a member."""
    return ", ".join(f"{item.value} `{item.name}`{notes.get(item, '')}" for item in kind)


def member(thing: str, value: Any, kind: type[Member]) -> Member:
    """``value``, a member of ``kind``, its number or its name, as the member. Raises PulsetrainError otherwise."""
    try:
        return kind[value] if isinstance(value, str) else kind(value)
    except (KeyError, ValueError, TypeError):
        names = [item.name for item in kind]
        near = did_you_mean(value, names)
        raise PulsetrainError(f"{thing} must be one of {', '.join(names)}, not {value!r}{near}") from None
