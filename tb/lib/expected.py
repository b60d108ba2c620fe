"""What the golden model expects of a request, in the form in which the monitors see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pulsetrain.contract.configuration import ControllerConfig
from pulsetrain.contract.enumerations import PairPolicy, Polarity, Ramp
from pulsetrain.contract.settings import SETTINGS_ERRORS, ControllerSettings, RampSettings, groups_of
from pulsetrain.controller.slots import Slots, fired_cells, make_slots

from tb.lib.coverage import coverage

Place = tuple[int, Polarity, int]
"""Row, polarity, columns as a mask."""


def places(slots: Slots) -> list[Place]:
    """Slots as rows, polarities and column masks."""
    words = [sum(int(word) << 64 * i for i, word in enumerate(mask)) for mask in slots.columns]
    return [
        (int(row), Polarity(int(polarity)), mask)
        for row, polarity, mask in zip(slots.row, slots.polarity, words, strict=True)
    ]


def slots_of(counts: NDArray[np.int16], parallel_max: int) -> list[Place]:
    """The slots of signed counts (rows, columns), by the golden model."""
    return places(make_slots(counts, fired_cells(counts), parallel_max))


def devices(counts: NDArray[np.int16], policy: PairPolicy) -> NDArray[np.int16]:
    """Signed pulses of the devices (rows, 2 · weights) for those of their weights: the table of section 15."""
    up, down = np.maximum(counts, 0), np.maximum(-counts, 0)
    out = np.zeros((counts.shape[0], 2 * counts.shape[1]), np.int16)
    if policy is PairPolicy.SET_ONLY:
        out[:, 0::2], out[:, 1::2] = up, down
    elif policy is PairPolicy.RESET_ONLY:
        out[:, 0::2], out[:, 1::2] = -down, -up
    else:
        out[:, 0::2], out[:, 1::2] = counts, -counts
    return out


def cover_rows(counts: NDArray[np.int16], parallel_max: int) -> None:
    """Count what the rows of a request exercise."""
    for row in counts:
        sets, resets = int((row > 0).sum()), int((row < 0).sum())
        fires = sets + resets
        coverage.hit("row", "empty" if not fires else "full" if fires == len(row) else "mixed")
        coverage.hit("row", "SET and RESET", sets > 0 and resets > 0)
        most = max(sets, resets)
        if not fires:
            coverage.hit("slots of a row", "none")
        elif most > parallel_max:
            coverage.hit("slots of a row", "split by parallel_max")
        elif most > 1:
            coverage.hit("slots of a row", "not split, several cells")
        coverage.hit("slots of a row", "one", fires == 1 and int(np.abs(row).max()) == 1)
        coverage.hit("slots of a row", "repeated", bool((np.abs(row) > 1).any()))


def settings_error(config: ControllerConfig, pins: Mapping[str, int], limit: int) -> int:
    """``settings_error`` for what is on the pins of the settings and the armed limit (section 2)."""
    wrong = {
        "threshold_log2": not 1 <= pins["threshold_log2"] <= config.random_bits,
        "max_pulses": pins["max_pulses"] == 0,
        "parallel_max": not 1 <= pins["parallel_max"] <= config.columns,
        "setup_cycles": pins["setup_cycles"] == 0,
        "set_cycles": not 1 <= pins["set_cycles"] <= limit,
        "reset_cycles": not 1 <= pins["reset_cycles"] <= limit,
        "hold_cycles": pins["hold_cycles"] == 0,
        "recovery_cycles": pins["recovery_cycles"] == 0,
        "ready_limit": pins["ready_limit"] == 0,
        "settle_cycles": pins["settle_cycles"] == 0,
        "conversion_limit": pins["conversion_limit"] == 0,
        "forward_full_scale": pins["forward_full_scale"] == 0,
        "backward_full_scale": pins["backward_full_scale"] == 0,
        "verify_full_scale": pins["verify_full_scale"] == 0,
        "verify_step": pins["verify_step"] == 0,
        "verify_tolerance": 2 * pins["verify_tolerance"] > pins["verify_step"],
        "try_limit": pins["try_limit"] == 0,
        "form_cycles": not 1 <= pins["form_cycles"] <= limit,
        "ramp": _ramp_error(config, pins, limit),
        "verify": bool(pins["verify"]) and not config.verify_lanes,
        "pair_policy": bool(config.pair) and pins["pair_policy"] > max(PairPolicy),
    }
    return sum(wrong[name] << bit for bit, name in enumerate(SETTINGS_ERRORS))


def _ramp_error(config: ControllerConfig, pins: Mapping[str, int], limit: int) -> bool:
    """Whether the kind of ramp, or one of its values under that kind, is illegal (section 16)."""
    kind = pins["ramp"]
    low, high = (1, limit) if kind == Ramp.WIDTH else (0, (1 << config.amplitude_bits) - 1)
    ramps = [
        (pins[f"{name}__start"], pins[f"{name}__stop"])
        for name, group in groups_of(ControllerSettings).items()
        if group is RampSettings
    ]
    legal = all(low <= start <= stop <= high for start, stop in ramps)
    return kind > max(Ramp) or (kind != Ramp.NONE and not legal)


def first_difference(got: list[Any], wanted: list[Any], thing: str) -> str:
    """Where two lists differ first, empty if they are equal."""
    for i, (a, b) in enumerate(zip(got, wanted, strict=False)):
        if a != b:
            return f"{thing} {i} is {a}, the model has {b}"
    if len(got) != len(wanted):
        return f"{len(got)} of {thing}, the model has {len(wanted)}"
    return ""
