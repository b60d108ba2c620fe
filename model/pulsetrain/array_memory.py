"""What an array remembers: its cells, numbers and seeds, and how closed loops act on it. Specification, section 12."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array_block import (
    ADC_COUNT,
    ADC_MAX,
    AT_OFFSETS,
    AT_SCRATCH,
    CLIPPED,
    CYCLES,
    DAC_MAX,
    FORM,
    FRESH,
    LEVELS,
    OPERATION,
    READ_SEED,
    READS,
    RESET,
    SEED,
    SET,
    STUCK,
    STUCK_PULSE,
    WINDOW_HITS,
    conductances,
    flags,
    pulses,
)
from pulsetrain.array_layout import new_block
from pulsetrain.array_parameters import PICOSIEMENS, ArrayParameters, picosiemens
from pulsetrain.array_port import Port, port_of
from pulsetrain.array_pulse import pulse
from pulsetrain.array_reads import convert
from pulsetrain.config import ControllerConfig, ControllerSettings
from pulsetrain.errors import PulsetrainError, check_integer, check_type
from pulsetrain.noise import normals, uniforms


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
        self._step_set, self._step_reset = picosiemens(parameters.step_set), picosiemens(parameters.step_reset)
        self._sigma = parameters.write_noise * PICOSIEMENS
        self._per_weight = parameters.siemens_per_weight * PICOSIEMENS
        self.block = new_block(self.rows, self.columns, self.pair, parameters)
        self._unsigned = self.block.view(np.uint64)
        self.conductance = conductances(self.block)[: rows * columns].reshape(self._shape)
        self._flags = flags(self.block)[: rows * columns]
        self._pulses = pulses(self.block)[: rows * columns]
        self._flagged = parameters.stuck_share > 0 or parameters.fresh
        if parameters.fresh:
            self.conductance[...] = picosiemens(parameters.g_fresh)
            self._flags[:] = FRESH
        self._seeded()

    @property
    def operation(self) -> int:
        """Number of the next operation, from 0, modulo 2^64."""
        return int(self._unsigned[OPERATION])

    @property
    def reads(self) -> int:
        """Number of the next read, from 0, modulo 2^64."""
        return int(self._unsigned[READS])

    @property
    def window_hits(self) -> int:
        """Pulses and writes that were cut to the window so far."""
        return int(self.block[WINDOW_HITS])

    @property
    def clipped(self) -> int:
        """Codes that were clipped so far."""
        return int(self.block[CLIPPED])

    @property
    def stuck(self) -> NDArray[np.bool_]:
        """Cells that never change, (rows, columns)."""
        return self._flagged_with(STUCK)

    @property
    def fresh(self) -> NDArray[np.bool_]:
        """Cells that are not formed yet, (rows, columns)."""
        return self._flagged_with(FRESH)

    @property
    def port(self) -> Port:
        """The array as C functions (``pulsetrain.array_port``)."""
        return port_of(self.block)

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
        self.block[[DAC_MAX, ADC_MAX, ADC_COUNT]] = config.dac_max, config.adc_max, config.adc_count

    def begin_operation(self, config: ControllerConfig, settings: ControllerSettings) -> None:
        """Begin an operation in closed loops: pulses by ``pulse`` or the port from here to ``end_operation``.

        Their widths and levels count as shares of the nominal ones of ``settings``. Raises PulsetrainError if
        ``config`` or ``settings`` do not fit.
        """
        filled = settings.checked(config)
        self.use_converters(config)
        for operation, cycles, level in nominal_pulses(filled):
            self.block[CYCLES + operation], self.block[LEVELS + operation] = cycles, level
        self._pulses[:] = 0

    def pulsed_cells(self) -> int:
        """Devices that took at least one pulse since ``begin_operation``."""
        return int(np.count_nonzero(self._pulses))

    def end_operation(self) -> None:
        """End the operation: the next one has the next number."""
        self._advance()

    def pulse(self, operation: int, row: int, cycles: int, level: int, columns: NDArray[np.uint64]) -> None:
        """One pulse as the port's: SET 1, RESET 2, FORM 3; ``columns`` as in ``Slots`` (one slot)."""
        pulse(self.block, operation, row, cycles, level, np.ascontiguousarray(columns, np.uint64))

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
        codes = np.empty(int(self.block[ADC_COUNT]), np.int32)
        driven = np.zeros(max(self._shape), np.int32) if dac is None else np.ascontiguousarray(dac, np.int32)
        convert(self.block, backward, dac is not None, row or 0, full_scale, group, first, driven, codes)
        return codes

    def state(self) -> dict[str, Any]:
        """A copy of all that changes: ``conductance``, ``fresh``, the numbers of operations and of reads, window hits,
        clipped codes, and both seeds."""
        return {
            "conductance": self.conductance.copy(),
            "fresh": self.fresh,
            "operation": self.operation,
            "window_hits": self.window_hits,
            "reads": self.reads,
            "clipped": self.clipped,
            "seed": self.seed,
            "read_seed": self.read_seed,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a ``state``. Raises PulsetrainError, and changes nothing, if it does not fit this array."""
        missing = [name for name in self.state() if name not in state]
        if missing:
            raise PulsetrainError(f"Array state must have {', '.join(self.state())}, not {sorted(state)}")
        conductance, fresh = np.asarray(state["conductance"]), np.asarray(state["fresh"])
        for thing, array, kind in (("Conductance", conductance, np.int32), ("Fresh cells", fresh, np.bool_)):
            if array.dtype != kind or array.shape != self._shape:
                wanted, found = f"{np.dtype(kind)} {self._shape}", f"{array.dtype} {array.shape}"
                raise PulsetrainError(f"{thing} of an array state must be {wanted}, not {found}")
        if int(conductance.min()) < self._low or int(conductance.max()) > self._high:
            found = f"{conductance.min()} to {conductance.max()} pS"
            raise PulsetrainError(f"Conductance must be between {self._low} and {self._high} pS, not {found}")
        if fresh.any() and not self.parameters.fresh:
            raise PulsetrainError(
                f"Fresh cells of an array state must be none without the parameter fresh, not {np.count_nonzero(fresh)}"
            )
        numbers = {
            name: check_integer(thing, state[name], 0, high)
            for name, thing, high in (
                ("operation", "Operation number", 2**64 - 1),
                ("window_hits", "Window hits", 2**63 - 1),
                ("reads", "Read number", 2**64 - 1),
                ("clipped", "Clipped codes", 2**63 - 1),
                ("seed", "Noise seed", 2**64 - 1),
                ("read_seed", "Read seed", 2**64 - 1),
            )
        }
        self.conductance[...] = conductance
        self._unsigned[[OPERATION, WINDOW_HITS, READS, CLIPPED]] = [
            np.uint64(numbers[name]) for name in ("operation", "window_hits", "reads", "clipped")
        ]
        self.seed, self.read_seed = numbers["seed"], numbers["read_seed"]
        self._flags[:] = np.where(fresh.reshape(-1), np.uint8(FRESH), np.uint8(0))
        self._seeded()

    def _seeded(self) -> None:
        """Take over the seeds: what is stuck and the converters' offsets follow from them."""
        self._unsigned[SEED], self._unsigned[READ_SEED] = self.seed, self.read_seed
        self._flags &= np.uint8(FRESH)
        if self.parameters.stuck_share > 0:
            cells = np.arange(self._flags.size)
            uniform = uniforms(self.seed, 0, cells, np.full(cells.size, STUCK_PULSE))
            self._flags[uniform < self.parameters.stuck_share] |= STUCK
        if self.parameters.adc_offset > 0:
            offsets = self.block[self.block[AT_OFFSETS] : self.block[AT_SCRATCH]].view(np.float64)
            for first, lines, direction in ((0, self.weight_columns, 0), (self.columns, self.rows, 1)):
                cells = np.arange(lines)
                offsets[first : first + lines] = normals(self.read_seed, 0, cells, np.full(lines, direction + 2))

    def _flagged_with(self, flag: int) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (self._flags & flag).astype(np.bool_)
        return found.reshape(self._shape)

    def _advance(self) -> None:
        self._unsigned[OPERATION] = np.uint64((self.operation + 1) % 2**64)


def nominal_pulses(settings: ControllerSettings) -> Iterator[tuple[int, int, int]]:
    """Operation, length in cycles, and level of SET, RESET and FORM pulses without a ramp."""
    yield SET, settings.set_cycles, settings.set_lines.bit_code
    yield RESET, settings.reset_cycles, settings.reset_lines.source_code
    yield FORM, settings.form_cycles, settings.form_lines.bit_code
