"""The counters of the controller: name and meaning of each, once (specification, section 10).

RTL ports, harness, read-back and documents have them in this order, ``COUNTER_BITS`` wide.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any


def _counter(about: str) -> Any:
    return field(default=0, metadata={"about": about})


@dataclass(frozen=True)
class ControllerCounters:
    """What the controller counts. On the pins since reset and modulo 2^32; of a run, by how much each rose."""

    cells_set: int = _counter("devices decided to take at least one SET pulse")
    cells_reset: int = _counter("devices decided to take at least one RESET pulse")
    saturated: int = _counter("cells cut to max_pulses")
    slots: int = _counter("pulses reported")
    cut: int = _counter("cut pulses reported")
    requests: int = _counter("updates that ran to their end")
    reads: int = _counter("reads that ended")
    conversions: int = _counter("groups that they converted")
    verified: int = _counter("cells that met their target")
    unreached: int = _counter("cells given up at the limit of rounds")
    unverified: int = _counter("cells pulsed without a read, at the end of the converters' range")


COUNTERS: dict[str, str] = {item.name: item.metadata["about"] for item in fields(ControllerCounters)}
"""Name and meaning of every counter, in order."""
