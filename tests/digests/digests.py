"""Short digests of results, kept beside this file: what the tests of digests share."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent


def digest(value: Any) -> str:
    """Eight hexadecimal digits of the SHA-256 of numbers, texts, arrays, or sequences, mappings, dataclasses of them.

    Types and shapes of arrays and names of fields count; whether a number is Python's or numpy's, and the order of a
    mapping, do not.
    """
    return hashlib.sha256(_text(value).encode()).hexdigest()[:8]


def _text(value: Any) -> str:
    if is_dataclass(value):
        value = {item.name: getattr(value, item.name) for item in fields(value)}
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_text(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_text(item) for item in value) + "]"
    if isinstance(value, np.ndarray):
        ordered = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        return f"{value.dtype.name} {value.shape} {hashlib.sha256(ordered.tobytes()).hexdigest()}"
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, (bool, int, float, str)) and value is not None:
        raise TypeError(f"A digest must be of numbers, texts and arrays, not {value!r}")
    return repr(value)


def load(name: str) -> dict[str, Any]:
    """What the file ``name`` of this folder holds."""
    found: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))
    return found


def difference(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    """The first value of ``recorded`` that is not that of ``found``, by its name, or None. Values are as JSON has
    them; names that were not recorded do not count."""
    for name, value in recorded.items():
        if name not in found:
            return f"{name} must be {value!r}, but there is none"
        if found[name] != value:
            return f"{name} must be {value!r}, not {found[name]!r}"
    return None


def record(name: str, make: Callable[[], Mapping[str, Any]]) -> None:
    """Write what ``make`` returns to the file ``name`` of this folder, if ``--record`` is the only argument."""
    if sys.argv[1:] != ["--record"]:
        sys.exit(f"Option must be --record, which writes tests/digests/{name} anew")
    (DATA / name).write_text(json.dumps(make(), indent=1) + "\n", encoding="utf-8")
