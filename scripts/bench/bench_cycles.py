"""Clock cycles of the core over their lower bounds: updates of all three sources, and reads; and of verified updates.

Exact, not timed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pulsetrain.contract.configuration import CONFIGS, ControllerConfig
from pulsetrain.contract.enumerations import Opcode, Side, Which
from pulsetrain.contract.settings import ControllerSettings
from pulsetrain.simulator.commands import Packets, load, plain, updates
from pulsetrain.simulator.library import RtlController
from pulsetrain.tiles.rtl import RtlTile

FIRING = (0.001, 0.01, 0.2)
SLOTS = {
    6: ControllerSettings(),
    8: ControllerSettings(set_cycles=2, reset_cycles=2, recovery_cycles=2),
    16: ControllerSettings(setup_cycles=2, set_cycles=4, reset_cycles=4, hold_cycles=4, recovery_cycles=4),
    50: ControllerSettings(setup_cycles=10, set_cycles=13, reset_cycles=13, hold_cycles=12, recovery_cycles=13),
}
"""Slot length in cycles -> settings: two cycles of the setup are those of the synchronisers."""
SOURCES = {"dense": Opcode.UPDATE, "outer": Opcode.UPDATE_OUTER, "difference": Opcode.UPDATE_DIFFERENCE}
UPDATES = 120
READS = 200
READ_SHAPES = ((2, 1), (18, 2), (38, 6), (98, 14))
"""Cycles to settle, and from the start of a conversion to its end, at the pins."""
VERIFY_LANES = (1, 2, 4, 16)
CONVERSIONS = (2, 8, 16, 32)
"""Start and wait, in cycles."""
VERIFIED_UPDATES = 1


def firing_deltas(config: ControllerConfig, requests: int, share: float, seed: int) -> NDArray[np.int16]:
    """Uniform deltas (requests, rows, columns) that fire ``share`` of the cells at a threshold of 2^12."""
    reach = round(2 * share * 4096)
    shape = (requests, config.rows, config.columns)
    return np.random.default_rng(seed).integers(-reach, reach, shape, np.int16, endpoint=True)


def update_packets(config: ControllerConfig, source: str, share: float, seed: int) -> Packets:
    """``UPDATES`` updates that fire about ``share`` of the cells; those from vectors load new ones each time."""
    if source == "dense":
        return updates(config, firing_deltas(config, UPDATES, share, seed))
    rng = np.random.default_rng(seed)
    reach = max(1, round(2 * np.sqrt(share * 4096) / (1.0 if source == "outer" else 1.2)))  # two products add up
    loads = [
        load(config, side, which, rng.integers(-reach, reach, (UPDATES, lines), np.int16, endpoint=True))
        for which in ((Which.A,) if source == "outer" else Which)
        for side, lines in ((Side.ROWS, config.rows), (Side.COLUMNS, config.columns))
    ]
    return Packets.alternate([*loads, plain(SOURCES[source], UPDATES)])


def lower_bound(slots: Sequence[int], beats: int, slot_cycles: int) -> int:
    """The least cycles of updates with so many ``slots`` each and ``beats`` beats each. Specification, section 7.

    Each begins when all beats before it have been taken and the last but one is done: two are in flight at most (§3).
    """
    taken, done = 0, [0, 0]
    for count in slots:
        begins = max(taken, done[-2])
        taken = begins + beats
        done.append(max(taken, max(begins, done[-1]) + count * slot_cycles))
    return done[-1]


def update_cycles() -> list[dict[str, Any]]:
    """Clock cycles of updates back to back on ``base`` over their lower bound."""
    config = CONFIGS["base"]
    rows = []
    with RtlController(config) as controller:
        controller.seed(1)
        controller.arm(100)
        for source in SOURCES:
            for share in FIRING:
                packets = update_packets(config, source, share, 2)
                for length, settings in SLOTS.items():
                    result = controller.execute(packets, settings.replace(pulse_limit=100)).check()
                    beats = config.beats * (2 if source == "difference" else 1)  # specification, section 7
                    ends = result.answers["cycle"][result.answers["opcode"] == SOURCES[source]]
                    slots = np.bincount(np.searchsorted(ends, result.pulses["cycle"]), minlength=UPDATES)
                    bound = lower_bound(slots.tolist(), beats, length)
                    rows.append({
                        "source": source,
                        "firing": share,
                        "fired": (result.counters.cells_set + result.counters.cells_reset) / (UPDATES * config.cells),
                        "slot_cycles": length,
                        "updates": UPDATES,
                        "sent": result.beats / UPDATES,
                        "slots": len(result.pulses),
                        "cycles": result.cycles,
                        "bound": bound,
                        "ratio": result.cycles / bound,
                    })  # fmt: skip
    return rows


def read_cycles() -> list[dict[str, Any]]:
    """Clock cycles of reads back to back on ``base``, a new vector each, over Σ (settle + conversions)."""
    config = CONFIGS["base"]
    rows = []
    with RtlController(config) as controller:
        controller.arm(100)
        for backward, side, opcode in (
            (False, Side.ROWS, Opcode.READ_FORWARD),
            (True, Side.COLUMNS, Opcode.READ_BACKWARD),
        ):
            lines = config.columns if backward else config.rows
            groups = config.row_groups if backward else config.column_groups
            codes = np.random.default_rng(3).integers(-127, 128, (READS, lines))
            packets = Packets.alternate([load(config, side, Which.A, codes), plain(opcode, READS)])
            for settle, conversion in READ_SHAPES:
                result = controller.execute(packets, ControllerSettings(settle_cycles=settle),
                                            conversion_cycles=conversion).check()  # fmt: skip
                each = settle + config.seen_after + groups * (1 + conversion + config.seen_after)
                rows.append({
                    "direction": "backward" if backward else "forward",
                    "settle_cycles": settle,
                    "conversion_cycles": conversion,
                    "reads": READS,
                    "cycles_each": each,
                    "cycles": result.cycles,
                    "bound": READS * each,
                    "ratio": result.cycles / (READS * each),
                })  # fmt: skip
    return rows


def verified_cycles() -> list[dict[str, Any]]:
    """Clock cycles of a verified update on ``base`` for each read of a row: that read, and the pulses after it."""
    rows = []
    settings = SLOTS[16].replace(setup_cycles=4, settle_cycles=4, verify=1, try_limit=8, pulse_limit=100)
    for lanes in VERIFY_LANES:
        config = CONFIGS["base"].replace(verify_lanes=lanes, synchronisers=0)
        for share in (0.01, 0.2):
            for conversion in CONVERSIONS:
                with RtlTile(config, settings, seed=3, conversion_cycles=conversion - 1) as tile:
                    for deltas in firing_deltas(config, VERIFIED_UPDATES, share, 1):
                        tile.update_deltas(deltas)
                    counters = tile.counters
                rows.append({
                    "verify_lanes": lanes,
                    "firing": share,
                    "conversion_cycles": conversion,
                    "reads": counters.reads,
                    "slots": counters.slots,
                    "cycles": counters.cycles,
                    "cycles_each": counters.cycles / counters.reads,
                })  # fmt: skip
    return rows
