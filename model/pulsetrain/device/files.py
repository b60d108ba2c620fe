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

from os import PathLike
from pathlib import Path
from typing import Any

from pulsetrain.device.device import Device
from pulsetrain.errors import check_path, check_type
from pulsetrain.files.user_files import read_toml

_LINE = 110  # characters: a list beyond it is broken into lines


def read_device(path: Path) -> Device:
    """The device in the file ``path``. Raises PulsetrainError if it is missing or no device file of this version."""
    return read_toml(path, "device", Device.from_dict)


def save_device(path: str | PathLike[str], device: Device) -> None:
    """Write ``device`` to the file ``path``, atomically. Raises PulsetrainError if it cannot be written."""
    from pulsetrain.files.checkpoint import write_atomic

    check_type("Device", device, Device)
    write_atomic(check_path("Device file", path), device_text(device).encode())


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
