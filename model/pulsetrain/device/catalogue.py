"""Devices by name or by file: the one place that knows all presets."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from os import PathLike, fspath
from pathlib import Path
from types import MappingProxyType

from pulsetrain.device.device import Device
from pulsetrain.device.files import read_device
from pulsetrain.device.presets import hfo2_milo, paper, sky130, taox_180nm
from pulsetrain.device.presets_aihwkit import (
    cmo_hfox,
    idealised,
    reram_array_hfo2,
    reram_array_om,
    reram_es,
    reram_sb,
    reram_wan_2022,
)
from pulsetrain.errors import PulsetrainError, check_choice, check_path, did_you_mean

_PRESETS: Mapping[str, Callable[[], Device]] = MappingProxyType(
    {
        "paper": paper,
        "taox-180nm": taox_180nm,
        "hfo2-milo": hfo2_milo,
        "reram-wan-2022": reram_wan_2022,
        "cmo-hfox": cmo_hfox,
        "reram-array-om": reram_array_om,
        "reram-array-hfo2": reram_array_hfo2,
        "sky130": sky130,
        "reram-es": reram_es,
        "reram-sb": reram_sb,
        "idealised": idealised,
    }
)


def preset_names() -> Sequence[str]:
    """Names of all presets, in the order of the table that is shown."""
    return tuple(_PRESETS)


@cache
def preset(name: str) -> Device:
    """The preset ``name``. Raises PulsetrainError for another name."""
    device = _PRESETS[check_choice("Preset", name, _PRESETS)]()
    return replace(device, source=textwrap.fill(" ".join(device.source.split()), 100))


DEFAULT_DEVICE = preset("paper")
"""The device of tiles and trainings that are given none."""


def load_device(name_or_path: str | PathLike[str]) -> Device:
    """The preset of that name, or the device in the file at that path: what has a slash in it or ends in ".toml".

    Raises PulsetrainError if there is neither, or for a file that is not a device file of this version.
    """
    check_path("Device file", name_or_path)
    text = fspath(name_or_path)  # as typed: ./paper is a file
    if isinstance(name_or_path, str) and "/" not in text and not text.endswith(".toml"):
        if text not in preset_names():
            rule = f"one of {', '.join(preset_names())}, or a file (with a slash in it or ending in .toml)"
            raise PulsetrainError(f"Device must be {rule}, not {text!r}{did_you_mean(text, preset_names())}")
        return preset(text)
    return read_device(Path(text))
