"""The array at the core's pins: a golden crossbar array, its DACs with input registers, its converters.

Pulses act when they are reported, a read of the whole array uses the DAC codes that were loaded when it began.
"""

from __future__ import annotations

import ctypes
from random import Random
from typing import Any

import numpy as np
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.settings import ControllerSettings

from tb.core.rules import signed
from tb.lib.common import check, joined

_U32 = ctypes.c_uint32
_PULSE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, _U32, _U32, _U32, _U32, ctypes.c_void_p)
_CONVERT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, _U32, _U32, _U32, _U32, _U32, _U32, ctypes.c_void_p, ctypes.c_void_p)


MOST_LATE = 6
"""The longest time in cycles for which array and converters keep the core waiting."""


class ArrayAtPins:
    """``inputs`` are the DACs' input registers by side (0 rows, 1 columns), ``active`` what they drive.

    ``quick``: ready and converted at once; ``late``: never ready; ``mute``: converters that never answer.
    """

    def __init__(self, config: ControllerConfig, array: CrossbarArray, random: Random) -> None:
        self.config, self.array, self.random = config, array, random
        self.begun = self.late = self.mute = False
        self.quick = True
        self._low = self._wait = self._codes_on_pins = 0
        self.power_up()

    def power_up(self) -> None:
        """Nothing is loaded, nothing runs."""
        self.inputs = [np.zeros(self.config.rows, np.int32), np.zeros(self.config.weight_columns, np.int32)]
        self.active = [side.copy() for side in self.inputs]
        self.whole = self.backward = self.row = self.full_scale = 0
        self.first = True

    def load(self, side: int, index: int, codes: list[int]) -> None:
        """A beat on the ``dac`` pins, elements as bit patterns."""
        register, config = self.inputs[side], self.config
        first = index * config.lanes
        check(first < len(register), lambda: f"DAC beat {index} of side {side} lies beyond the last line")
        values = [signed(code, config.dac_bits) for code in codes]
        used = len(register) - first
        check(not any(values[used:]), "DAC lanes beyond the last line must carry 0")
        check(max(map(abs, values)) <= config.dac_max, "a DAC code lies outside its range")
        register[first : first + config.lanes] = values[:used]

    def select(self, *, whole: int, backward: int, row: int, full_scale: int) -> None:
        """A read begins."""
        self.whole, self.backward, self.row, self.full_scale = whole, backward, row, full_scale
        self.first = True
        if whole:
            self.active = [side.copy() for side in self.inputs]

    def answer(self, phase: str, count: int, group: int) -> dict[str, int]:
        """The array's pins in the next cycle, cycle ``count`` (from 0) of ``phase``; at random where nobody looks."""
        random, bits = self.random, self.config.adc_bits * self.config.adc_count
        self._low = self._low + 1 if phase == "setup" else 0
        ready = self.quick or random.random() < 0.5 or self._low > MOST_LATE
        pins = {"crossbar__ready": int(ready and not (self.late and phase == "setup"))}
        if phase == "wait":
            if count == 0:
                self._codes_on_pins = self.convert(group)
                self._wait = 1 if self.quick else random.choice((1, 1, 2, random.randint(1, MOST_LATE)))
            ends = count + 1 >= self._wait and not self.mute
            pins["crossbar__converted"] = int(ends)
            pins["crossbar__codes"] = self._codes_on_pins if ends else random.getrandbits(bits)
        elif phase != "idle":
            pins["crossbar__converted"] = random.getrandbits(1)
        return pins

    def begin(self, settings: ControllerSettings) -> None:
        """The operations that follow belong to an update or programming with these settings."""
        self.array.begin_operation(self.config, settings)
        self.begun = True

    def end(self) -> None:
        """The end of what ``begin`` began."""
        if self.begun:
            self.array.end_operation()
        self.begun = False

    def pulse(self, operation: int, row: int, cycles: int, level: int, columns: int) -> None:
        """A pulse that was reported."""
        words = np.array([columns >> 64 * i & 2**64 - 1 for i in range((self.config.columns + 63) // 64)], np.uint64)
        port = self.array.port
        _PULSE(port.pulse)(port.context, operation, row, cycles, level, words.ctypes.data)

    def convert(self, group: int) -> int:
        """The codes of a group as on the pins; converters without a line say anything."""
        config = self.config
        groups = config.row_groups if self.backward else config.column_groups
        check(group < groups, lambda: f"group {group} is converted, there are {groups}")
        if self.whole:
            if self.first:
                self._codes: Any = self.array.read(
                    self.active[self.backward][None, :],
                    backward=bool(self.backward),
                    full_scale=self.full_scale,
                    dac_max=config.dac_max,
                    adc_max=config.adc_max,
                )[0]
            codes = self._codes[group * config.adc_count : (group + 1) * config.adc_count]
        else:
            codes = np.zeros(config.adc_count, np.int32)
            port, driven = self.array.port, self.active[0]
            arguments = (0, 0, self.row, self.full_scale, group, int(self.first), driven.ctypes.data, codes.ctypes.data)
            _CONVERT(port.convert)(port.context, *arguments)
        self.first = False
        lines = config.rows if self.backward else config.weight_columns
        used = min(config.adc_count, lines - group * config.adc_count)
        unused = [self.random.getrandbits(config.adc_bits) for _ in range(config.adc_count - used)]
        return joined([*codes[:used], *unused], config.adc_bits)
