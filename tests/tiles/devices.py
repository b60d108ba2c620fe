"""Devices for tests of tiles."""

from __future__ import annotations

from typing import Any

from pulsetrain.device.device import Device
from pulsetrain.device.parameters import ArrayParameters


def device(**parameters: Any) -> Device:
    """The default device with the named parameters changed."""
    return Device("test", parameters=ArrayParameters(**parameters))
