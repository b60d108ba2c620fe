"""What one device does: effects with units and sources, each off unless asked for. Specification, section 18."""

from pulsetrain.device.reading import Flicker, Telegraph, Wires
from pulsetrain.device.retention import Drift, Relaxation, Temperature
from pulsetrain.device.spread import ProgrammingError, Spread
from pulsetrain.device.steps import StepCurve, StepTable
from pulsetrain.device.wear import Disturb, Endurance

__all__ = ["Disturb", "Drift", "Endurance", "Flicker", "ProgrammingError", "Relaxation", "Spread", "StepCurve",
           "StepTable", "Telegraph", "Temperature", "Wires"]  # fmt: skip
