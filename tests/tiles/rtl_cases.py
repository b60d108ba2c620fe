"""A small configuration of odd sizes and slow settings, for tests of tiles on the RTL."""

from __future__ import annotations

from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import Unselected
from pulsetrain.contract.settings import ControllerSettings, LineSettings

ODD = ControllerConfig(rows=3, columns=70, lanes=7, delta_bits=19, random_bits=13, pulse_count_bits=3, time_bits=8,
                       amplitude_bits=5, queue_depth=2, dac_bits=5, adc_bits=6, adc_count=16)  # fmt: skip
SLOW = ControllerSettings(
    threshold_log2=9,
    max_pulses=4,
    parallel_max=3,
    setup_cycles=3,
    set_cycles=2,
    reset_cycles=5,
    hold_cycles=2,
    recovery_cycles=4,
    pulse_limit=5,
    set_lines=LineSettings(1, 2, 3, Unselected.FLOAT, Unselected.INHIBIT, Unselected.GROUND),
    reset_lines=LineSettings(31, 30, 29, Unselected.INHIBIT, Unselected.GROUND, Unselected.FLOAT),
)
