"""Checks that the effects of a device share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from pulsetrain.errors import PulsetrainError, check_choice, check_integer, check_real

Effect = TypeVar("Effect")

G_LIMIT = 2e-3
"""Siemens: windows and one noisy step stay far inside an int32 of picosiemens."""


def check_reals(
    thing: str,
    values: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    unit: str = "",
    count: int | None = None,
    rising: bool = False,
) -> tuple[float, ...]:
    """``values`` as a tuple of finite floats within ``low … high``, ``count`` of them, ``rising`` strictly.

    Raises PulsetrainError, which names the first that is wrong by its position from 1.
    """
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise PulsetrainError(f"{thing} must be a list of numbers, not {values!r}")
    found = tuple(
        check_real(f"{thing}, number {i},", value, low=low, high=high, unit=unit) for i, value in enumerate(values, 1)
    )
    if not found or (count is not None and len(found) != count):
        rule = "at least one number" if count is None else f"{count} numbers"
        raise PulsetrainError(f"{thing} must be {rule}, not {len(found)}")
    if rising:
        for i in range(1, len(found)):
            if found[i] <= found[i - 1]:
                raise PulsetrainError(f"{thing} must be rising, not {found[i - 1]:g}, {found[i]:g}")
    return found


def check_rows(thing: str, values: Any, *, rows: int, count: int, limit: float, unit: str = "") -> Any:
    """``values`` as a tuple of ``rows`` tuples of ``count`` finite floats within ±``limit``."""
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise PulsetrainError(f"{thing} must be a list of lists of numbers, not {values!r}")
    found = tuple(
        check_reals(f"{thing}, row {i}", row, low=-limit, high=limit, unit=unit, count=count)
        for i, row in enumerate(values, 1)
    )
    if len(found) != rows:
        raise PulsetrainError(f"{thing} must be {rows} rows, not {len(found)}")
    return found


def check_range(thing: str, low: Any, high: Any) -> tuple[float, float]:
    """The conductances between which the knots of ``thing`` lie, siemens: they differ on the grid of 1 pS."""
    bottom = check_real(f"Lowest conductance of the {thing}", low, low=0, high=G_LIMIT, unit="S")
    top = check_real(f"Highest conductance of the {thing}", high, above=bottom, high=G_LIMIT, unit="S")
    if round(top * 1e12) <= round(bottom * 1e12):
        raise PulsetrainError(f"Highest conductance of the {thing} must be at least 1 pS above the lowest, not {top!r}")
    return bottom, top


def check_scores(thing: str, count: Any) -> int:
    """``count`` of normal scores: an odd integer from 3, so that the median has an entry of its own."""
    number = check_integer(f"{thing} entries of a row", count, 3, 1025)
    if number % 2 == 0:
        raise PulsetrainError(f"{thing} entries of a row must be an odd number, not {number}")
    return number


def effect_from(kind: type[Effect], thing: str, values: Any) -> Effect:
    """An effect made of plain values, as a device file has them. Raises PulsetrainError for unknown or missing keys."""
    if isinstance(values, kind):
        return values
    if not isinstance(values, Mapping):
        raise PulsetrainError(f"{thing} must be a table of values, not {values!r}")
    names = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    for name in values:
        check_choice(f"Key of {thing.lower()}", name, names)
    for item in fields(kind):  # type: ignore[arg-type]
        if item.default is MISSING and item.name not in values:
            raise PulsetrainError(f"{thing} must be complete, not without {item.name}")
    return kind(**values)


def plain(values: Any) -> Any:
    """Tuples as lists, all the way down: what TOML and JSON can hold."""
    if isinstance(values, Mapping):
        return {name: plain(value) for name, value in values.items()}
    return [plain(value) for value in values] if isinstance(values, (tuple, list)) else values
