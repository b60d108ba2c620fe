"""The golden array: conductances on a grid of 1 pS, pulses, reads and time. Specification, sections 12 and 18."""

from typing import Any

from pulsetrain.moved import from_package

_MOVED = ("ArrayParameters", "CrossbarArray", "CutPulse", "checked_codes", "checked_real_array", "PICOSIEMENS")


def __getattr__(name: str) -> Any:
    return from_package("array", name, _MOVED)
