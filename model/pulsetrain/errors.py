"""Errors that are the user's to mend, and the checks that raise them.

Every message reads ``<Thing> must be <rule>, not <value>``. The command line prints it without a traceback and exits
with 2; everything else that escapes is a defect of pulsetrain.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Kind = TypeVar("Kind")


class PulsetrainError(ValueError):
    """A value, file or tool that the user has to change. The message says what it must be and what it was."""


class ToolError(PulsetrainError):
    """A tool outside Python (compiler, Verilator, make) is missing, too old or failed."""


class MismatchError(PulsetrainError):
    """Two tiles that must agree to the last bit do not. The message names the first difference."""


def check_integer(thing: str, value: Any, low: int, high: int | None = None) -> int:
    """Return ``value`` as an int if it is an integer (not a bool) in ``low … high`` (both included).

    ``high=None`` leaves the top open. Raises PulsetrainError otherwise.
    """
    rule = f"an integer between {low} and {high}" if high is not None else f"an integer of at least {low}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise PulsetrainError(f"{thing} must be {rule}, not {value!r}")
    number = int(value)
    if number < low or (high is not None and number > high):
        raise PulsetrainError(f"{thing} must be {rule}, not {number!r}")
    return number


def check_real(
    thing: str,
    value: Any,
    *,
    above: float | None = None,
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
) -> float:
    """Return ``value`` as a float if it is finite, greater than ``above``, at least ``low`` and at most ``high``.

    ``unit`` is named in the message. Raises PulsetrainError otherwise.
    """
    bounds = (("above", above), ("at least", low), ("at most", high))
    rules = [f"{words} {bound:g} {unit}".rstrip() for words, bound in bounds if bound is not None]
    rule = " ".join(["a finite number", " and ".join(rules)]).strip()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise PulsetrainError(f"{thing} must be {rule}, not {value!r}")
    try:
        number = float(value)
    except OverflowError:  # an integer or a fraction beyond all floats
        number = math.inf if value > 0 else -math.inf  # type: ignore[operator]
    wrong = (
        not math.isfinite(number)
        or (above is not None and number <= above)
        or (low is not None and number < low)
        or (high is not None and number > high)
    )
    if wrong:
        raise PulsetrainError(f"{thing} must be {rule}, not {number!r}")
    return number


def check_choice(thing: str, value: Any, choices: Iterable[str]) -> str:
    """Return ``value`` if it is one of ``choices``.

    Raises PulsetrainError otherwise, with the sorted list and the choice that is nearest to what was written.
    """
    names = sorted(choices)
    if not isinstance(value, str) or value not in names:
        raise PulsetrainError(f"{thing} must be one of {', '.join(names)}, not {value!r}{did_you_mean(value, names)}")
    return value


def did_you_mean(value: Any, choices: Iterable[str]) -> str:
    """The end of a message that names the one of ``choices`` that ``value`` is near to, or nothing.

    Near as ``difflib`` has it, whether letters are large or small, and - or _.
    """
    if not isinstance(value, str):
        return ""
    plain = {_plain(name): name for name in choices}
    near = difflib.get_close_matches(_plain(value), plain, 1)
    return f" (did you mean {plain[near[0]]!r}?)" if near else ""


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def check_type(thing: str, value: Any, kind: type[Kind]) -> Kind:
    """Return ``value`` if it is a ``kind``. Raises PulsetrainError otherwise."""
    if not isinstance(value, kind):
        raise PulsetrainError(f"{thing} must be of type {kind.__name__}, not {_short(value)}")
    return value


def check_path(thing: str, value: Any) -> Path:
    """``value``, text or a path, as a Path. Raises PulsetrainError for anything else."""
    if not isinstance(value, (str, os.PathLike)):
        raise PulsetrainError(f"{thing} must be a path, not {_short(value)}")
    if "\0" in os.fsdecode(value):
        raise PulsetrainError(f"{thing} must be a path, not text with a null character")
    return Path(os.fsdecode(value))


def _short(value: Any) -> str:
    """``value`` as a message shows it: one line that is not too long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 200 else f"{text[:200]}…"


def check_array(thing: str, values: ArrayLike) -> NDArray[Any]:
    """``values`` as an array of whatever type they have. Raises PulsetrainError for rows of different lengths."""
    import numpy as np  # here: the command line imports this file, and its --help is to be quick

    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        raise PulsetrainError(
            f"{thing} must be an array with rows of one length, not {type(values).__name__}"
        ) from error
