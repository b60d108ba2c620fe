"""Device files: what is known of one kind of device, as TOML that people read and edit.

A file looks like this; what ``[array]`` leaves out is as by default (pulsetrain.device.parameters, SI units)::

    format = "pulsetrain device"
    version = 1
    name = "my-device"
    about = "what it is, in one line"
    source = "where its numbers come from"

    [array]
    g_min = 0.0
    g_max = 0.0002

    [array.spread]          # a table for each effect of pulsetrain.device
    step_both = 0.2

``[fit]`` holds what ``pulsetrain fit`` has found out beside, ``[costs]`` voltages, widths and energies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from pulsetrain.device.checks import plain
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.errors import PulsetrainError, check_choice, check_integer, check_type
from pulsetrain.files.user_files import read_toml

FORMAT = "pulsetrain device"
"""What a device file says it is."""

VERSION = 1
"""Newest version of device files; older ones are read, newer ones refused."""

_KEYS = ("format", "version", "name", "about", "source", "array", "fit", "costs")
_LINE = 110  # characters: a list beyond it is broken into lines


@dataclass(frozen=True)
class Device:
    """One kind of device.

    ``name``: a word or some, one line. ``about``: what it is, one line. ``source``: where the numbers come from, any
    text. ``fit``: what a fit to measurements has found beside the parameters (confidence, goodness, inputs); ``costs``:
    what pulses and reads of it take; both are tables of plain values (text, finite numbers, True and False, lists and
    tables of them) or None. Raises PulsetrainError for anything else.
    """

    name: str
    about: str = ""
    source: str = ""
    parameters: ArrayParameters = field(default_factory=ArrayParameters)
    fit: Mapping[str, Any] | None = None
    costs: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        for thing, text in (("Name", self.name), ("About", self.about), ("Source", self.source)):
            if not isinstance(text, str):
                raise PulsetrainError(f"{thing} of a device must be text, not {text!r}")
            if thing != "Source" and "\n" in text:
                raise PulsetrainError(f"{thing} of a device must be one line, not {text!r}")
        if not self.name.strip():
            raise PulsetrainError(f"Name of a device must be at least one character, not {self.name!r}")
        check_type("Array parameters", self.parameters, ArrayParameters)
        for name in ("fit", "costs"):
            values = getattr(self, name)
            if values is not None:
                if not isinstance(values, Mapping):
                    raise PulsetrainError(f"Table {name} of a device must be a table of values, not {values!r}")
                object.__setattr__(self, name, plain(_plain(f"Table {name} of a device", values)))

    def to_dict(self) -> dict[str, Any]:
        """The contents of its file; empty texts and tables that are None are left out."""
        values: dict[str, Any] = {"format": FORMAT, "version": VERSION, "name": self.name}
        values |= {name: getattr(self, name) for name in ("about", "source") if getattr(self, name)}
        values["array"] = self.parameters.to_dict()
        return values | {name: getattr(self, name) for name in ("fit", "costs") if getattr(self, name) is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Device:
        """The inverse of ``to_dict``. Raises PulsetrainError for another format or version, unknown keys, and values
        out of range."""
        if values.get("format") != FORMAT:
            found = repr(values["format"]) if "format" in values else "a file without it"
            raise PulsetrainError(f"Format must be {FORMAT!r}, not {found}")
        version = check_integer("Version", values.get("version"), 1)
        if version > VERSION:
            raise PulsetrainError(f"Version must be at most {VERSION}, not {version}")
        for key in values:
            check_choice("Key", key, _KEYS)
        if "name" not in values:
            raise PulsetrainError("Name of a device must be given, not left out")
        array = values.get("array", {})
        if not isinstance(array, Mapping):
            raise PulsetrainError(f"Key array must be a table of values, not {array!r}")
        rest = {key: value for key, value in values.items() if key not in ("format", "version", "array")}
        return cls(parameters=ArrayParameters.from_dict(array), **rest)


def load_device(name_or_path: str | PathLike[str]) -> Device:
    """The preset of that name, or the device in the file at that path: what has a slash in it or ends in ".toml".

    Raises PulsetrainError if there is neither, or for a file that is not a device file of this version.
    """
    text = fspath(name_or_path)
    if isinstance(name_or_path, str) and "/" not in text and not text.endswith(".toml"):
        from pulsetrain.device.presets import preset, preset_names

        if text not in preset_names():
            rule = f"one of {', '.join(preset_names())}, or a file (with a slash in it or ending in .toml)"
            raise PulsetrainError(f"Device must be {rule}, not {text!r}")
        return preset(text)
    return read_toml(Path(text), "device", Device.from_dict)


def save_device(path: Path, device: Device) -> None:
    """Write ``device`` to the file ``path``, atomically. Raises PulsetrainError if it cannot be written."""
    from pulsetrain.files.checkpoint import write_atomic

    write_atomic(path, device_text(device).encode())


def device_text(device: Device) -> str:
    """The contents of the file of ``device``: TOML that reads back as an equal device."""
    import tomli_w

    values = device.to_dict()
    array = values.pop("array")
    tables = {name: values.pop(name) for name in ("fit", "costs") if name in values}
    # A text in lines of its own reads better, but TOML takes a carriage return in it for a mere end of line.
    in_lines = not any("\r" in text for text in values.values() if isinstance(text, str))
    lines = [tomli_w.dumps(values, multiline_strings=in_lines).rstrip()]
    lines += ["", "[array]", *(_line(name, value) for name, value in array.items() if not isinstance(value, dict))]
    for name, effect in array.items():
        if isinstance(effect, dict):
            lines += ["", f"[array.{name}]", *(_line(key, value) for key, value in effect.items())]
    for name, table in tables.items():
        lines += ["", tomli_w.dumps({name: table}).rstrip()]
    return "\n".join(lines) + "\n"


def _plain(thing: str, value: Any, place: str = "") -> Any:
    """``value`` (at ``place`` in ``thing``) if TOML and JSON can hold it and read it back as it was."""
    where = f"{thing}, {place}," if place else thing
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise PulsetrainError(f"{where} must have texts as keys, not {key!r}")
            _plain(thing, item, f"{place}.{key}" if place else key)
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value, 1):
            _plain(thing, item, f"{place} number {i}")
    elif not isinstance(value, (str, bool, int, float)):
        raise PulsetrainError(f"{where} must be text, a number, a list or a table, not {value!r}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise PulsetrainError(f"{where} must be a finite number, not {value!r}")
    return value


def _line(name: str, value: Any) -> str:
    """``name = value``; lists that are long or of lists take a line for each item."""
    if isinstance(value, list):
        whole = f"{name} = {_inline(value)}"
        if len(whole) <= _LINE and not any(isinstance(item, list) for item in value):
            return whole
        return f"{name} = [\n" + "".join(f"  {_nested(item, '  ')},\n" for item in value) + "]"
    return f"{name} = {_inline(value)}"


def _nested(value: Any, indent: str) -> str:
    """An item of a list that takes a line for each item; lists of lists are broken up once more."""
    if isinstance(value, list) and any(isinstance(item, list) for item in value):
        return "[\n" + "".join(f"{indent}  {_nested(item, indent + '  ')},\n" for item in value) + f"{indent}]"
    return _inline(value)


def _inline(value: Any) -> str:
    """A value as TOML in one line. Floats by repr: the shortest text that reads back as the same float64."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    if isinstance(value, str):
        import tomli_w

        return tomli_w.dumps({"x": value}).strip().removeprefix("x = ")
    return repr(value)
