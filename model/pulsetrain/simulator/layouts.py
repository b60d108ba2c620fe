"""The C structures of ``harness.h``: ctypes for those made one at a time, numpy types for those made in lists."""

from __future__ import annotations

import ctypes
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.settings import ControllerSettings

_LINES = ("word_code", "bit_code", "source_code", "word_unselected", "bit_unselected", "source_unselected")
_SETTINGS = ("threshold_log2", "max_pulses", "parallel_max", "setup_cycles", "set_cycles", "reset_cycles",
             "hold_cycles", "recovery_cycles", "ready_limit", "settle_cycles", "conversion_limit", "form_cycles",
             "forward_full_scale", "backward_full_scale", "verify_full_scale", "verify", "verify_step",
             "verify_tolerance", "program_tolerance", "try_limit", "pair_policy", "refresh_pulses", "ramp")  # fmt: skip
_RAMPS = ("set_ramp", "reset_ramp", "form_ramp")
_LINE_SETS = ("set_lines", "reset_lines", "form_lines", "read_lines")
COUNTERS = ("cells_set", "cells_reset", "saturated", "slots", "cut", "requests", "reads", "conversions", "verified",
            "unreached", "unverified")  # fmt: skip
FLAGS = ("armed", "seeded", "busy")


class CLines(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in _LINES]


class CRamp(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("start", "step", "stop")]


class CSettings(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint32) for name in _SETTINGS),
        *((name, CRamp) for name in _RAMPS),
        *((name, CLines) for name in _LINE_SETS),
    ]


class CRun(ctypes.Structure):
    _fields_ = [
        ("commands", ctypes.c_void_p),
        ("command_count", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("settings", "pulses")),
        ("capacity", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("answers", "data")),
        ("data_capacity", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("context", "observer", "array", "pulse", "convert")),
        *((name, ctypes.c_int64) for name in ("conversion_cycles", "abort_cycle", "cycle_limit", "stuck_limit")),
        ("stall_seed", ctypes.c_uint64),
        *((name, ctypes.c_uint32) for name in ("idle_share", "unready_share", "blocked_share", "late_share")),
        *((name, ctypes.c_uint32) for name in ("form_key", "check_pins")),
        ("status", ctypes.c_int32),
        *((name, ctypes.c_int64) for name in ("pulse_count", "cycles", "beats", "answer_count", "data_count")),
        *((name, ctypes.c_uint32) for name in ("fault", "settings_error", *COUNTERS)),
    ]


class CReadback(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint64) for name in ("random_seed", "random_steps")),
        *((name, ctypes.c_uint32) for name in (*COUNTERS, *FLAGS, "fault")),
    ]


COMMAND = np.dtype([("header", np.uint32), ("settings", np.uint32), ("elements", np.uintp), ("count", np.int64),
                    ("beats", np.int64), ("element_bytes", np.uint32), ("element_bits", np.uint32),
                    ("per_beat", np.uint32), ("reserved", np.uint32)])  # fmt: skip
ANSWER = np.dtype([("opcode", np.uint32), ("status", np.uint32), ("tag", np.uint32), ("beats", np.uint32),
                   ("first", np.int64), ("cycle", np.int64)])  # fmt: skip


def pulse_type(config: ControllerConfig) -> np.dtype[np.void]:
    """The structured type of a finished pulse, the ``Pulse`` of ``harness.h``."""
    words = -(-config.columns // 64)
    return np.dtype([("cycle", np.int64), ("row", np.uint32), ("polarity", np.uint32), ("form", np.uint32),
                     ("level", np.uint32), ("cycles", np.uint32), ("cut", np.uint32),
                     ("columns", np.uint64, (words,))])  # fmt: skip


def sizes(config: ControllerConfig) -> list[int]:
    """What ``pulsetrain_sizes`` must tell for ``config``: sizes of the structures, then the configuration itself."""
    kind = pulse_type(config)
    return [ctypes.sizeof(CSettings), COMMAND.itemsize, ANSWER.itemsize, kind.itemsize, ctypes.sizeof(CRun),
            ctypes.sizeof(CReadback), kind["columns"].shape[0], *config.to_dict().values()]  # fmt: skip


def packed_settings(settings: ControllerSettings) -> CSettings:
    """Settings with every default filled in, as the harness reads them."""
    values = {name: int(getattr(settings, name)) for name in _SETTINGS}
    lines = {name: CLines(**asdict(getattr(settings, name))) for name in _LINE_SETS}
    ramps = {name: CRamp(**asdict(getattr(settings, name))) for name in _RAMPS}
    return CSettings(**values, **lines, **ramps)


def address(array: NDArray[np.generic]) -> int:
    """Where an array's memory begins; 0 if it has none."""
    return int(array.ctypes.data) if array.size else 0
