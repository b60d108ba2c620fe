"""The golden model of the controller: random words, decisions and slots, bit-exact to the specification."""

from pulsetrain.controller.golden import Decisions, GoldenController
from pulsetrain.controller.random_source import RandomSource
from pulsetrain.controller.slots import Slots

__all__ = ["Decisions", "GoldenController", "RandomSource", "Slots"]
