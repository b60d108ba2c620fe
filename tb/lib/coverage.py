"""Functional coverage: what the testbenches made happen, counted by point and bin.

A bin counts how often the design *did* something while its results were being checked. Runs are merged by adding.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from pulsetrain.contract.enumerations import Fault, Opcode, Operation, PairPolicy, ProgramMode
from pulsetrain.contract.settings import SETTINGS_ERRORS

PHASES = ("idle", "scanning", "setup", "pulse", "hold", "recovery")
READ_PHASES = ("settle", "convert", "wait")
ANSWERS = ("OK", "ABORTED", "FAULT", "SETTINGS", "DISARMED")
POINTS: dict[str, tuple[str, ...]] = {
    "polarity of a slot": tuple(item.name for item in (Operation.SET, Operation.RESET, Operation.FORM)),
    "pulses of a cell": ("0", "1", "many", "saturated"),
    "row": ("empty", "full", "mixed", "SET and RESET"),
    "slots of a row": ("none", "one", "split by parallel_max", "not split, several cells", "repeated"),
    "threshold_log2": ("1", "between", "random_bits"),
    "delta": ("zero", "positive", "negative", "largest", "most negative"),
    "stream": ("never stalled", "input idle", "back-pressure", "both"),
    "array ready": ("at once", "low in setup, not looked at", "late", "in the last cycle of the limit"),
    "request": (
        "without a slot",
        "two in flight",
        "other settings than the one before",
        "settings changed inside",
        "two dropped by a release",
        "released in its last cycle",
    ),
    "abort in": (*PHASES, *READ_PHASES),
    "disarm in": (*PHASES, *READ_PHASES),
    "clear in": ("idle", "setup", "pulse", "hold", "recovery", *READ_PHASES, "pause"),
    "reset in": ("scanning", "pulse", "wait"),
    "cut pulse": ("in its first cycle", "later", "released in its last cycle (not cut)"),
    "settings_error": SETTINGS_ERRORS,
    "fault": tuple(item.name for item in Fault if item is not Fault.NONE),
    "read": (
        "forward",
        "backward",
        "whole",
        "row",
        "before an update",
        "after an update",
        "released as a conversion ends",
    ),
    "groups of a read": ("one", "several", "partial last group"),
    "converters": (
        "at once",
        "late",
        "in the last cycle of the limit",
        "high when not looked at",
        "without a pause",
        "paused",
    ),
    "pair_policy": tuple(item.name for item in PairPolicy),
    "row of": ("VERIFY", *(item.name for item in ProgramMode)),
    "row programmer": ("row without a chosen cell", "request without a row", "report waits", "several groups"),
    "first read": ("met", "blind", "target in range", "target clipped"),
    "target": ("sent", "left alone", "beyond the converters"),
    "rounds of a row": ("none", "one", "many", "to the limit"),
    "cells of a round": ("up", "down", "both ways", "blind only"),
    "slots of a round": ("one column", "not split", "split"),
    "refresh_pulses": ("none", "one", "many"),
    "ramp of a pulse": ("below its stop", "at its stop"),
    "clear of a row in": ("nothing", "gathering", "reading", "choosing", "pulsing", "reporting"),
    "seed": ("accepted", "zero is none", "refused while a request runs", "refused by an abort", "while disarmed"),
    "pulse_limit": ("equal to the width", "raised after arming", "lowered after arming"),
    "vector": (
        "loaded",
        "loaded beside a reader",
        "a load waits for a reader",
        "a load is discarded",
        "a load is cleared",
        "scan starts",
        "drive starts",
        "from one scan to the next",
        "read before any load",
    ),
    "outer product": (
        "one product",
        "difference",
        "started while another one runs",
        "cleared while it runs",
        "cleared after its end",
    ),
    "core LOAD": ("OK", "ABORTED", "FAULT", "LENGTH", "CODE"),
    "core READ_FORWARD": (*ANSWERS, "LENGTH"),
    "core READ_BACKWARD": (*ANSWERS, "LENGTH"),
    "core UPDATE": (*ANSWERS, "LENGTH", "UNSEEDED"),
    "core UPDATE_OUTER": (*ANSWERS, "LENGTH", "UNSEEDED"),
    "core UPDATE_DIFFERENCE": (*ANSWERS, "LENGTH", "UNSEEDED"),
    "core PROGRAM": (*ANSWERS, "LENGTH"),
    "core FORM": (*ANSWERS, "LENGTH", "UNKNOWN", "LOCKED"),
    "core REFRESH": (*ANSWERS, "LENGTH", "UNKNOWN"),
    "core unknown": ("UNKNOWN",),
    "core read": ("whole", "row"),
    "core overlap": ("LOAD while an update runs", "LOAD while a read runs", "DAC load in a read", "an answer waits"),
    "core release": ("setup", "pulse", "hold", "settle", "convert", "wait", "recovery", "nothing applied", "reset"),
    "core clamp": ("setup", "pulse", "hold", "convert", "wait"),
    "core release in": tuple(item.name for item in Opcode),
}
FLOOR = 5
"""Each bin must be hit at least so often, all configurations together."""


class Coverage:
    """Counts of bins. ``hit`` raises KeyError for a bin that is not in ``POINTS``: a typing error must not pass."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def hit(self, point: str, name: str, count: int = 1) -> None:
        """Count ``name`` of ``point``."""
        if name not in POINTS[point]:
            raise KeyError(f"{point}: {name}")
        self.counts[point, name] += int(count)

    def save(self, path: Path) -> None:
        """Write the counts as JSON."""
        path.write_text(json.dumps(as_table(self.counts), indent=1))


def as_table(counts: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    """Counts with every bin of ``POINTS`` in order, zeros included."""
    return {point: {name: counts.get((point, name), 0) for name in names} for point, names in POINTS.items()}


def merge(tables: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    """The sum of tables."""
    total: Counter[tuple[str, str]] = Counter()
    for table in tables:
        for point, names in table.items():
            for name, count in names.items():
                total[point, name] += count
    return as_table(total)


def missing(table: Mapping[str, Mapping[str, int]], floor: int = FLOOR) -> list[str]:
    """The bins below the floor, as text."""
    return [
        f"{point}: {name} ({count})" for point, names in table.items() for name, count in names.items() if count < floor
    ]


def lines(table: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The table as text, a line per point."""
    width = max(map(len, table))
    return [
        f"{point:<{width}}  " + ", ".join(f"{name}: {count}" for name, count in names.items())
        for point, names in table.items()
    ]


coverage = Coverage()
"""The coverage of this simulator process."""


def save() -> None:
    """Write what was covered so far to where the runner asked for it; without a runner, nothing."""
    if path := os.environ.get("PULSETRAIN_COVERAGE"):
        coverage.save(Path(path))
