"""Settings of the controller as tables of plain values: what plans, checkpoints and results hold of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from enum import IntEnum
from typing import Any

from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.errors import PulsetrainError, check_choice, check_integer


def settings_to_dict(settings: ControllerSettings) -> dict[str, Any]:
    """All settings as JSON and TOML have them: choices by their names, lines and ramps as tables of their own.

    A setting of None (the largest legal value) stays None, which TOML does not have; ``checked`` settings have none.
    """

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: plain(item) for name, item in value.items()}
        return value.name if isinstance(value, IntEnum) else value

    found: dict[str, Any] = plain(asdict(settings))
    return found


def settings_from_dict(values: Mapping[str, Any]) -> ControllerSettings:
    """The inverse of ``settings_to_dict``. Raises PulsetrainError for names that are unknown or missing, and for values
    of another type; ranges depend on the configuration and are left to ``ControllerSettings.checked``."""
    known = {item.name: item.default for item in fields(ControllerSettings)}
    for name in values:
        check_choice("Setting", name, known)
    made: dict[str, Any] = {}
    for name, default in known.items():
        if name not in values:
            raise PulsetrainError(f"Settings of the controller must be complete, not without {name}")
        made[name] = _setting(name, values[name], default)
    return ControllerSettings(**made)


def _setting(name: str, value: Any, default: Any) -> Any:
    thing = name.replace("_", " ")
    if value is None and default is None:
        return None
    if isinstance(default, IntEnum):
        kind = type(default)
        return kind[check_choice(thing.capitalize(), value, kind.__members__)]
    if is_dataclass(default) and not isinstance(default, type):
        parts = {item.name: getattr(default, item.name) for item in fields(default)}
        if not isinstance(value, Mapping) or set(value) != set(parts):
            raise PulsetrainError(f"Setting {name} must be a table of {', '.join(parts)}, not {value!r}")
        return replace(default, **{part: _setting(f"{name}_{part}", value[part], parts[part]) for part in parts})
    return check_integer(f"Setting {thing}", value, 0)
