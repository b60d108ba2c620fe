"""Fields of the contract's classes in the API reference: an extension of Griffe, named in mkdocs.yml.

Default, range, unit and meaning of a configuration's or settings' field stand in the table that its class is; here they
become a table in the reference. Members of enumerations are listed with their numbers.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import griffe

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "model"))  # this tree, whatever is installed

CONTRACT = "pulsetrain.contract."


class ContractFields(griffe.Extension):
    """Adds the table of its fields to the docstring of each class of the contract."""

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """Called by Griffe for every class, its members being known."""
        if not cls.path.startswith(CONTRACT):
            return
        kind = getattr(importlib.import_module(cls.module.path), cls.name)
        added = members_list(kind) if issubclass(kind, Enum) else fields_table(kind)
        if added and cls.docstring is not None:
            cls.docstring.value += f"\n\n{added}"
        for name, default in defaults(kind).items():
            cls.members[name].value = default  # type: ignore[union-attr]


def members_list(kind: type[Enum]) -> str:
    """The members of an enumeration with their numbers."""
    return "\n".join(["| member | value |", "|---|---|", *(f"| `{item.name}` | {item.value} |" for item in kind)])


def fields_table(kind: type[Any]) -> str:
    """The fields of a configuration or of settings as a table; "" for classes without one."""
    from pulsetrain.contract import configuration, settings

    rows: list[tuple[object, ...]] = []
    if kind is configuration.ControllerConfig:
        for item in configuration.PARAMETERS.values():
            legal = f"{item.low} … {item.high}" + (f", {item.rule}" if item.rule else "")
            rows.append((item.name, item.default, legal, "", item.about))
    elif kind in (settings.ControllerSettings, settings.LineSettings, settings.RampSettings):
        for setting in settings.settings_of(kind).values():
            default = "the largest" if setting.default is None else written(setting.default)
            rows.append((setting.name, default, setting.legal, setting.unit, setting.about))
        for name, group in settings.groups_of(kind).items():
            rows.append((name, f"`{group.__name__}()`", "", "", settings.during(name)))
    if not rows:
        return ""
    lines = [f"| `{name}` | " + " | ".join(str(cell) or "–" for cell in cells) + " |" for name, *cells in rows]
    return "\n".join(["| field | default | legal | unit | meaning |", "|---|---|---|---|---|", *lines])


def defaults(kind: type[Any]) -> dict[str, str]:
    """The defaults of a class with a table as Python writes them, in place of the calls that make the table."""
    if not fields_table(kind):
        return {}
    return {item.name: written(item.default) for item in fields(kind)}


def written(default: Any) -> str:
    """A default as one would write it: a number, ``Ramp.NONE``, or ``LineSettings()``."""
    if is_dataclass(default):
        return f"{type(default).__name__}()"
    return f"{type(default).__name__}.{default.name}" if isinstance(default, Enum) else repr(default)
