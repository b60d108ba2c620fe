"""Mistakes in the words of a command line, which typer finds, as errors read everywhere else in pulsetrain."""

from __future__ import annotations

import re
from typing import Any

import typer

from pulsetrain.errors import did_you_mean

# Unknown options and missing values. The class has the same name in click and in the copy that newer typers carry.
UsageError: Any = typer.BadParameter.__mro__[1]


def message(error: Any) -> str:
    """``<Thing> must be <rule>, not <value>`` of a usage error; what is not known here, as typer says it."""
    option = getattr(error, "option_name", None)
    if option and hasattr(error, "possibilities"):
        near = did_you_mean(option, error.possibilities or [])
        return f"Option must be one that --help lists, not {option!r}{near}"
    if option and "requires" in error.format_message():
        return f"Option {option} must be followed by a value, not left without one"
    if option:
        return f"Option {option} must be given without a value, not with one"
    if re.match("Missing argument", error.format_message()):
        return f"Argument {error.param.metavar or error.param.name} must be given, not left out"
    extra = re.fullmatch(r"Got unexpected extra argument\(s\) \((.*)\)", error.format_message(), re.DOTALL)
    if extra:
        return f"Arguments must be those that --help lists, not also {extra[1]!r}"
    return str(error.format_message())
