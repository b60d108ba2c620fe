"""What pulses do in the long run, and to neighbours."""

from __future__ import annotations

from dataclasses import dataclass

from pulsetrain.device.checks import G_LIMIT
from pulsetrain.errors import check_integer, check_real


@dataclass(frozen=True)
class Endurance:
    """The window closes with the pulses that a device has taken.

    After n pulses its ends are at ``closes_to`` + (end − ``closes_to``)/(1 + (n/N)^``exponent``): half the window is
    left after N. ``pulses``: the median N, 1 … 1e15; ``spread``: standard deviation of ln N from device to device;
    ``exponent``: 1 … 8, how abruptly it ends; ``closes_to``: siemens.
    """

    pulses: float
    exponent: int = 2
    spread: float = 0.0
    closes_to: float = 0.0

    def __post_init__(self) -> None:
        values = {
            "pulses": check_real("Endurance", self.pulses, low=1, high=1e15, unit="pulses"),
            "exponent": check_integer("Exponent of the endurance", self.exponent, 1, 8),
            "spread": check_real("Spread of the endurance", self.spread, low=0, high=5),
            "closes_to": check_real("Conductance of a worn-out device", self.closes_to, low=0, high=G_LIMIT, unit="S"),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Disturb:
    """Write disturb: half-selected devices move a little when a neighbour on the same line is pulsed.

    Each pulse at a device moves every other device of its column with probability ``column`` and every other of its row
    with probability ``row`` by ``step`` siemens in the direction of the pulse (SET and FORM up, RESET down).
    """

    step: float
    row: float = 0.0
    column: float = 0.0

    def __post_init__(self) -> None:
        values = {
            "step": check_real("Step of a disturb", self.step, low=1e-12, high=G_LIMIT, unit="S"),
            "row": check_real("Probability of a disturb in the row", self.row, low=0, high=0.5),
            "column": check_real("Probability of a disturb in the column", self.column, low=0, high=0.5),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
