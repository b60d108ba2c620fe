"""The fitted device in the golden array: what pulses and time do to as many cells as are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.device.parameters import PICOSIEMENS, ArrayParameters

Floats = NDArray[np.float64]

_LINES = 1024  # rows and columns of the largest array


def simulate_steps(parameters: ArrayParameters, polarity: str, before: Floats, seed: int) -> Floats:
    """The change in siemens by one pulse ("set" or "reset") of a cell at each conductance of ``before`` (siemens)."""
    parameters = parameters.replace(relaxation=None, drift=None)  # a pulse acts on the conductance as it is
    found = np.empty(before.size)
    sign = 1 if polarity == "set" else -1
    for number, (part, values, array) in enumerate(_arrays(parameters, before, seed)):
        array.conductance[...] = np.rint(values * PICOSIEMENS)
        start = array.conductance.reshape(-1).astype(np.int64)
        cells = np.arange(start.size)
        array.apply_fired(cells, np.full(cells.size, sign, np.int16))
        change = array.conductance.reshape(-1) - start
        first = number * _LINES * _LINES
        found[first : first + part] = change[:part] / PICOSIEMENS
    return found


def simulate_relaxation(
    parameters: ArrayParameters, before: Floats, times: Sequence[float], seed: int
) -> NDArray[np.float64]:
    """The change in siemens since ``before`` at rising ``times`` after the write: (times, cells)."""
    found = np.empty((len(times), before.size))
    for number, (part, values, array) in enumerate(_arrays(parameters, before, seed)):
        array.set_weights((values - parameters.g_reference) / parameters.siemens_per_weight)
        start = array.conductance.reshape(-1).astype(np.int64)
        first = number * _LINES * _LINES
        clock = 0  # nanoseconds, so that every wait ends at the rounded time itself
        for k, time in enumerate(times):
            until = round(time * 1e9)
            array.wait((until - clock) / 1e9)
            clock = until
            change = array.conductance.reshape(-1) - start
            found[k, first : first + part] = change[:part] / PICOSIEMENS
    return found


def _arrays(parameters: ArrayParameters, before: Floats, seed: int) -> Iterator[tuple[int, Floats, CrossbarArray]]:
    """Arrays with a cell for each of ``before`` in turn: how many of its cells count, the conductances (rows, columns)
    of all, the last of ``before`` filling up, and the array, as it was made."""
    for number, first in enumerate(range(0, before.size, _LINES * _LINES)):
        part = before[first : first + _LINES * _LINES]
        columns = min(_LINES, part.size)
        rows = -(-part.size // columns)
        values = np.concatenate([part, np.full(rows * columns - part.size, part[-1])]).reshape(rows, columns)
        yield part.size, values, CrossbarArray(rows, columns, parameters, seed * 1000 + number)
