"""Values of options: text to numbers, with an error that says what the option must be."""

from __future__ import annotations

from collections.abc import Sequence

from pulsetrain.errors import PulsetrainError


def integer(option: str, text: str) -> int:
    """``text`` as an integer. Raises PulsetrainError otherwise; ranges are checked by what the value is for."""
    try:
        return int(text)
    except ValueError:
        raise PulsetrainError(f"Option {option} must be an integer, not {text!r}") from None


def real(option: str, text: str) -> float:
    """``text`` as a number; "nan" and "inf" are numbers here, and refused where ranges are checked."""
    try:
        return float(text)
    except ValueError:
        raise PulsetrainError(f"Option {option} must be a number, not {text!r}") from None


def micro(option: str, text: str) -> float:
    """``text``, a number of millionths, in whole units: "2" (µS) becomes 2e-6 (S). Dividing rounds once."""
    return real(option, text) / 1e6


def overrides(option: str, texts: Sequence[str]) -> dict[str, int]:
    """FIELD=VALUE texts as a dict. Raises PulsetrainError for another form or a field given twice."""
    values: dict[str, int] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name:
            raise PulsetrainError(f"Option {option} must be FIELD=VALUE, not {text!r}")
        if name in values:
            raise PulsetrainError(f"Option {option} must name a field once, not {name!r} twice")
        values[name] = integer(f"{option} {name}", value)
    return values
