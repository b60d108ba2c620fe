"""The C structures of ``rtl_harness.h`` for ctypes, and what users see of them: status, stalls, results, read-back."""

from __future__ import annotations

import ctypes
from dataclasses import asdict, dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from pulsetrain.config import ControllerConfig, ControllerSettings
from pulsetrain.errors import check_integer, check_real

_LINES = ("word_code", "bit_code", "source_code", "word_unselected", "bit_unselected", "source_unselected")
_SETTINGS = ("threshold_log2", "max_pulses", "parallel_max", "setup_cycles", "set_cycles", "reset_cycles",
             "hold_cycles", "recovery_cycles", "ready_limit")  # fmt: skip
COUNTERS = ("cells_set", "cells_reset", "saturated", "slots")


class RtlError(RuntimeError):
    """The RTL did something that the specification does not allow, or latched a fault."""


class Status(IntEnum):
    """How a run ended."""

    DONE = 0
    BUFFER_FULL = 1
    ABORTED = 2
    STOPPED = 3
    FAULTED = 4
    BAD_SETTINGS = 5
    NOT_ARMED = 6
    NOT_SEEDED = 7
    CYCLE_LIMIT = 8
    STUCK = 9
    UNSAFE = 10


@dataclass(frozen=True)
class Stalls:
    """Random stalls, a function of ``seed`` alone. ``idle``: probability that the input offers nothing in a cycle;
    ``unready``: that the array is not ready. Both 0 … 1."""

    seed: int = 0
    idle: float = 0.0
    unready: float = 0.0

    def __post_init__(self) -> None:
        check_integer("Stall seed", self.seed, 0, 2**64 - 1)
        check_real("Idle share", self.idle, low=0.0, high=1.0)
        check_real("Unready share", self.unready, low=0.0, high=1.0)


@dataclass(frozen=True)
class Readback:
    """What the controller shows between runs (specification, section 10)."""

    random_seed: int
    random_steps: int
    cells_set: int
    cells_reset: int
    saturated: int
    slots: int
    cut: int
    requests: int
    armed: bool
    seeded: bool
    busy: bool
    fault: int


@dataclass(frozen=True)
class RunResult:
    """How a run went.

    ``pulses``: a structured array, one finished pulse each in order of their end, with the fields ``request``,
    ``cycle``, ``row``, ``polarity``, ``cycles``, ``cut`` and ``columns`` (uint64 words). Empty if a function took them.
    ``cells_set`` to ``slots``: by how much the controller's own counters rose.
    """

    status: Status
    pulses: NDArray[np.void]
    cycles: int
    beats: int
    requests_done: int
    fault: int
    settings_error: int
    cells_set: int
    cells_reset: int
    saturated: int
    slots: int
    violation: str

    def check(self) -> RunResult:
        """This result if every request is done. Raises RtlError saying how the run ended otherwise."""
        if self.status is Status.DONE:
            return self
        details = {
            Status.FAULTED: f", fault {self.fault}",
            Status.BAD_SETTINGS: f", settings_error {self.settings_error:#x}",
            Status.UNSAFE: f": {self.violation}",
        }
        text = f"{self.status.name}{details.get(self.status, '')} after {self.cycles} cycles"
        raise RtlError(f"A run of the RTL must end with DONE, not {text} and {self.requests_done} requests")


class CLines(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in _LINES]


class CSettings(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint32) for name in _SETTINGS),
        ("set_lines", CLines),
        ("reset_lines", CLines),
    ]


class CRun(ctypes.Structure):
    _fields_ = [
        ("deltas", ctypes.c_void_p),
        ("requests", ctypes.c_int64),
        ("settings", ctypes.c_void_p),
        ("settings_step", ctypes.c_int64),
        ("pulses", ctypes.c_void_p),
        ("capacity", ctypes.c_int64),
        ("context", ctypes.c_void_p),
        ("pulse", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("abort_cycle", "cycle_limit", "stuck_limit")),
        ("stall_seed", ctypes.c_uint64),
        *((name, ctypes.c_uint32) for name in ("idle_share", "unready_share", "check_pins")),
        ("status", ctypes.c_int32),
        *((name, ctypes.c_int64) for name in ("pulse_count", "cycles", "beats", "requests_done")),
        *((name, ctypes.c_uint32) for name in ("fault", "settings_error", *COUNTERS)),
    ]


class CReadback(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint64) for name in ("random_seed", "random_steps")),
        *((name, ctypes.c_uint32) for name in ("cells_set", "cells_reset", "saturated", "slots", "cut", "requests")),
        *((name, ctypes.c_uint32) for name in ("armed", "seeded", "busy", "fault")),
    ]


def pulse_type(config: ControllerConfig) -> np.dtype[np.void]:
    """The structured type of a finished pulse, the ``Pulse`` of ``rtl_harness.h``."""
    words = -(-config.columns // 64)
    return np.dtype([("request", np.int64), ("cycle", np.int64), ("row", np.uint32), ("polarity", np.uint32),
                     ("cycles", np.uint32), ("cut", np.uint32), ("columns", np.uint64, (words,))])  # fmt: skip


def packed_settings(settings: ControllerSettings) -> CSettings:
    lines = {name: CLines(**asdict(getattr(settings, name))) for name in ("set_lines", "reset_lines")}
    return CSettings(**{name: getattr(settings, name) for name in _SETTINGS}, **lines)
