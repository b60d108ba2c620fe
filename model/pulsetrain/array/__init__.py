"""The golden array: conductances on a grid of 1 pS, pulses, reads and time. Specification, sections 12 and 18."""

from typing import Any

from pulsetrain.moved import from_package


def __getattr__(name: str) -> Any:
    return from_package("array", name)
