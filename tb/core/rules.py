"""Rules of commands that need no model: operations, lanes, and a command from its header to its answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import AnswerStatus, Opcode, Operation

from tb.core.stimulus import Command
from tb.lib.common import elements

PULSE_OPERATIONS = (Operation.SET, Operation.RESET, Operation.FORM)
"""In the order in which the golden model numbers what its slots do."""
READ_OPERATIONS = {False: Operation.READ_FORWARD, True: Operation.READ_BACKWARD}


def signed(value: int, bits: int) -> int:
    """``value``, two's complement of ``bits``."""
    return value - (1 << bits) if value >> bits - 1 & 1 else value


def lane_values(beats: Iterable[int], config: ControllerConfig) -> list[int]:
    """What the lanes carry in these beats, D bits each."""
    bits = config.delta_bits
    return [signed(element, bits) for beat in beats for element in elements(beat, bits, config.lanes)]


@dataclass(eq=False)
class Taken:
    """A command from its header on: what it must do (``pulses``, ``reads``) and answer (``data``, ``status``)."""

    command: Command
    cycle: int
    status: int = AnswerStatus.OK
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
        return not self.refused and self.command.opcode != Opcode.LOAD

    @property
    def idle(self) -> bool:
        """Nothing is left to do at the pins."""
        return not self.acts or (self.evaluated and not self.pulses and not self.reads)

    def __str__(self) -> str:
        return str(self.command)
