"""Texts of options into values: one parser a kind. Each error names the option, and the range in the unit of the text.

A parser takes the option ("--set-cycles") and the text that was typed after it, and returns the value or raises
PulsetrainError.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any

from pulsetrain.errors import PulsetrainError, check_choice, did_you_mean

Parser = Callable[[str, str], Any]


def text(_option: str, typed: str) -> str:
    """The text itself: what it may be is checked by what it is for."""
    return typed


def integer(low: int | None = None, high: int | None = None, unit: str = "") -> Parser:
    """Integers in ``low … high``, both included; None leaves an end open, to be checked by what the value is for."""

    def parse(option: str, typed: str) -> int:
        rule = _rule("an integer", low, high, unit)
        try:
            number = int(typed)
        except ValueError:
            raise PulsetrainError(f"Option {option} must be {rule}, not {typed!r}") from None
        if (low is not None and number < low) or (high is not None and number > high):
            raise PulsetrainError(f"Option {option} must be {rule}, not {number}")
        return number

    return parse


def number(low: float | None = None, high: float | None = None, unit: str = "", per: float = 1.0) -> Parser:
    """Numbers of ``unit``, of which ``per`` make one SI unit; the value and ``low … high`` are in SI units.

    "2" with ``per`` 1e6 (µS) becomes 2e-6 (S): dividing rounds once. Without bounds "nan" and "inf" are numbers, and
    refused by what the value is for.
    """

    def parse(option: str, typed: str) -> float:
        lowest, highest = (None if bound is None else f"{bound * per:g}" for bound in (low, high))
        rule = _rule("a number", lowest, highest, unit)
        try:
            value = float(typed) / per
        except ValueError:
            raise PulsetrainError(f"Option {option} must be {rule}, not {typed!r}") from None
        bounded = low is not None or high is not None
        outside = (low is not None and value < low) or (high is not None and value > high)
        if outside or (bounded and not math.isfinite(value)):
            raise PulsetrainError(f"Option {option} must be {rule}, not {typed.strip()}")
        return value

    return parse


def choice(names: Sequence[str]) -> Parser:
    """One of ``names``."""
    return lambda option, typed: check_choice(f"Option {option}", typed, names)


def yes_or_no(option: str, typed: str) -> bool:
    """ "yes" or "no" as True or False."""
    return check_choice(f"Option {option}", typed, ("no", "yes")) == "yes"


def member(kind: type[IntEnum]) -> Parser:
    """A member of an enumeration by its name, in the order of its numbers in messages."""

    def parse(option: str, typed: str) -> IntEnum:
        names = [item.name for item in kind]
        if typed not in names:
            rule = f"one of {', '.join(names)}"
            raise PulsetrainError(f"Option {option} must be {rule}, not {typed!r}{did_you_mean(typed, names)}")
        return kind[typed]

    return parse


def assignments(parsers: Mapping[str, Parser]) -> Parser:
    """KEY=VALUE,KEY=VALUE as a dict of the keys, each with the parser of its name ("word-code")."""

    def parse(option: str, typed: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for part in typed.split(","):
            key, equals, value = (word.strip() for word in part.partition("="))
            if not equals:
                raise PulsetrainError(f"Option {option} must be KEY=VALUE, joined by commas, not {typed!r}")
            if key not in parsers:
                rule = f"one of {', '.join(parsers)}"
                raise PulsetrainError(f"Key of {option} must be {rule}, not {key!r}{did_you_mean(key, parsers)}")
            if key in values:
                raise PulsetrainError(f"Option {option} must name a key once, not {key!r} twice")
            values[key] = parsers[key](f"{option} {key}", value)
        return values

    return parse


def _rule(what: str, low: object, high: object, unit: str) -> str:
    """ "an integer between 1 and 9 cycles"; a unit that is a number itself is set off: "between 1 and 9 × 0.1 µS"."""
    unit = f"× {unit}" if unit[:1].isdigit() else unit
    if low is not None and high is not None:
        what = f"{what} between {low} and {high}"
    elif low is not None:
        what = f"{what} of at least {low}"
    elif high is not None:
        what = f"{what} of at most {high}"
    return f"{what} {unit}".strip()
