"""Arrays and panels that the figures of effects share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pulsetrain.array.crossbar import CrossbarArray
from pulsetrain.device.parameters import ArrayParameters
from pulsetrain.pictures.style import figure


def array(
    rows: int, columns: int, given: Mapping[str, Any] | None = None, *, seed: int = 1, **changes: Any
) -> CrossbarArray:
    """An array of the default device, without any noise, with the named parameters changed."""
    quiet: dict[str, Any] = {"write_noise": 0.0, "read_noise": 0.0}
    return CrossbarArray(rows, columns, ArrayParameters(**(quiet | dict(given or {}) | changes)), seed, seed)


def microsiemens(made: CrossbarArray) -> NDArray[np.float64]:
    """Conductances in µS."""
    return np.asarray(made.conductance * 1e-6, np.float64)


def program(made: CrossbarArray, siemens: float | NDArray[np.float64]) -> None:
    """Bring all devices to the conductance ``siemens``."""
    parameters = made.parameters
    target = np.broadcast_to(siemens, (made.rows, made.columns))
    made.set_weights((target - parameters.g_reference) / parameters.siemens_per_weight)


def read_one_by_one(made: CrossbarArray, count: int) -> NDArray[np.float64]:
    """Column 0 of ``count`` reads of row 0 in µS over the reference; the row is driven alone."""
    codes = np.zeros((count, made.rows), np.int32)
    codes[:, 0] = 2047
    found = made.read(codes, full_scale=2000, dac_max=2047, adc_max=32767)[:, 0]
    return np.asarray(found * (200.0 / 32767), np.float64)


def panels(count: int, *, height: float = 3.6, share_y: bool = False) -> tuple[Any, list[Any]]:
    """A figure with ``count`` panels side by side, ``share_y`` if they are to be compared."""
    made, axes = figure(1, count, width=0.6 + 4.6 * count, height=height, share_y=share_y)
    return made, list(axes[0])
