"""The tile whose controller is the Verilated RTL, with the golden array at its pins.

Nothing is decided here. Slots and cycles come from the pulses that the RTL reports, codes from its answers, numbers
from its counters. In an open loop the array takes the pulses when an update is over; in verified updates, programming
and reads it stands at the pins. A restored tile replays its random source in the RTL, a beat of zeros at a time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.array.crossbar import CutPulse
from pulsetrain.closed_loop.programming import Programmed, Rounds
from pulsetrain.contract.commands import CELL_STATE, HEADER
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.counters import ControllerCounters
from pulsetrain.contract.enumerations import FORM_KEY, Opcode, Polarity, ProgramMode, Side, Which
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.controller.fired import FiredCells
from pulsetrain.controller.golden import checked_deltas
from pulsetrain.controller.random_source import RandomSource
from pulsetrain.controller.slots import Slots
from pulsetrain.device.catalogue import DEFAULT_DEVICE
from pulsetrain.device.device import Device
from pulsetrain.errors import check_integer, check_type
from pulsetrain.simulator.commands import Packets, load, plain, programming, updates
from pulsetrain.simulator.library import RtlController
from pulsetrain.simulator.run import RtlError, SimulatorRun, Stalls
from pulsetrain.simulator.structures import RunEnd
from pulsetrain.tiles.array_tile import DEFAULT_SETTINGS, ArrayTile, Vectors
from pulsetrain.tiles.reports import TileDecision, pulse_numbers

READS_AT_ONCE = 1024
_FORM = 2  # as polarity of a slot
_OPCODES = {ProgramMode.PROGRAM: Opcode.PROGRAM, ProgramMode.FORM: Opcode.FORM, ProgramMode.REFRESH: Opcode.REFRESH}


class RtlTile(ArrayTile):
    """Verilated controller and golden array.

    Arguments as for ModelTile, with the same results to the last bit; reports also carry clock cycles, from the first
    command offered until the last answer. ``library``: a library of ``build_library`` for ``config``; None builds it
    (once, about half a minute). ``check_pins``: hold the pins against the safety rules in every cycle.
    ``conversion_cycles``: that the converters take; ``stalls``: random ones at all pins.
    Raises PulsetrainError for illegal arguments, ToolError if a tool for the build is missing, RtlError if the
    RTL breaks a rule, refuses a command or latches a fault.
    """

    def __init__(
        self,
        config: ControllerConfig = CONFIGS["base"],
        settings: ControllerSettings = DEFAULT_SETTINGS,
        device: Device = DEFAULT_DEVICE,
        seed: int = 1,
        threshold_weight: float | None = None,
        *,
        library: Path | None = None,
        check_pins: bool = False,
        conversion_cycles: int = 1,
        stalls: Stalls | None = None,
    ) -> None:
        super().__init__(config, settings, device, seed, threshold_weight)
        self.check_pins = check_type("Check of the pins", check_pins, bool)
        self.conversion_cycles = check_integer("Conversion cycles", conversion_cycles, 1, 2**31)
        self.stalls = None if stalls is None else check_type("Stalls", stalls, Stalls)
        self.controller = RtlController(config, library=library)
        self.controller.seed(self.seeds.controller)
        self._arm()

    def close(self) -> None:
        self.controller.close()

    def update_aborted(self, deltas: ArrayLike, abort_cycle: int) -> SimulatorRun:
        """Request a change in delta units and raise ``abort_all`` in clock cycle ``abort_cycle`` (from 0) of it.

        The pulses that were started change the array, the one that was cut by its share (specification, section 12).
        What was dropped is lost; the beats that were taken have stepped the random source. Not counted as an update.
        Returns how the run went: ABORTED, or DONE if the request was finished before.
        """
        checked = checked_deltas(deltas, self.config)
        check_integer("Abort cycle", abort_cycle, 0, 2**62)
        result = self._updated(updates(self.config, checked[np.newaxis]), self.settings, abort_cycle)
        if not self.settings.verify:
            self._apply(result)
        if result.status is not RunEnd.ABORTED:
            result.check()
        return result

    def _decide(self, deltas: NDArray[np.signedinteger], settings: ControllerSettings) -> TileDecision:
        return self._decided(updates(self.config, deltas[np.newaxis]), settings)

    def _decide_vectors(self, vectors: Vectors, settings: ControllerSettings) -> TileDecision:
        loads = [
            load(self.config, side, which, codes[np.newaxis])
            for side, both in zip((Side.ROWS, Side.COLUMNS), vectors, strict=True)
            for which, codes in zip(Which, both, strict=False)
        ]
        opcode = Opcode.UPDATE_OUTER if len(loads) == 2 else Opcode.UPDATE_DIFFERENCE
        return self._decided(Packets.join([*loads, plain(opcode)]), settings)

    def _read(self, codes: NDArray[np.int32], backward: bool) -> tuple[NDArray[np.int16], int]:
        config = self.config
        lines = config.rows if backward else config.weight_columns
        out, cycles = np.empty((len(codes), lines), np.int16), 0
        self.array.use_converters(config)
        for first in range(0, len(codes), READS_AT_ONCE):
            some = codes[first : first + READS_AT_ONCE]
            loads = load(config, Side.COLUMNS if backward else Side.ROWS, Which.A, some)
            reads = plain(Opcode.READ_BACKWARD if backward else Opcode.READ_FORWARD, len(some))
            result = self._execute(Packets.alternate([loads, reads]), self.settings).check()
            self._count("read", result.counters.reads, len(some))
            out[first : first + len(some)] = result.data.reshape(len(some), -1)[:, :lines]
            cycles += result.cycles
        return out, cycles

    def _program(self, targets: NDArray[np.int16], mode: ProgramMode) -> tuple[Programmed, int]:
        config = self.config
        self.controller.check_open()
        self.array.begin_operation(config, self.settings)
        try:
            packets = programming(config, _OPCODES[mode], targets)
            result = self._execute(packets, self.settings, form_key=FORM_KEY if mode is ProgramMode.FORM else 0)
        finally:
            self.array.end_operation()
        result.check()
        self._count("slot", result.counters.slots, len(result.pulses))
        beats = result.data.reshape(config.rows, config.column_groups, 2, config.adc_count).astype(np.int16)
        codes, states = (
            beats[:, :, kind].reshape(config.rows, -1)[:, : config.weight_columns].copy() for kind in (0, 1)
        )
        slots = reported_slots(result.pulses)
        numbers = pulse_numbers(slots, config)
        programmed = Programmed(
            slots=slots,
            codes=codes,
            tries=CELL_STATE["tries"].of(states).astype(np.uint8),
            failed=CELL_STATE["failed"].of(states) != 0,
            left_alone=CELL_STATE["left_alone"].of(states) != 0,
            rounds=_rounds(result.counters),
            pulses_set=numbers["pulses_set"],
            pulses_reset=numbers["pulses_reset"],
            pulses_form=numbers["pulses_form"],
            cells_written=numbers["cells_set"] + numbers["cells_reset"] + numbers["cells_form"],
        )
        return programmed, result.cycles

    def _execute(
        self,
        packets: Packets,
        settings: ControllerSettings,
        *,
        form_key: int = 0,
        abort_cycle: int | None = None,
    ) -> SimulatorRun:
        """Send commands with the array at the pins; unless they are updates in an open loop, it is changed at once."""
        open_loop = not settings.verify and HEADER["opcode"].of(int(packets.rows["header"][-1])) in range(
            Opcode.UPDATE, Opcode.PROGRAM
        )
        return self.controller.execute(
            packets,
            settings,
            array=None if open_loop else self.array.port,
            conversion_cycles=self.conversion_cycles,
            stalls=self.stalls,
            abort_cycle=abort_cycle,
            form_key=form_key,
            check_pins=self.check_pins,
        )

    def _updated(self, packets: Packets, settings: ControllerSettings, abort_cycle: int | None = None) -> SimulatorRun:
        """Run one update; a verified one is an operation of the array from its first pulse to its last."""
        if not settings.verify:
            return self._execute(packets, settings, abort_cycle=abort_cycle)
        self.controller.check_open()
        self.array.begin_operation(self.config, settings)
        try:
            return self._execute(packets, settings, abort_cycle=abort_cycle)
        finally:
            self.array.end_operation()
            self._last_slots = Slots.none(self.config)

    def _decided(self, packets: Packets, settings: ControllerSettings) -> TileDecision:
        result = self._updated(packets, settings)
        if result.status is not RunEnd.DONE and not settings.verify:
            self._apply(result)
        result.check()
        self._count("slot", result.counters.slots, len(result.pulses))
        slots = reported_slots(result.pulses)
        if not settings.verify:
            devices = FiredCells.of(slots.counts(self.config))
            return TileDecision(devices, result.counters.saturated, len(slots), lambda: slots, result.cycles)
        rose = result.counters
        return TileDecision(None, rose.saturated, len(slots), lambda: slots, result.cycles, rounds=_rounds(rose))

    def _count(self, thing: str, found: int, wanted: int) -> None:
        """Raise RtlError if a counter of the RTL did not rise by what was seen at its pins."""
        if found != wanted:
            raise RtlError(f"The RTL's {thing} counter must rise by {wanted}, not {found}")

    def _apply(self, result: SimulatorRun) -> None:
        """Change the array by the pulses of a run that ended early; only the last of them can be cut short."""
        cut = None
        whole = result.pulses
        if len(whole) and whole["cut"][-1]:
            last, whole = whole[-1], whole[:-1]
            polarity = Polarity(int(last["polarity"]))
            width = self.settings.set_cycles if polarity is Polarity.SET else self.settings.reset_cycles
            columns = reported_slots(result.pulses[-1:]).column_list(0)
            cut = CutPulse(int(last["row"]), polarity, tuple(columns), int(last["cycles"]), width)
        self._last_slots = Slots.none(self.config)
        if len(result.pulses):
            self.array.apply_pulses(reported_slots(whole).counts(self.config), cut)

    def _arm(self) -> None:
        limit = self.settings.pulse_limit
        self.controller.arm(self.config.cycles_max if limit is None else limit)

    def _controller_state(self) -> tuple[int, int]:
        back = self.controller.readback()
        return back.random_seed, back.random_steps

    def _restore_controller(self, seed: int, steps: int) -> None:
        """Seed the RTL and replay its steps (about a microsecond each), then compare its state with the model's."""
        now = self.controller.readback()
        if now.fault or not now.armed or now.random_seed != seed or now.random_steps > steps:
            self.controller.reset()
            self.controller.seed(seed)
            self._arm()
            now = self.controller.readback()
        self.controller.replay(steps - now.random_steps)
        source = RandomSource(self.config, seed)
        source.skip(steps)
        wanted = source.state_words()
        found = self.controller.state(len(wanted))
        if not np.array_equal(found, wanted):
            word = int(np.flatnonzero(found != wanted)[0])
            values = f"{int(wanted[word]):#010x}, not {int(found[word]):#010x}"
            raise RtlError(f"Word {word} of the RTL's random state after {steps} steps must be {values}")


def _rounds(rose: ControllerCounters) -> Rounds:
    """What the controller counted of rounds."""
    return Rounds(rose.reads, rose.conversions, rose.verified, rose.unreached, rose.unverified)


def reported_slots(pulses: NDArray[np.void]) -> Slots:
    """The slots of finished pulses in the order of their reports. ``pulses``: as in ``SimulatorRun``."""
    polarity = np.where(pulses["form"] != 0, _FORM, pulses["polarity"]).astype(np.uint8)
    return Slots(pulses["row"].astype(np.int32), polarity, np.ascontiguousarray(pulses["columns"]))
