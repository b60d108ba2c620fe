"""What is saved of an array, and the checks before it is taken over. Specification, sections 12 and 18."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.record import G_TOP
from pulsetrain.array.time import CLOCK_LIMIT
from pulsetrain.device.parameters import ArrayParameters, picosiemens
from pulsetrain.errors import PulsetrainError, check_array, check_integer

NUMBERS = {
    "operation": ("Operation number", 2**64 - 1),
    "window_hits": ("Window hits", 2**63 - 1),
    "reads": ("Read number", 2**64 - 1),
    "clipped": ("Clipped codes", 2**63 - 1),
    "seed": ("Noise seed", 2**64 - 1),
    "read_seed": ("Read seed", 2**64 - 1),
    "nanoseconds": ("Clock of an array state", CLOCK_LIMIT),
    "programmings": ("Number of ideal programmings", 2**32 - 1),
    "slow_reads": ("Read number of the slow noise", 2**64 - 1),
}
"""Integers of a state: their names in messages, and the largest value of each."""


EMPTY: dict[type[np.generic], NDArray[Any]] = {kind: np.empty(0, kind) for kind in (np.int32, np.uint32, np.int64)}
"""What states have in place of arrays that are not kept. One for all, so such states may be compared by ==."""


class Kept(NamedTuple):
    """An array of a state: its name in messages, its type, and whether the array keeps it (else it is empty)."""

    thing: str
    kind: type[np.generic]
    is_kept: bool


def kept_arrays(parameters: ArrayParameters) -> dict[str, Kept]:
    """The arrays of a state, by their keys, which are the same for all parameters."""
    timed, slow = parameters.keeps_time, parameters.flicker is not None or parameters.telegraph is not None
    return {
        "conductance": Kept("Conductance", np.int32, True),
        "fresh": Kept("Fresh cells", np.bool_, True),
        "persistent": Kept("Persistent conductance", np.int32, timed or parameters.apparent_noise > 0),
        "writes": Kept("Writes", np.uint32, parameters.counts_pulses),
        "written_at": Kept("Times of writes", np.int64, timed),
        "slow_noise": Kept("Slow noise", np.int32, slow),
    }


def checked_state(
    state: Mapping[str, Any], names: list[str], shape: tuple[int, int], parameters: ArrayParameters
) -> tuple[dict[str, int], dict[str, NDArray[Any]]]:
    """The integers and the arrays of a ``state`` that must have ``names``.

    Raises PulsetrainError if it is not one of an array of that ``shape`` and ``parameters``.
    """
    if not isinstance(state, Mapping):
        raise PulsetrainError(f"Array state must be a mapping of names to values, not {state!r}")
    if any(name not in state for name in names):
        raise PulsetrainError(f"Array state must have {', '.join(names)}, not {sorted(state)}")
    arrays = {}
    for name, kept in kept_arrays(parameters).items():
        array = check_array(f"{kept.thing} of an array state", state[name])
        expected = shape if kept.is_kept else (0,)
        if array.dtype != kept.kind or array.shape != expected:
            wanted, found = f"{np.dtype(kept.kind)} {expected}", f"{array.dtype} {array.shape}"
            raise PulsetrainError(f"{kept.thing} of an array state must be {wanted}, not {found}")
        arrays[name] = array
    numbers = {name: check_integer(thing, state[name], 0, high) for name, (thing, high) in NUMBERS.items()}
    low, high = _bounds(parameters)
    _check_within("Conductance", arrays["conductance"], low, high, "pS")
    _check_within("Persistent conductance", arrays["persistent"], 0, G_TOP, "pS")
    _check_within("Times of writes", arrays["written_at"], 0, numbers["nanoseconds"], "ns")
    fresh = int(np.count_nonzero(arrays["fresh"]))
    if fresh and not parameters.fresh:
        raise PulsetrainError(f"Fresh cells of an array state must be none without the parameter fresh, not {fresh}")
    return numbers, arrays


def _bounds(parameters: ArrayParameters) -> tuple[int, int]:
    """Where conductances may lie: a device with a window of its own, or left to itself, may leave the nominal one."""
    roams = (
        parameters.keeps_time
        or parameters.apparent_noise > 0
        or parameters.spread is not None
        or parameters.endurance is not None
    )
    return (0, G_TOP) if roams else (picosiemens(parameters.g_min), picosiemens(parameters.g_max))


def _check_within(thing: str, array: NDArray[Any], low: int, high: int, unit: str) -> None:
    if array.size and (int(array.min()) < low or int(array.max()) > high):
        found = f"{array.min()} to {array.max()} {unit}"
        raise PulsetrainError(f"{thing} must be between {low} and {high} {unit}, not {found}")
