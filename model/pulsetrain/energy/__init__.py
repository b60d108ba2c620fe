"""Energy and time: events that were counted, and what each costs."""

from typing import Any

from pulsetrain.moved import from_package


def __getattr__(name: str) -> Any:
    return from_package("energy", name)
