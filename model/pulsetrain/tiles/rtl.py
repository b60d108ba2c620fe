"""The tile whose controller is the Verilated RTL: what it reports at its pins is applied to the golden array.

Nothing is decided here. Counts, slots and cycles come from the pulses that the RTL reports, the number of saturated
cells from its counters. A restored tile replays its random source in the RTL, a beat of zeros at a time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsetrain.array import ArrayParameters, CutPulse
from pulsetrain.config import CONFIGS, ControllerConfig, ControllerSettings, Polarity
from pulsetrain.controller.golden import checked_deltas
from pulsetrain.controller.random_source import RandomSource
from pulsetrain.controller.slots import Slots
from pulsetrain.errors import check_integer
from pulsetrain.tiles.base import DEFAULT_PARAMETERS, DEFAULT_SETTINGS, ArrayTile, Outcome
from pulsetrain.tiles.rtl_library import RtlController
from pulsetrain.tiles.rtl_structures import RtlError, RunResult, Status


class RtlTile(ArrayTile):
    """Verilated controller and golden array.

    Arguments as for ModelTile, with the same results to the last bit; reports also carry clock cycles, from the first
    beat offered until the request is done. ``library``: a library of ``build_library`` for ``config``; None builds it
    (once, about half a minute). ``check_pins``: hold the pins against the safety rules in every cycle.
    Raises PulsetrainError for illegal arguments, ToolError if a tool for the build is missing, RtlError if the
    RTL breaks a rule or latches a fault.
    """

    def __init__(
        self,
        config: ControllerConfig = CONFIGS["base"],
        settings: ControllerSettings = DEFAULT_SETTINGS,
        parameters: ArrayParameters = DEFAULT_PARAMETERS,
        seed: int = 1,
        threshold_weight: float | None = None,
        *,
        library: Path | None = None,
        check_pins: bool = False,
    ) -> None:
        super().__init__(config, settings, parameters, seed, threshold_weight)
        self.check_pins = check_pins
        self.controller = RtlController(config, library=library)
        self.controller.seed(self.seeds.controller)
        self._arm()

    def close(self) -> None:
        self.controller.close()

    def update_aborted(self, deltas: ArrayLike, abort_cycle: int) -> RunResult:
        """Request a change in delta units and raise ``abort`` in clock cycle ``abort_cycle`` (from 0) of it.

        The pulses that were started change the array, the one that was cut by its share (specification, section 12).
        What was dropped is lost; the beats that were taken have stepped the random source. Not counted as an update.
        Returns how the run went: ABORTED, or DONE if the request was finished before.
        """
        checked = checked_deltas(deltas, self.config)
        check_integer("Abort cycle", abort_cycle, 0)
        result = self.controller.run(checked, self.settings, abort_cycle=abort_cycle, check_pins=self.check_pins)
        self._apply(result)
        if result.status is not Status.ABORTED:
            result.check()
        return result

    def _decide(self, deltas: NDArray[np.signedinteger]) -> Outcome:
        result = self.controller.run(deltas, self.settings, check_pins=self.check_pins)
        if result.status is not Status.DONE:
            self._apply(result)
            result.check()
        if result.slots != len(result.pulses):
            raise RtlError(f"The RTL's slot counter must rise by {len(result.pulses)}, not {result.slots}")
        slots = reported_slots(result.pulses)
        return Outcome(slots.counts(self.config), result.saturated, len(slots), lambda: slots, result.cycles)

    def _apply(self, result: RunResult) -> None:
        """Change the array by the pulses of a run that ended early; only the last of them can be cut short."""
        cut = None
        whole = result.pulses
        if len(whole) and whole["cut"][-1]:
            last, whole = whole[-1], whole[:-1]
            polarity = Polarity(int(last["polarity"]))
            width = self.settings.set_cycles if polarity is Polarity.SET else self.settings.reset_cycles
            columns = reported_slots(result.pulses[-1:]).column_list(0)
            cut = CutPulse(int(last["row"]), polarity, tuple(columns), int(last["cycles"]), width)
        self._outcome = None
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
        if now.random_seed != seed or now.random_steps > steps:
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


def reported_slots(pulses: NDArray[np.void]) -> Slots:
    """The slots of finished pulses in the order of their reports. ``pulses``: as in ``RunResult``."""
    return Slots(
        pulses["row"].astype(np.int32), pulses["polarity"].astype(np.uint8), np.ascontiguousarray(pulses["columns"])
    )
