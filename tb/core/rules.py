"""Rules of commands that need no model: statuses, settings_error, and a command from its header to its answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pulsetrain.contract.configuration import ControllerConfig

from tb.core.stimulus import LOAD, Command
from tb.lib.common import elements

OK, ABORTED, FAULT, UNKNOWN, LENGTH, SETTINGS, DISARMED, UNSEEDED, LOCKED, CODE = range(10)
STATUSES = ("OK", "ABORTED", "FAULT", "UNKNOWN", "LENGTH", "SETTINGS", "DISARMED", "UNSEEDED", "LOCKED", "CODE")
PULSE_OPERATIONS = (1, 2, 3)
READ_OPERATIONS = {False: 4, True: 5}
BOTH_DEVICES = 2
COUNTERS = (
    "cells_set",
    "cells_reset",
    "saturated",
    "slots",
    "cut",
    "requests",
    "reads",
    "conversions",
    "verified",
    "unreached",
    "unverified",
)


def signed(value: int, bits: int) -> int:
    """``value``, two's complement of ``bits``."""
    return value - (1 << bits) if value >> bits - 1 & 1 else value


def settings_error(config: ControllerConfig, pins: Mapping[str, int], limit: int) -> int:
    """``settings_error`` for what is on the pins and the armed limit (sections 2 and 16)."""
    ramps = [[pins[f"{name}_ramp__{item}"] for item in ("start", "stop")] for name in ("set", "reset", "form")]
    wrong_ramp = pins["ramp"] == 3
    if pins["ramp"] == 1:
        wrong_ramp = any(not 1 <= start <= stop <= limit for start, stop in ramps)
    if pins["ramp"] == 2:
        wrong_ramp = any(not start <= stop < 2**config.amplitude_bits for start, stop in ramps)
    wrong = (
        not 1 <= pins["threshold_log2"] <= config.random_bits,
        not pins["max_pulses"],
        not 1 <= pins["parallel_max"] <= config.columns,
        not pins["setup_cycles"],
        not 1 <= pins["set_cycles"] <= limit,
        not 1 <= pins["reset_cycles"] <= limit,
        not pins["hold_cycles"],
        not pins["recovery_cycles"],
        not pins["ready_limit"],
        not pins["settle_cycles"],
        not pins["conversion_limit"],
        not pins["forward_full_scale"],
        not pins["backward_full_scale"],
        not pins["verify_full_scale"],
        not pins["verify_step"],
        2 * pins["verify_tolerance"] > pins["verify_step"],
        not pins["try_limit"],
        not 1 <= pins["form_cycles"] <= limit,
        wrong_ramp,
        bool(config.pair) and pins["pair_policy"] == 3,
    )
    return sum(bit << i for i, bit in enumerate(wrong))


def lane_values(beats: Iterable[int], config: ControllerConfig) -> list[int]:
    """What the lanes carry in these beats, D bits each."""
    bits = config.delta_bits
    return [signed(element, bits) for beat in beats for element in elements(beat, bits, config.lanes)]


@dataclass(eq=False)
class Taken:
    """A command from its header on: what it must do (``pulses``, ``reads``) and answer (``data``, ``status``)."""

    command: Command
    cycle: int
    status: int = OK
    either: int | None = None
    """Another status that is right as well."""
    refused: bool = False
    beats: int = 0
    complete: bool = False
    """Its last beat was taken before this cycle."""
    evaluated: bool = False
    begun: bool = False
    released: int = 0
    """ABORTED or FAULT, once a release has come before its answer."""
    undone: bool = False
    """Something was left to do then."""
    data: list[int] = field(default_factory=list)
    pulses: deque[tuple[int, int, int]] = field(default_factory=deque)
    """Operation, row and columns of the pulses to come."""
    reads: int = 0
    conversions: int = 0
    converted: int = 0
    """Conversions seen at the pins."""
    steps: int = 0
    got: list[int] = field(default_factory=list)

    @property
    def acts(self) -> bool:
        """Whether it may do something at the pins or to the random state."""
        return not self.refused and self.command.opcode != LOAD

    @property
    def idle(self) -> bool:
        """Nothing is left to do at the pins."""
        return not self.acts or (self.evaluated and not self.pulses and not self.reads)

    def __str__(self) -> str:
        return str(self.command)
