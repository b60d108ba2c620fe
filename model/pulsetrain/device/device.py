"""One kind of device: its parameters, where they come from, and what else is known of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pulsetrain.device.checks import plain
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.display import Displayed
from pulsetrain.errors import PulsetrainError, check_choice, check_type
from pulsetrain.files.user_files import checked_version

FORMAT = "pulsetrain device"
"""What a device file says it is."""

VERSION = 1
"""Newest version of device files; older ones are read, newer ones refused."""

CHANGED = ", changed"
"""What the name of a device ends in if some of its parameters are no longer those of that name."""

_KEYS = ("format", "version", "name", "about", "source", "array", "fit", "costs")


@dataclass(frozen=True, repr=False)
class Device(Displayed):
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

    def _described(self) -> list[tuple[str, str]]:
        about = [("about", repr(self.about))] if self.about else []
        return [("name", repr(self.name)), *about, *self.parameters.described()]

    def changed(self, **parameters: Any) -> Device:
        """The device with the named ``parameters`` changed, and a name that says so ("paper, changed").

        Raises PulsetrainError for unknown names and values out of range.
        """
        changed = self.parameters.replace(**parameters)
        if changed == self.parameters:
            return self
        name = self.name.removesuffix(CHANGED) + CHANGED
        return replace(self, name=name, parameters=changed)

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
        checked_version(values, FORMAT, VERSION)
        for key in values:
            check_choice("Key", key, _KEYS)
        if "name" not in values:
            raise PulsetrainError("Name of a device must be given, not left out")
        array = values.get("array", {})
        if not isinstance(array, Mapping):
            raise PulsetrainError(f"Key array must be a table of values, not {array!r}")
        rest = {key: value for key, value in values.items() if key not in ("format", "version", "array")}
        return cls(parameters=ArrayParameters.from_dict(array), **rest)


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
