"""What an array remembers: its cells, clock, numbers and seeds, and how closed loops act on it.

Specification, sections 12 and 18.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.layout import new_block
from pulsetrain.array.port import ArrayPort, port_of
from pulsetrain.array.program import program
from pulsetrain.array.pulses import pulse
from pulsetrain.array.reads import convert
from pulsetrain.array.record import (
    FORM,
    FRESH,
    RESET,
    SET,
    SLOW,
    STUCK,
    STUCK_PULSE,
    WARM,
    bases,
    begun,
    conductances,
    converter_offsets,
    flags,
    header,
    parts_of,
    pulses,
    slow_noise,
    writes,
)
from pulsetrain.array.state import EMPTY, NUMBERS, checked_state, kept_arrays
from pulsetrain.array.time import CLOCK_LIMIT, advance, recompute_ages
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.device.parameters import PICOSIEMENS, ArrayParameters, picosiemens
from pulsetrain.errors import PulsetrainError, check_integer, check_real, check_type
from pulsetrain.numerics.noise import normals, uniforms

NANOSECONDS = 1e9
"""Nanoseconds in a second."""


class ArrayMemory:
    """The cells of an array, its counters and seeds in one block, and closed loops: see ``CrossbarArray``."""

    def __init__(
        self, rows: int, columns: int, parameters: ArrayParameters, seed: int, read_seed: int = 0, *, pair: int = 0
    ) -> None:
        self.rows = check_integer("Rows", rows, 1, 1024)
        self.columns = check_integer("Columns", columns, 1, 1024)
        self.pair = check_integer("Pair", pair, 0, 1)
        if self.pair and self.columns % 2:
            raise PulsetrainError(f"Columns must be an even number in pair mode, not {self.columns}")
        self.parameters = check_type("Array parameters", parameters, ArrayParameters)
        self.seed = check_integer("Noise seed", seed, 0, 2**64 - 1)
        self.read_seed = check_integer("Read seed", read_seed, 0, 2**64 - 1)
        self.weight_columns = self.columns // (1 + self.pair)
        self._shape, self._weight_shape = (self.rows, self.columns), (self.rows, self.weight_columns)
        self._low, self._high = picosiemens(parameters.g_min), picosiemens(parameters.g_max)
        self._reference = picosiemens(parameters.g_reference)
        self._per_weight = parameters.siemens_per_weight * PICOSIEMENS
        self._operation_time = round(parameters.operation_time * NANOSECONDS)
        self.block = new_block(self.rows, self.columns, self.pair, parameters)
        self._head = header(self.block)
        self.parts = parts_of(self.block)
        # Whether the sums of reads are those of code × conductance, and nothing more.
        self._exact_sums = not int(self._head.effects) & (WARM | SLOW) and self.parts.wires is None
        self._conductance = conductances(self.block)[: rows * columns].reshape(self._shape)
        self.conductance = self._conductance.view()
        self._flags = flags(self.block)[: rows * columns]
        self._pulses = pulses(self.block)[: rows * columns]
        areas: dict[str, Callable[..., NDArray[Any]]]
        areas = {"persistent": bases, "writes": writes, "written_at": begun, "slow_noise": slow_noise}
        self._kept = {
            name: areas[name](self.block)[: rows * columns].reshape(self._shape)
            for name, kept in kept_arrays(parameters).items()
            if name in areas and kept.is_kept
        }
        if parameters.fresh:
            self._conductance[...] = picosiemens(parameters.g_fresh)
            self._flags[:] = FRESH
        if "persistent" in self._kept:
            self._kept["persistent"][...] = self.conductance
            self.conductance.flags.writeable = False  # the persistent conductance would not follow
        self._seeded()

    @property
    def operation(self) -> int:
        """Number of the next operation, from 0, modulo 2^64."""
        return int(self._head.operation)

    @property
    def reads(self) -> int:
        """Number of the next read, from 0, modulo 2^64."""
        return int(self._head.reads)

    @property
    def window_hits(self) -> int:
        """Pulses and writes that were cut to the window so far."""
        return int(self._head.window_hits)

    @property
    def clipped(self) -> int:
        """Codes that were clipped so far."""
        return int(self._head.clipped)

    @property
    def stuck(self) -> NDArray[np.bool_]:
        """Cells that never change, (rows, columns)."""
        return self._flagged_with(STUCK)

    @property
    def fresh(self) -> NDArray[np.bool_]:
        """Cells that are not formed yet, (rows, columns)."""
        return self._flagged_with(FRESH)

    @property
    def time(self) -> float:
        """The clock of the array: seconds since it was made, of operations (``operation_time``) and of waiting."""
        return int(self._head.now) / NANOSECONDS

    @property
    def writes(self) -> NDArray[np.uint32]:
        """How often each device was written so far, modulo 2^32: uint32 (rows, columns), a view.

        Raises PulsetrainError unless writes are counted: with the parameter count_pulses, or an effect that needs it.
        """
        if "writes" not in self._kept:
            raise PulsetrainError("Count pulses must be True of an array whose writes are asked for, not False")
        found: NDArray[np.uint32] = self._kept["writes"]
        return found

    @property
    def port(self) -> ArrayPort:
        """The array as C functions (``pulsetrain.array.port``)."""
        return port_of(self.block)

    def wait(self, seconds: float) -> None:
        """Let time pass, 0 or more ``seconds``, rounded to nanoseconds: devices relax and drift (section 18).

        Raises PulsetrainError, and changes nothing, if that is no such number or the clock would pass 2^62 ns.
        """
        nanoseconds = check_real("Time to wait", seconds, low=0, unit="s") * NANOSECONDS
        if nanoseconds > CLOCK_LIMIT - int(self._head.now):
            left = (CLOCK_LIMIT - int(self._head.now)) / NANOSECONDS
            raise PulsetrainError(f"Time to wait must be at most {left:g} s, what the clock has left, not {seconds:g}")
        advance(self.block, round(nanoseconds))

    def use_converters(self, config: ControllerConfig) -> None:
        """Have ``convert`` and the port read as ``config`` says: c_max, a_max and K. ``begin_operation`` does it, too.

        Raises PulsetrainError if ``config`` has another shape than this array.
        """
        shape = (config.rows, config.columns, config.pair)
        if shape != (self.rows, self.columns, self.pair):
            found = f"{self.rows} rows, {self.columns} columns, pair {self.pair}"
            raise PulsetrainError(
                f"Configuration must be that of the array ({found}), not {shape[0]} rows, {shape[1]} columns, "
                f"pair {shape[2]}"
            )
        head = self._head
        head.dac_max, head.adc_max, head.adc_count = config.dac_max, config.adc_max, config.adc_count

    def begin_operation(self, config: ControllerConfig, settings: ControllerSettings) -> None:
        """Begin an operation in closed loops: pulses by ``pulse`` or the port from here to ``end_operation``.

        Their widths and levels count as shares of the nominal ones of ``settings``. Raises PulsetrainError if
        ``config`` or ``settings`` do not fit.
        """
        filled = settings.checked(config)
        self.use_converters(config)
        for operation, cycles, level in nominal_pulses(filled):
            self._head.cycles[operation], self._head.levels[operation] = cycles, level
        self._pulses[:] = 0

    def pulsed_cells(self) -> int:
        """Devices that took at least one pulse since ``begin_operation``."""
        return int(np.count_nonzero(self._pulses))

    def end_operation(self) -> None:
        """End the operation: its time has passed, and the next one has the next number."""
        self._advance()

    def pulse(self, operation: int, row: int, cycles: int, level: int, columns: NDArray[np.uint64]) -> None:
        """One pulse as the port's, ``operation`` by its number; ``columns`` as in ``Slots`` (one slot)."""
        chosen, parts = np.ascontiguousarray(columns, np.uint64), self.parts
        pulse(self.block, operation, row, cycles, level, chosen, parts.measured, parts.disturbs)

    def convert(
        self,
        group: int,
        *,
        first: bool,
        full_scale: int,
        row: int | None = None,
        dac: NDArray[np.int32] | None = None,
        backward: bool = False,
    ) -> NDArray[np.int32]:
        """One conversion as the port's: the K codes of ``group``. Give ``row`` or the codes ``dac`` of a whole read."""
        codes = np.empty(int(self._head.adc_count), np.int32)
        driven = np.zeros(max(self._shape), np.int32) if dac is None else np.ascontiguousarray(dac, np.int32)
        whole, parts = dac is not None, self.parts
        convert(self.block, backward, whole, row or 0, full_scale, group, first, driven, codes, parts.slow, parts.wires)
        return codes

    def state(self) -> dict[str, Any]:
        """A copy of all that changes, with the same keys for all parameters.

        ``conductance``, ``fresh``, the numbers of operations and of reads, window hits, clipped codes, both seeds, the
        clock in ``nanoseconds`` and the number of ideal programmings; of effects that are on, else empty: the
        ``persistent`` conductances, ``writes``, the clock at the last write (``written_at``), and ``slow_noise`` with
        ``slow_reads``, the read that it is from.
        """
        numbers = {
            "operation": self.operation,
            "window_hits": self.window_hits,
            "reads": self.reads,
            "clipped": self.clipped,
            "seed": self.seed,
            "read_seed": self.read_seed,
            "nanoseconds": int(self._head.now),
            "programmings": int(self._head.programmings),
            "slow_reads": int(self._head.slow_reads),
        }
        arrays = {"conductance": self.conductance, "fresh": self.fresh, **self._kept}
        kept = kept_arrays(self.parameters)
        return {
            **{name: arrays[name].copy() if name in arrays else EMPTY[kept[name].kind] for name in kept},
            **numbers,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a ``state``. Raises PulsetrainError, and changes nothing, if it does not fit this array."""
        names = [*kept_arrays(self.parameters), *NUMBERS]
        numbers, arrays = checked_state(state, names, self._shape, self.parameters)
        self._conductance[...] = arrays["conductance"]
        for name, area in self._kept.items():
            area[...] = arrays[name]
        head = self._head
        head.operation, head.reads = np.uint64(numbers["operation"]), np.uint64(numbers["reads"])
        head.slow_reads, head.programmings = np.uint64(numbers["slow_reads"]), numbers["programmings"]
        head.window_hits, head.clipped, head.now = numbers["window_hits"], numbers["clipped"], numbers["nanoseconds"]
        self.seed, self.read_seed = numbers["seed"], numbers["read_seed"]
        self._flags[:] = np.where(arrays["fresh"].reshape(-1), np.uint8(FRESH), np.uint8(0))
        self._seeded()
        if self.parameters.keeps_time:
            recompute_ages(self.block)

    def _seeded(self) -> None:
        """Take over the seeds: what is stuck and the converters' offsets follow from them."""
        self._head.seed, self._head.read_seed = np.uint64(self.seed), np.uint64(self.read_seed)
        self._flags &= np.uint8(FRESH)
        if self.parameters.stuck_share > 0:
            cells = np.arange(self._flags.size)
            uniform = uniforms(self.seed, 0, cells, np.full(cells.size, STUCK_PULSE))
            self._flags[uniform < self.parameters.stuck_share] |= STUCK
        if self.parameters.adc_offset > 0:
            offsets = converter_offsets(self.block)
            for first, lines, direction in ((0, self.weight_columns, 0), (self.columns, self.rows, 1)):
                cells = np.arange(lines)
                offsets[first : first + lines] = normals(self.read_seed, 0, cells, np.full(lines, direction + 2))

    def _flagged_with(self, flag: int) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (self._flags & flag).astype(np.bool_)
        return found.reshape(self._shape)

    def _set_targets(self, targets: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Ideal programming of all devices, (rows, columns) in whole picosiemens; which lay outside their window."""
        par = self.parameters
        if par.programming is None and par.spread is None and not par.counts_pulses:
            self._conductance[...] = np.clip(targets, self._low, self._high)
            self._flags &= np.uint8(STUCK)
            outside: NDArray[np.bool_] = (targets < self._low) | (targets > self._high)
        else:
            outside = np.empty(self._shape, np.bool_)
            program(self.block, np.ascontiguousarray(targets, np.float64).reshape(-1), outside.reshape(-1))
        self._head.programmings = (int(self._head.programmings) + 1) % 2**32
        return outside

    def _advance(self) -> None:
        """End an operation."""
        self._head.operation = np.uint64((self.operation + 1) % 2**64)
        advance(self.block, self._operation_time)


def nominal_pulses(settings: ControllerSettings) -> Iterator[tuple[int, int, int]]:
    """Operation, length in cycles, and level of SET, RESET and FORM pulses without a ramp."""
    yield SET, settings.set_cycles, settings.set_lines.bit_code
    yield RESET, settings.reset_cycles, settings.reset_lines.source_code
    yield FORM, settings.form_cycles, settings.form_lines.bit_code
