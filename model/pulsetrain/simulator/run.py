"""What users see of a run of the Verilated core: status, stalls, results, read-back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from pulsetrain.contract.counters import ControllerCounters
from pulsetrain.contract.enumerations import AnswerStatus, Opcode
from pulsetrain.errors import check_integer, check_real
from pulsetrain.simulator.structures import RunEnd


class RtlError(RuntimeError):
    """The RTL did something that the specification does not allow, latched a fault or refused a command."""


@dataclass(frozen=True)
class Stalls:
    """Random stalls, a function of ``seed`` alone, each the probability 0 … 1 in a cycle. ``idle``: no beat of a
    command is offered; ``unready``: the array is not ready; ``blocked``: no answer is taken; ``late``: a conversion
    takes a cycle more (1: for ever), and ``converted`` is high while nobody may look at it."""

    seed: int = 0
    idle: float = 0.0
    unready: float = 0.0
    blocked: float = 0.0
    late: float = 0.0

    def __post_init__(self) -> None:
        check_integer("Stall seed", self.seed, 0, 2**64 - 1)
        for name in ("idle", "unready", "blocked", "late"):
            check_real(f"{name.capitalize()} share", getattr(self, name), low=0.0, high=1.0)


@dataclass(frozen=True)
class Readback:
    """What the core shows between runs (specification, section 10)."""

    random_seed: int
    random_steps: int
    counters: ControllerCounters
    armed: bool
    seeded: bool
    busy: bool
    fault: int


@dataclass(frozen=True)
class SimulatorRun:
    """How a run went.

    ``pulses``: a structured array, one finished pulse each in order of their end, with the fields ``cycle``, ``row``,
    ``polarity``, ``form``, ``level``, ``cycles``, ``cut`` and ``columns`` (uint64 words). Empty if a function took
    them. ``answers``: one of each command taken, in order, with ``opcode``, ``status``, ``tag``, ``beats`` of data
    from ``first`` on, and ``cycle``. ``data``: int16 (beats, K), the data of all answers. ``counters``: by
    how much the controller's own rose.
    """

    status: RunEnd
    pulses: NDArray[np.void]
    answers: NDArray[np.void]
    data: NDArray[np.int16]
    cycles: int
    beats: int
    fault: int
    settings_error: int
    counters: ControllerCounters
    violation: str

    @property
    def commands_done(self) -> int:
        """Commands that were answered with OK."""
        return int(np.count_nonzero(self.answers["status"] == AnswerStatus.OK))

    def data_of(self, answer: int) -> NDArray[np.int16]:
        """The data of one answer: int16 (beats, K)."""
        first = int(self.answers["first"][answer])
        return self.data[first : first + int(self.answers["beats"][answer])]

    def check(self) -> SimulatorRun:
        """This result if every command was answered with OK. Raises RtlError saying how the run ended otherwise."""
        if self.status is not RunEnd.DONE:
            details = {RunEnd.FAULTED: f", fault {self.fault}", RunEnd.UNSAFE: f": {self.violation}"}
            text = f"{self.status.name}{details.get(self.status, '')} after {self.cycles} cycles"
            raise RtlError(f"A run of the RTL must end with DONE, not {text} and {self.commands_done} commands")
        refused = np.flatnonzero(self.answers["status"] != AnswerStatus.OK)
        if refused.size:
            answer = self.answers[refused[0]]
            name = _name(AnswerStatus, answer["status"])
            error = f", settings_error {self.settings_error:#x}" if name == "SETTINGS" else ""
            what = f"command {refused[0]} ({_name(Opcode, answer['opcode'])})"
            raise RtlError(f"Every command must be answered with OK, but {what} was with {name}{error}")
        return self


def _name(kind: type[IntEnum], value: int) -> str:
    """The name of a number, or the number if it has none."""
    return kind(value).name if int(value) in set(kind) else str(value)
