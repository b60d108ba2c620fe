"""Energy and time: events that were counted, and what each costs."""

from typing import Any

from pulsetrain.moved import from_package

_MOVED = ("COSTS", "Account", "Costs", "Energy", "energy", "named_costs", "controller_cycles", "pulse_energy")


def __getattr__(name: str) -> Any:
    return from_package("energy", name, _MOVED)
