"""A core that plays the cycles in its deltas, for tests of what stands around the RTL: its cycles, slots and reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.simulator.commands import Packets, updates
from pulsetrain.simulator.library import RtlController
from pulsetrain.simulator.run import SimulatorRun

CONFIG = ControllerConfig(rows=16, columns=4, lanes=4, adc_count=2, synchronisers=0)
SETTINGS = ControllerSettings(
    setup_cycles=2, set_cycles=3, reset_cycles=2, form_cycles=4, hold_cycles=1, recovery_cycles=2, settle_cycles=2,
    forward_full_scale=5, backward_full_scale=6, verify_full_scale=7,
)  # fmt: skip
PUPPET = Path(__file__).with_name("puppet.v")
WAITS = 0x80
"""Tag of a command that the puppet answers with the next update, so that it is at work while the update plays."""

Cycle = dict[str, int]
FIELDS = (("operation", 3), ("select", 1), ("strobe", 1), ("row", 4), ("columns", 4), ("report", 1), ("polarity", 1),
          ("report_row", 4), ("report_columns", 4), ("cycles", 8), ("cut", 1), ("form", 1), ("whole", 1),
          ("convert", 1), ("level", 1), ("code", 8), ("dac_valid", 1), ("dac_side", 1), ("fault", 1),
          ("silent", 1), ("full_scale", 3), ("group", 3), ("dac_index", 2), ("dac_code", 8))  # fmt: skip


def script(*cycles: Cycle) -> NDArray[np.int16]:
    """Deltas that make the puppet play these cycles, then idle to the end of a request."""
    requests = -(-max(len(cycles), 1) // CONFIG.rows)
    words = np.zeros(requests * CONFIG.rows, np.uint64)
    for index, cycle in enumerate(cycles):
        unknown = set(cycle) - {name for name, _ in FIELDS}
        assert not unknown, f"no such field: {unknown}"
        position = 0
        for name, width in FIELDS:
            words[index] |= np.uint64(cycle.get(name, 0) << position)
            position += width
    return words.view(np.int16).reshape(requests, CONFIG.rows, CONFIG.columns)


def slot(*, operation: int = 1, row: int = 5, columns: int = 0b1010, setup: int = 2, pulse: int = 3, hold: int = 1,
         recovery: int = 2, code: int = 0, level: int = 0, **report: int) -> list[Cycle]:  # fmt: skip
    """The cycles of one slot; ``operation`` by its place (3: FORM), ``report`` overrides what is reported."""
    lines = {"operation": operation, "select": 1, "row": row, "columns": columns, "code": code, "level": level}
    reported = {"report": 1, "polarity": int(operation == 2), "form": int(operation == 3), "report_row": row,
                "report_columns": columns, "cycles": pulse}  # fmt: skip
    cycles = [*[dict(lines)] * setup, *[lines | {"strobe": 1}] * pulse, *[dict(lines)] * hold, *[Cycle()] * recovery]
    cycles[setup + pulse] = cycles[setup + pulse] | reported | report
    return cycles


def read(
    *groups: int, operation: int = 4, settle: int = 2, waits: int = 1, recovery: int = 2, **pins: int
) -> list[Cycle]:
    """The cycles of a whole read of ``groups``, each conversion taking ``waits`` cycles after its start."""
    pins = {"operation": operation, "select": 1, "whole": 1, "full_scale": 5 if operation == 4 else 6} | pins
    cycles = [dict(pins)] * settle
    for group in groups:
        at = pins | {"group": group}
        cycles += [at | {"convert": 1}, *[at] * waits]
    return [*cycles, *[Cycle()] * recovery]


def changed(cycles: list[Cycle], index: int, **changes: int) -> list[Cycle]:
    """The cycles with fields of one of them changed."""
    return [cycle | changes if i == index else cycle for i, cycle in enumerate(cycles)]


def played(puppet: RtlController, packets: Packets, *cycles: Cycle, **options: Any) -> SimulatorRun:
    """Run ``packets``, which stay at work while an update, as long as need be, plays ``cycles``; pins are checked."""
    packets.rows["header"] |= WAITS << 8
    arguments: dict[str, Any] = {"settings": SETTINGS, "check_pins": True} | options
    deltas = script(*cycles)
    playing = updates(CONFIG, deltas.reshape(1, -1, CONFIG.columns))
    playing.rows["beats"] = len(deltas) * CONFIG.rows
    playing.rows["settings"] = int(isinstance(arguments["settings"], list))
    return puppet.execute(Packets.join([packets, playing]), **arguments)


GOOD = slot() + slot(operation=2, pulse=2, row=6)
